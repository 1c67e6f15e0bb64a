"""What is inside a function of another library: the ops of ours that compute it, with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.own_rules import role
from mfdebug.core.explain.sizes import size_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.inner_steps import InnerSteps
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Op, shape_text
from miniflow.ops.composed import Composed


def inside(debugger: Debugger, node: int) -> tuple[list[Part], Any]:
    """Return the steps of a function as lines and a table, and as data for JSON.

    Raises `DebuggerError` for a node that is no such function, or whose numbers are not known.
    """
    view = NodeView(debugger, node)
    steps = debugger.state.inner_steps(node)
    if steps is None:
        raise DebuggerError(_why_not(view))
    if len(steps.parts.ops) < 2:
        raise DebuggerError(_one_op(view, steps))
    names = _names(view, steps)
    rows = [_row(view, steps, names, op) for op in steps.parts.ops]
    columns = (
        Column("step", cut="name"),
        Column(cut="end"),
        Column("shape", "right", rank=1),
        Column("value", "point"),
        Column("grad", "point"),
    )
    count = len(rows)
    lines: list[Part] = [
        f"{view.label} ({type(view.op).__name__}) is {count} ops of ours:",
        Table(columns, tuple(Row(cells) for cells in rows)),
        "computed by their rules from the recorded inputs; of a tensor, the mean |x|",
        _agreement(view, steps),
    ]
    if not steps.gradients:
        lines.append("what comes back to them is known after its backward")
    elif reason := debugger.state.departs(node, "backward"):
        lines.append(f"what the program sent differs: {reason}")
    heads = ("step", "formula", "shape", "value", "gradient")
    data = {"node": view.label, "steps": [dict(zip(heads, cells, strict=True)) for cells in rows]}
    return lines, data


def _why_not(view: NodeView) -> str:
    """Return why the steps of a node are not known."""
    if isinstance(view.op, Input):
        return f"{view.label} is an input: nothing is computed in it"
    if isinstance(view.op, Op) and not isinstance(view.op, Composed):
        return f"{view.label} is one op, {type(view.op).__name__}: explain and why show its working"
    state = view.debugger.state
    for number, source in enumerate([view.node, *view.sources]):
        if reason := state.unknown(source):
            name = view.label if not number else view.labels[number - 1]
            return f"{view.label}: its steps are not known, as {name} is not known ({reason})"
    if state.value_freshness(view.node).absent or not state.explicable(view.node):
        if isinstance(view.op, Composed) and not view.op.refusal(*(x.shape for x in view.inputs)):
            return f"{view.label} is not computed yet in this pass"
        return role(view)
    return f"{view.label} is not computed yet in this pass"


def _one_op(view: NodeView, steps: InnerSteps) -> str:
    """Return which op a function is, if it is one or none."""
    kinds = [type(op).__name__ for op in steps.parts.ops]
    if not kinds:
        return f"{view.label} is its input, as it is"
    return f"{view.label} is one op of ours, {kinds[0]}: explain and why show its working"


def _names(view: NodeView, steps: InnerSteps) -> dict[Node, str]:
    """Return a name for each input, part and constant; the result has that of the function."""
    names: dict[Node, str] = dict(zip(steps.parts.inputs, view.labels, strict=True))
    taken = set(names.values()) | {view.label}
    for op in steps.parts.ops:
        kind = name = type(op).__name__.lower()
        number = 1
        while name in taken:
            number += 1
            name = f"{kind}_{number}"
        taken.add(name)
        names[op] = view.label if op is steps.parts.result else name
    return names


def _row(
    view: NodeView, steps: InnerSteps, names: Mapping[Node, str], op: Op
) -> tuple[str, str, str, str, str]:
    inputs = [names.get(source) or _constant(source) for source in op.inbound_nodes]
    value, gradient = steps.values[op], steps.gradients.get(op)
    return (
        names[op],
        f"= {view.written(op.formula, inputs)}",
        shape_text(value.shape),
        _size(value),
        "" if gradient is None else _size(gradient),
    )


def _constant(node: Node) -> str:
    value = np.asarray(node.value)
    if value.size == 1:
        return bracketed(float(value.reshape(())))
    return f"constants {shape_text(value.shape)}"


def _size(array: Array) -> str:
    return scalar(size_of(array).number, 5)


def _agreement(view: NodeView, steps: InnerSteps) -> str:
    """Return how the last step's value compares with what the program computed."""
    if reason := view.debugger.state.departs(view.node, "forward"):
        return f"the program's value differs: {reason}"
    own, rule = view.value, steps.values[steps.parts.result]
    if own.dtype == rule.dtype and own.tobytes() == rule.tobytes():
        return f"{view.label} is bit for bit what the program computed"
    with np.errstate(all="ignore"):
        apart = np.abs(own.astype(np.float64) - rule.astype(np.float64))
    most = float(np.max(apart, initial=0.0, where=np.isfinite(apart)))
    if not most:
        return f"{view.label} equals what the program computed"
    return f"{view.label} is what the program computed, up to rounding: {scalar(most, 2)} at most"
