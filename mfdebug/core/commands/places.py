"""What a command is about, read and written: a node, one number of it, the number of a thing."""

from __future__ import annotations

import re
from typing import Literal

from mfdebug.core.debugger import Debugger, DebuggerError, place_or_error
from mfdebug.core.expressions import FUNCTIONS, quoted, take_place
from mfdebug.core.timeline import NODE_PHASES

Index = tuple[int, ...]

RESERVED = {"and", "or", "not", "nan", "inf", *FUNCTIONS, *NODE_PHASES}


def chosen_number(
    debugger: Debugger, text: str, usage: str
) -> tuple[int, Literal["value", "grad"], Index]:
    """Read `[grad] NODE[i,j]` or `NODE.grad[i,j]`; without an index, the only or first entry."""
    if not text:
        raise DebuggerError("of which number?", hint=f"usage: {usage}")
    names = debugger.graph.by_name
    gradient = text.startswith("grad ") and "grad" not in names
    place, rest = take_place(text[5:] if gradient else text, names)
    if rest:
        raise DebuggerError(f"{rest!r} is not understood", hint=f"usage: {usage}")
    node = place_or_error(debugger.graph, place.node)
    shape = debugger.plan.shapes[node]
    index = (0,) * len(shape) if place.index is None else place.index
    debugger.check_index(node, index)
    index = tuple(i % n for i, n in zip(index, shape, strict=True))
    return node, "grad" if gradient else place.attribute, index


def number_of(text: str, what: str, usage: str) -> int:
    """Read the number of a stop or a watch."""
    if not text.isdecimal() or len(text) > 9:
        raise DebuggerError(f"{text!r} is not the number of a {what}", hint=f"usage: {usage}")
    return int(text)


def typed(name: str) -> str:
    """Return a node's name as a command line takes it: in backquotes if it is an odd one."""
    plain = re.fullmatch(r"[^\W\d][\w/]*", name) and name not in RESERVED
    return name if plain else quoted(name)
