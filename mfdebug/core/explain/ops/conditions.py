"""Comparisons, casts and Where: what was compared or cut off, and which input was chosen."""

from __future__ import annotations

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.elementwise import (
    ElementwiseExplainer,
    GateExplainer,
    matching_inputs,
)
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Op
from miniflow.ops.conditions import Comparison


class ComparisonExplainer(ElementwiseExplainer):
    """1 where it is true, else 0."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The comparison, and its numbers in a note: 1 or 0 says only how it came out."""
        assert isinstance(op, Comparison)
        names, (x, y), refs = matching_inputs(view, index)
        number, rule = float(view.value[index]), self.formula(view, op, names)
        truth = "true" if number else "false"
        note = f"{scalar(x)} {op.sign} {scalar(y)}: {truth}"
        return Sums(rule, (one_term(number, rule, bracketed(number), refs),), (note,))


class CastExplainer(ElementwiseExplainer):
    """The number without its fraction, or whether it is 0."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The cast, and what was cast in a note."""
        names, (x,), refs = matching_inputs(view, index)
        number, rule = float(view.value[index]), self.formula(view, op, names)
        term = one_term(number, rule, bracketed(number), refs)
        return Sums(rule, (term,), (f"{names[0]} is {scalar(x)}",))


class WhereExplainer(GateExplainer):
    """The value is that of the chosen input, which gets the whole gradient."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The chosen input; the condition in a note."""
        names, numbers, refs = matching_inputs(view, index)
        condition = numbers[0]
        chosen = 1 if condition != 0 else 2
        number, rule = float(view.value[index]), self.formula(view, op, names)
        note = (
            f"{names[0]} is {scalar(condition)}: "
            f"{names[chosen]}{view.input_note(chosen)} was chosen"
        )
        term = one_term(number, rule, bracketed(number), [refs[chosen], refs[0]])
        return Sums(rule, (term,), (note,))
