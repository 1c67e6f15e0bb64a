"""The reason for which a stop is met: its text, and the entry that the text names."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.format.numbers import described, scalar
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef, gradient_name
from miniflow.ops.base import Array


class Finding(Struct, frozen=True):
    """Why a trigger fires; `ref` is the entry that shows it, if there is one."""

    words: str
    ref: EntryRef | None = None


def array_text(name: str, array: Array) -> str:
    """Describe a named array: `cost = 0.25`, or `s (shape 4x2, values 0 … 1  mean 0.5)`."""
    if array.size == 1:
        return f"{name} = {scalar(array.item())}"
    return f"{name} ({described(array)})"


def result_of(debugger: Debugger) -> str:
    """Describe the value or gradient computed by the present moment, which must be a node's."""
    where = debugger.where
    assert where.node is not None
    name = debugger.graph.nodes[where.node].label
    if where.phase == "backward":
        return array_text(gradient_name(debugger, where.node), debugger.state.gradient(where.node))
    return array_text(name, debugger.state.value(where.node))
