"""Ops that move entries without changing them: they arrange, join or take them."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import single_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.ops.moves import moved_from, moved_to
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.joins import Stack
from miniflow.ops.shape import SameEntries
from miniflow.ops.slices import Split


class MoveExplainer(Explainer):
    """An op that moves each entry of its inputs, or drops it."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The entry that was moved here."""
        shapes = [x.shape for x in view.inputs]
        input_index, entry = moved_from(op, index, view.value.shape, shapes)
        name, number = view.entry(input_index, entry), bracketed(view.number(input_index, entry))
        term = one_term(float(view.value[index]), name, number, [view.ref(input_index, entry)])
        rule = self.formula(view, op, view.labels)
        in_words = isinstance(op, SameEntries | Split | Stack)
        return Sums(rule if in_words else Sent(rule).of(index), (term,))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient at the entry's new index."""
        output = moved_to(op, input_index, entry, view.value.shape, [x.shape for x in view.inputs])
        return Sent("0" if output is None else f"{view.gradient(output)} × 1", whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 at the entry's new index; an empty region if a slice drops the entry."""
        shape = view.value.shape
        output = moved_to(op, input_index, entry, shape, [x.shape for x in view.inputs])
        if output is None:
            return Locals((slice(0, 0),) * len(shape), np.zeros((0,) * len(shape)))
        return Locals(single_entry(output), np.ones((1,) * len(shape)))

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """A slice drops entries."""
        shapes = [x.shape for x in view.inputs]
        kept = moved_to(op, input_index, entry, view.value.shape, shapes) is not None
        return "" if kept else f"{view.label} leaves {view.entry(input_index, entry)} out"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1."""
        return "1"
