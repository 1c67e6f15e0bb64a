"""JSON, written by hand: the program's own `import json` must be the first one."""

from __future__ import annotations

from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def as_json(value: Any) -> str:
    """Return plain data as JSON; what is no plain data becomes null."""
    if value is True or value is False:
        return "true" if value else "false"
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is float:
        # Infinities and NaN have no JSON.
        return repr(value) if value - value == 0 else "null"
    if kind is str:
        return str(encode_basestring_ascii(value))
    if kind in (list, tuple):
        return "[" + ",".join(map(as_json, value)) + "]"
    if kind is dict:
        pairs = (f"{as_json(str(key))}:{as_json(one)}" for key, one in value.items())
        return "{" + ",".join(pairs) + "}"
    return "null"
