"""Sum, Mean and CumSum: each summed entry gets the gradient, for Mean divided by m."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import Region, entry_in, single_entry, summed, summed_in
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.reduce import Mean, Sum
from miniflow.text.lists import ALL_UP_TO


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
        return Sent(
            f"{view.gradient(summed_in(op, entry, view.inputs[0].shape))} × {local}", whole=False
        )

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1, or 1/m."""
        assert isinstance(op, Sum | Mean)
        region = single_entry(summed_in(op, entry, view.inputs[0].shape))
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


class CumulativeExplainer(Explainer):
    """CumSum: an entry is in the sums at its place and after it."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per entry up to this one."""
        axis = _axis(view, op)
        region = list(single_entry(index))
        region[axis] = slice(0, index[axis] + 1)

        def term_text(k: int) -> TermText:
            entry = entry_in(tuple(region), k)
            number = bracketed(view.number(0, entry))
            return TermText(view.entry(0, entry), number, (view.ref(0, entry),))

        amounts = np.asarray(view.inputs[0][tuple(region)], np.float64).reshape(-1)
        rule = _added(amounts.size, lambda k: view.entry(0, entry_in(tuple(region), k)))
        return Sums(rule, (Bundle(amounts, term_text),))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The sum of the gradients from this place on."""
        region = self._region(view, op, entry)
        return Sent(self.rule_over(region, view, op, input_index, entry), whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 from this place on."""
        region = self._region(view, op, entry)
        return Locals(region, np.ones([part.stop - part.start for part in region]))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1."""
        return "1"

    def rule_over(
        self, region: Region, view: NodeView, op: Op, input_index: int, entry: Index
    ) -> str:
        """The gradients from this place on."""
        axis = _axis(view, op)
        count = region[axis].stop - region[axis].start
        return _added(count, lambda k: view.gradient(entry_in(region, k)))

    @staticmethod
    def _region(view: NodeView, op: Op, entry: Index) -> Region:
        axis = _axis(view, op)
        region = list(single_entry(entry))
        region[axis] = slice(entry[axis], view.value.shape[axis])
        return tuple(region)


def _axis(view: NodeView, op: Op) -> int:
    axis: int = op.attrs["axis"] % view.value.ndim
    return axis


def _added(count: int, name: Callable[[int], str]) -> str:
    """Return the sum of `count` terms by name: all of a few, else the first two and the last."""
    if count <= ALL_UP_TO:
        return " + ".join(map(name, range(count)))
    return f"{name(0)} + {name(1)} + … + {name(count - 1)}"
