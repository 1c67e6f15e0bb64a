"""Sum and Mean: each summed entry gets the gradient, for Mean divided by m."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import entry_in, single_entry, summed, summed_in
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.reduce import Mean, Sum


class ReductionExplainer(Explainer):
    """Sum and Mean, over everything or along axes."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per summed entry."""
        assert isinstance(op, Sum | Mean)
        region = summed(op, index, view.inputs[0].shape)
        taken = np.asarray(view.inputs[0][region], np.float64).reshape(-1)
        count = max(taken.size, 1)
        mean = isinstance(op, Mean)

        def term_text(k: int) -> TermText:
            entry = entry_in(region, k)
            name, number = view.entry(0, entry), bracketed(view.number(0, entry))
            if mean:
                name, number = f"{name}/{view.letters.count}", f"{number}/{count}"
            return TermText(name, number, (view.ref(0, entry),))

        amounts = taken / count if mean else taken
        notes = (view.legend(),) if mean else ()
        return Sums(self.formula(view, op, view.labels), (Bundle(amounts, term_text),), notes)

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient of the sum that contains the entry, times 1 or 1/m."""
        assert isinstance(op, Sum | Mean)
        local = self.local(view, op, input_index, entry, ())
        return Sent(f"{view.gradient(summed_in(op, entry))} × {local}", whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1, or 1/m."""
        assert isinstance(op, Sum | Mean)
        region = single_entry(summed_in(op, entry))
        share = view.value.size / view.inputs[0].size if isinstance(op, Mean) else 1.0
        return Locals(region, np.full((1,) * len(region), share))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1, or 1/m."""
        return view.written(lambda *n: op.local(0, *n), [view.label, *view.labels])

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """1, or 1/m with m as a number."""
        if isinstance(op, Mean):
            return f"1/{view.inputs[0].size // max(view.value.size, 1)}"
        return bracketed(number)
