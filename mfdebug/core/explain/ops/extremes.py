"""Max and Min along axes, where one of many entries wins, and ArgMax, which says which one."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import entry_in
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals
from mfdebug.core.explain.ops.statistics import Reduced, StatisticExplainer
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.extremes import Selection
from miniflow.text.lists import series


class AxisSelectionExplainer(StatisticExplainer):
    """Max and Min along axes: the value is that of the winner, which gets the whole gradient."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The winner; on a tie the first."""
        reduced, number = Reduced(view, op, index), float(view.value[index])
        function = type(op).__name__.lower()
        rule = f"{function}({series(reduced.names(), ', ')})"
        winners = np.flatnonzero(reduced.numbers == number)
        if not winners.size:
            # Nothing equals NaN: the entries that are NaN are the cause.
            refs = [
                view.ref(0, reduced.entry(int(k)))
                for k in np.flatnonzero(np.isnan(reduced.numbers))
            ]
            return Sums(rule, (one_term(number, rule, bracketed(number), refs[:1]),))
        winner = reduced.entry(int(winners[0]))
        text = None
        if reduced.few:
            text = checked_formula(
                reduced.numbers.tolist(),
                lambda texts: f"{function}({', '.join(text.strip('()') for text in texts)})",
                number,
            )
        tie = ": on a tie the first one does" if winners.size > 1 else ""
        term = one_term(number, rule, text or bracketed(number), [view.ref(0, winner)])
        return Sums(rule, (term,), (f"{view.entry(0, winner)} won{tie}",))

    def derivative(self, view: NodeView, op: Op, entry: Index) -> float:
        """1 for the first entry that wins."""
        assert isinstance(op, Selection)
        reduced = Reduced.with_entry(view, op, entry)
        winners = np.flatnonzero(reduced.numbers == op.ufunc.reduce(reduced.numbers))
        return float(winners.size > 0 and reduced.entry(int(winners[0])) == entry)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """1 for the winner, 0 for the others."""
        return bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """All entries: which one won depends on all of them."""
        return list(Reduced.with_entry(view, op, entry).refs())


class ArgMaxExplainer(Explainer):
    """ArgMax: the value is an index."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The index of the greatest entry along the axis."""
        axis = op.attrs["axis"] % view.inputs[0].ndim
        keeps = bool(op.attrs["keepdims"])
        region = tuple(
            slice(0, n) if at == axis else slice(i, i + 1)
            for at, (n, i) in enumerate(
                zip(
                    view.inputs[0].shape,
                    (*index[:axis], 0, *index[axis + keeps :]),
                    strict=True,
                )
            )
        )
        count, number = view.inputs[0].shape[axis], float(view.value[index])
        names = [view.entry(0, entry_in(region, k)) for k in range(min(count, 9))]
        rule = f"argmax({series([*names, *[''] * (count - len(names))], ', ')})"
        winner = entry_in(region, int(number))
        note = f"the greatest is {view.entry(0, winner)}"
        term = one_term(number, rule, bracketed(number), [view.ref(0, winner)])
        return Sums(rule, (term,), (note,))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """None: an index has no derivative."""
        return None

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """0."""
        return "0"

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """An index moves in jumps."""
        return "an index has no gradient"
