"""What a stop was met for: in words, and the number that the words name."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.format.numbers import described, scalar
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef, gradient_name
from miniflow.ops.base import Array


class Finding(Struct, frozen=True):
    """Why a trigger fires; `ref` is the number that shows it, if one does."""

    words: str
    ref: EntryRef | None = None


def held(name: str, array: Array) -> str:
    """Return what an array holds: `cost = 0.25`, or `s (shape 4x2, values 0 … 1  mean 0.5)`."""
    if array.size == 1:
        return f"{name} = {scalar(array.item())}"
    return f"{name} ({described(array)})"


def result_of(debugger: Debugger) -> str:
    """Return what the present moment, which is a node's, has left there."""
    where = debugger.where
    assert where.node is not None
    name = debugger.graph.nodes[where.node].label
    if where.phase == "backward":
        return held(gradient_name(debugger, where.node), debugger.gradient(where.node))
    return held(name, debugger.value(where.node))
