"""Transpose, Reshape, Concat and Slice: entries that move without changing."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import moved_from, moved_to, one_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.shape import Reshape


class MoveExplainer(Explainer):
    """An op that puts each entry of its inputs somewhere else, or leaves it out."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The entry that was moved here."""
        shapes = [x.shape for x in view.inputs]
        input_index, entry = moved_from(op, index, view.value.shape, shapes)
        name, number = view.entry(input_index, entry), bracketed(view.number(input_index, entry))
        term = one_term(float(view.value[index]), name, number, [view.ref(input_index, entry)])
        rule = self.formula(view, op, view.labels)
        return Sums(rule if isinstance(op, Reshape) else Sent(rule).of(index), (term,))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient where the entry went."""
        place = moved_to(op, input_index, entry, view.value.shape, [x.shape for x in view.inputs])
        return Sent("0" if place is None else f"{view.gradient(place)} × 1", whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 where the entry went; nothing where a slice leaves it out."""
        shape = view.value.shape
        place = moved_to(op, input_index, entry, shape, [x.shape for x in view.inputs])
        if place is None:
            return Locals((slice(0, 0),) * len(shape), np.zeros((0,) * len(shape)))
        return Locals(one_entry(place), np.ones((1,) * len(shape)))

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """A slice leaves entries out."""
        shapes = [x.shape for x in view.inputs]
        there = moved_to(op, input_index, entry, view.value.shape, shapes) is not None
        return "" if there else f"{view.label} leaves {view.entry(input_index, entry)} out"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Subscripts
    ) -> str:
        """1."""
        return "1"
