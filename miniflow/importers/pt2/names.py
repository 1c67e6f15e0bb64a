"""Names of nodes: the path of the module that made a node, and what the op is called.

Parameters have their own names, as in `state_dict`. Names come from a file, so they are checked.
"""

from __future__ import annotations

import re

from miniflow import limits
from miniflow.text.characters import is_printable

# A module that is called several times: `rnn@1`.
_CALL = re.compile(r"@\d+")
# The path as older exporters write it: `L['self'].h.0`.
_SELF = re.compile(r"^L\['self'\]\.?")


def is_name(name: str) -> bool:
    """Whether a node can have this name."""
    return 0 < len(name) <= limits.NAME_LENGTH and is_printable(name)


def scope_of(module_stack: str) -> str:
    """Return the path of the innermost module of an `nn_module_stack`, with a dot: `h.0.attn.`.

    Its entries are separated by semicolons, each `key,path,type`.
    """
    entry = module_stack.rsplit(";", 1)[-1].split(",")
    if len(entry) < 3 or not entry[0].startswith("L__self__"):
        return ""
    path = _CALL.sub("", _SELF.sub("", entry[1]))
    return f"{path}." if is_name(path) and "@" not in path else ""


def op_name(target: str) -> str:
    """Return what the result of an op is called: `relu` for `torch.ops.aten.relu_.default`."""
    parts = target.removeprefix("torch.ops.").split(".")
    name = parts[1 if len(parts) > 2 else -1].strip("_")
    return name if is_name(name) else "op"


class Names:
    """The names that are taken."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return `wanted`, or, if a node has that name, one with a number: `relu_2`."""
        if len(wanted) > limits.NAME_LENGTH - 12:
            wanted = wanted[: limits.NAME_LENGTH - 12]
        name = wanted
        while name in self._taken:
            self._counts[wanted] = self._counts.get(wanted, 1) + 1
            name = f"{wanted}_{self._counts[wanted]}"
        self._taken.add(name)
        return name
