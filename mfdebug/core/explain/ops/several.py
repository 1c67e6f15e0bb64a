"""Functions of another library that take several of our ops."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import copies, single_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, in_numbers, run
from mfdebug.core.explain.ops.elementwise import matching_inputs
from mfdebug.core.explain.ops.moves import moved_from, moved_to
from mfdebug.core.explain.ops.unknown import ProbeExplainer, unknown_value
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import Index, Subscripts, named
from miniflow.node import Node
from miniflow.ops.base import Calls, Op
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.composed import Parts
from miniflow.ops.shape import SameEntries, Transpose
from miniflow.ops.slices import Part

# A longer formula would explain nothing.
LONGEST = 160
_MOVES = (Transpose, SameEntries, Part)
# A name, an entry, a number, or a call: it needs no brackets within a formula.
_ATOM = re.compile(r"[\w.]+(\[[^\[\]]*\])?|\w+\([^()]*\)|\([^()]*\)")


def are_moves(parts: Parts) -> bool:
    """Whether a function only moves the entries of one input, or drops some."""
    node: Node = parts.result
    while isinstance(node, _MOVES):
        node = node.inbound_nodes[0]
    return node in parts.inputs


class MovesExplainer(Explainer):
    """A function that moves each entry of an input, or drops it, such as an index."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        source: Node = parts.ops[0].inbound_nodes[0] if parts.ops else parts.result
        self._input_index = parts.inputs.index(source)

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """The name of the function, with its inputs."""
        name = names[self._input_index]
        return f"entries of {name}" if self._parts.ops else name

    def _from(self, index: Index) -> Index:
        for op in reversed(self._parts.ops):
            shapes = self._parts.shapes_into(op)
            index = moved_from(op, index, self._parts.shapes[op], shapes)[1]
        return index

    def _output(self, entry: Index) -> Index | None:
        for op in self._parts.ops:
            shapes = self._parts.shapes_into(op)
            found = moved_to(op, 0, entry, self._parts.shapes[op], shapes)
            if found is None:
                return None
            entry = found
        return entry

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The entry that was moved here."""
        entry = self._from(index)
        name = view.entry(self._input_index, entry)
        number = bracketed(view.number(self._input_index, entry))
        ref = view.ref(self._input_index, entry)
        return Sums(name, (one_term(float(view.value[index]), name, number, [ref]),))

    def role(self, view: NodeView, op: Op) -> str:
        """Each entry's gradient goes where the entry came from."""
        target = view.target(self._input_index)
        return f"{type(op).__name__} sends the gradient of each entry to where it is in {target}"

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient at the entry's new index."""
        output = self._output(entry) if input_index == self._input_index else None
        return Sent("0" if output is None else f"{view.gradient(output)} × 1", whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 at the entry's new index; an empty region if it was dropped."""
        axes = view.value.ndim
        output = self._output(entry) if input_index == self._input_index else None
        if output is None:
            return Locals((slice(0, 0),) * axes, np.zeros((0,) * axes))
        return Locals(single_entry(output), np.ones((1,) * axes))

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """An input whose entries are not moved."""
        if input_index == self._input_index:
            return ""
        return f"{view.label} takes nothing of {view.labels[input_index]}"

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """An entry that was dropped."""
        kept = self._output(entry) is not None
        return "" if kept else f"{view.label} leaves {view.entry(input_index, entry)} out"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1."""
        return "1"


class SeveralExplainer(ProbeExplainer):
    """A function of several ops: one formula of all, local derivatives by its backward rule."""

    def __init__(self, parts: Parts | None) -> None:
        self._parts = parts
        ops = () if parts is None else parts.ops
        self._elementwise = bool(ops) and all(
            isinstance(op, Elementwise)
            and op.is_elementwise
            and all(parts is not None and _is_plain(source, parts) for source in op.inbound_nodes)
            for op in ops
        )

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """The formula of all ops."""
        return self._written(view, names)

    def _written(self, view: NodeView, names: Sequence[str]) -> str:
        parts = self._parts
        if parts is None:
            return ""
        texts: dict[Node, str] = dict(zip(parts.inputs, names, strict=True))
        for op in parts.ops:
            inside = [_factor(_text(source, texts)) for source in op.inbound_nodes]
            texts[op] = view.written(op.formula, inside)
        text = _text(parts.result, texts)
        return text if len(text) <= LONGEST else f"{type(view.op).__name__}({', '.join(names)})"

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The formula with this entry's numbers, where all ops are elementwise."""
        if not self._elementwise:
            note = f"{view.label} = {self._written(view, view.labels)}"
            return unknown_value(view, index, note)
        names, numbers, refs = matching_inputs(view, index)
        number, rule = float(view.value[index]), self._written(view, names)
        text = checked_formula(
            numbers, lambda texts: in_numbers(self._written(view, texts)), number
        )
        return Sums(rule, (one_term(number, rule, text or bracketed(number), refs),))

    def role(self, view: NodeView, op: Op) -> str:
        """The function's formula, and that its derivative is passed on."""
        kind = type(op).__name__
        return (
            f"{kind} sends the gradient times the derivative of {self._written(view, view.labels)}"
        )

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient times the derivative."""
        target = view.entry(input_index, entry)
        return Sent(f"{view.gradient()} × ∂{view.label}/∂{target}", whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The backward rule applied to ones at the copies of the entry, or entry by entry."""
        if not self._elementwise:
            return super().locals(view, op, input_index, entry)
        region = copies(entry, view.inputs[input_index].shape, view.value.shape)
        seen = view.value[region]
        arrays = [np.array(np.broadcast_to(x, view.value.shape)[region]) for x in view.inputs]
        do = Calls(view.value.dtype)
        out, value = np.zeros_like(seen), np.array(seen)
        op.forward_calls(do, value, *arrays)
        op.vjp_calls(do, input_index, out, np.ones_like(seen), value, *arrays)
        run(do)
        return Locals(region, out)

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """An input that is not used, or whose gradient all ops stop."""
        return op.stops_gradient(input_index)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """∂value entry/∂input entry."""
        return f"∂{named(view.label, output)}/∂{view.entry(input_index, entry)}"


def _is_plain(node: Node, parts: Parts) -> bool:
    """Whether a node is an input, a part, or a single number."""
    return node in parts.inputs or isinstance(node, Op) or np.size(node.value) == 1


def _text(node: Node, texts: Mapping[Node, str]) -> str:
    if node in texts:
        return texts[node]
    return bracketed(float(np.reshape(node.value, ()))) if np.size(node.value) == 1 else "constants"


def _factor(text: str) -> str:
    return text if _ATOM.fullmatch(text) else f"({text})"
