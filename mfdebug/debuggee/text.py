"""A JSON encoder of our own, because the program's `import json` must be the first one."""

from __future__ import annotations

from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def as_json(value: Any) -> str:
    """Return plain data as JSON; anything else becomes null."""
    if value is True or value is False:
        return "true" if value else "false"
    cls = type(value)
    if cls is int:
        return str(value)
    if cls is float:
        # JSON has no infinities and no NaN.
        return repr(value) if value - value == 0 else "null"
    if cls is str:
        return str(encode_basestring_ascii(value))
    if cls in (list, tuple):
        return "[" + ",".join(map(as_json, value)) + "]"
    if cls is dict:
        pairs = (f"{as_json(str(key))}:{as_json(item)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    return "null"
