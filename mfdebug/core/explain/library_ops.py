"""What a function of another library is to that library: its own ops, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mfdebug.core.explain.names import kind_of
from mfdebug.core.explain.sizes import size_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.library_ops import HandedOn, LibraryOp, LibraryOps, OpTensor
from miniflow.ops.base import Array, shape_text
from miniflow.text.lists import counted

_COLUMNS = (
    Column(),
    Column("op", cut="name"),
    Column("of", cut="end"),
    Column("returns", "right", rank=1),
    Column("value", "point"),
)


def library_ops(debugger: Debugger, node: int) -> tuple[list[Part], Any]:
    """Return the ops of a library that a function runs as lines and tables, and as data for JSON.

    Raises `DebuggerError` for a node that is no such function, or whose ops are not known.
    """
    found = debugger.library_ops(node)
    target = debugger.graph.nodes[node]
    count, label = len(found.forward), target.label
    lines: list[Part] = [
        f"{label} ({kind_of(target)}) is {_counted(count)}, run once more by {found.library}:"
    ]
    lines += [_table(found.forward)] * bool(count)
    lines += [_handed(result, "") for result in found.results]
    if found.backward or found.gradients:
        count = len(found.backward)
        lines += [f"its backward is {_counted(count)}:" if count else "its backward runs no op:"]
        lines += [_table(found.backward)] * bool(count)
        lines += [_handed(gradient, "sent to ") for gradient in found.gradients]
    if found.no_backward:
        lines.append(f"no backward: {found.no_backward}")
    lines += found.remarks
    lines.append("run from the recorded inputs; of a tensor, the mean |x|")
    return lines, _data(label, found)


def _counted(count: int) -> str:
    return counted(count, "ATen op")


def _table(ops: Sequence[LibraryOp]) -> Table:
    rows = []
    for op in ops:
        first, *others = op.returned or (OpTensor("", ()),)
        number = first.name or f"%{op.number}"
        returns = shape_text(first.shape) if op.returned else ""
        rows.append(Row((number, op.name, op.arguments, returns, _size(first.value))))
        rows += [Row((x.name, "", "", shape_text(x.shape), _size(x.value))) for x in others]
    return Table(_COLUMNS, tuple(rows))


def _size(array: Array | None) -> str:
    if array is None or not array.size or array.dtype.kind not in "biuf":
        return ""
    return scalar(size_of(array).number, 5)


def _handed(thing: HandedOn, before: str) -> str:
    what = thing.tensor.name or f"a tensor {shape_text(thing.tensor.shape)}"
    return f"{before}{thing.label} = {what}: {agreement(thing.tensor.value, thing.recorded)}"


def agreement(again: Array | None, recorded: Array | None) -> str:
    """Return how a number that was computed once more compares with the recorded one."""
    if again is None or recorded is None:
        return "what the program had is not kept"
    if again.dtype == recorded.dtype and again.shape == recorded.shape:
        if again.tobytes() == recorded.tobytes():
            return "bit for bit what the program had"
        if np.array_equal(again, recorded, equal_nan=again.dtype.kind in "fc"):
            return "equal to what the program had, but for the bits of zeros or NaN"
    if again.shape != recorded.shape:
        shapes = shape_text(again.shape), shape_text(recorded.shape)
        return f"differs: its shape is {shapes[0]}, the program had {shapes[1]}"
    with np.errstate(all="ignore"):
        apart = np.abs(again - recorded) if again.dtype.kind != "b" else again != recorded
    many = int(np.count_nonzero(apart))
    most = float(np.max(apart, initial=0.0, where=np.isfinite(apart)))
    return f"differs in {many} of {again.size} entries, by {scalar(most, 2)} at most"


def _data(label: str, found: LibraryOps) -> dict[str, Any]:
    return {
        "node": label,
        "library": found.library,
        "forward": [_op_data(op) for op in found.forward],
        "results": [_handed_data(result) for result in found.results],
        "backward": [_op_data(op) for op in found.backward],
        "gradients": [_handed_data(gradient) for gradient in found.gradients],
        "no_backward": found.no_backward,
        "remarks": list(found.remarks),
    }


def _op_data(op: LibraryOp) -> dict[str, Any]:
    returned = [
        {"name": x.name, "shape": list(x.shape), "dtype": x.dtype, "value": _size(x.value)}
        for x in op.returned
    ]
    return {"op": op.name, "arguments": op.arguments, "returns": returned}


def _handed_data(thing: HandedOn) -> dict[str, str]:
    return {
        "node": thing.label,
        "tensor": thing.tensor.name,
        "compared": agreement(thing.tensor.value, thing.recorded),
    }
