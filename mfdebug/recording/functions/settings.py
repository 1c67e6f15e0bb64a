"""The arguments of a recorded call: what the recorder notes of them, as Python values.

`@k` is tensor k of the call, `=text` a text, `#inf` a number that is not finite; `["slice", start,
stop, step]` and `...` are parts of an index. A word without a sign is the class of something that
was not noted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from miniflow.importers.pt2.builder import Unsupported

_NOT_FINITE = ("#inf", "#-inf", "#nan")
_TENSOR = re.compile(r"@(\d{1,9})")


def read_setting(setting: Any, tensors: Sequence[Any]) -> Any:
    """Return an argument; raise `Unsupported` for one that was not noted."""
    if isinstance(setting, list | tuple):
        if setting and setting[0] == "slice":
            return slice(*(read_setting(part, tensors) for part in setting[1:]))
        return [read_setting(part, tensors) for part in setting]
    if not isinstance(setting, str):
        return setting
    if setting.startswith("="):
        return setting[1:]
    if setting in _NOT_FINITE:
        return float(setting[1:])
    if setting == "...":
        return Ellipsis
    if (found := _TENSOR.fullmatch(setting)) and int(found[1]) < len(tensors):
        return tensors[int(found[1])]
    raise Unsupported(f"a {setting} as an argument")


def read_options(options: Any, tensors: Sequence[Any]) -> dict[str, Any]:
    """Return arguments that were passed by name."""
    return {str(name): read_setting(setting, tensors) for name, setting in options}
