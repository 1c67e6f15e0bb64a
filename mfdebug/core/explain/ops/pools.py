"""Pools: an entry of the value depends on its window of the input."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import Region, block, entry_in, single_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op
from miniflow.ops.pools import Average, Axes, Pool
from miniflow.text.lists import ALL_UP_TO, FIRST, series

# The most refs in one term that the user can follow.
_MAX_REFS = 100


class PoolExplainer(Explainer):
    """Base of the explainers of pools."""

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The sum over the windows that have the entry."""
        rule = self.rule_over(_places(view, op, entry), view, op, input_index, entry)
        return Sent(rule, whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The derivative of each window that has the entry."""
        region = _places(view, op, entry)
        sizes = [len(range(part.start, part.stop, part.step or 1)) for part in region]
        numbers: Array = np.zeros(sizes)
        for k in range(numbers.size):
            numbers.flat[k] = self.derivative(view, op, entry, entry_in(region, k))
        return Locals(region, numbers)

    def derivative(self, view: NodeView, op: Op, entry: Index, output: Index) -> float:
        """Return the derivative of an entry of the value by an entry of its window."""
        raise NotImplementedError

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """No window has the entry."""
        if all(part.stop > part.start for part in _places(view, op, entry)):
            return ""
        return f"{view.label} leaves {view.entry(0, entry)} out: no window has it"


class MaxPoolExplainer(PoolExplainer):
    """MaxPool and AdaptiveMaxPool: the winner of a window gets its whole gradient."""

    picks = True

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The winner; on a tie the first."""
        region = _window(view, op, index)
        numbers, number = _numbers(view, region), float(view.value[index])
        few = numbers.size <= ALL_UP_TO
        shown = range(numbers.size if few else FIRST + 1)
        names = [view.entry(0, entry_in(region, k)) for k in shown]
        rule = f"max({series([*names, *[''] * (numbers.size - len(names))], ', ')})"
        if (winner := _winner(numbers, number)) is None:
            # Nothing equals NaN: the entries that are NaN are the cause.
            causes = np.flatnonzero(np.isnan(numbers))[:_MAX_REFS]
            refs = [view.ref(0, entry_in(region, int(k))) for k in causes]
            return Sums(rule, (one_term(number, rule, bracketed(number), refs),))
        text = None
        if few:
            text = checked_formula(
                numbers.tolist(),
                lambda texts: f"max({', '.join(text.strip('()') for text in texts)})",
                number,
            )
        won = entry_in(region, winner)
        tie = ": on a tie the first one does" if np.sum(numbers == number) > 1 else ""
        term = one_term(number, rule, text or bracketed(number), [view.ref(0, won)])
        return Sums(rule, (term,), (f"{view.entry(0, won)} won{tie}",))

    def derivative(self, view: NodeView, op: Op, entry: Index, output: Index) -> float:
        """1 for the first of the greatest entries of the window."""
        region = _window(view, op, output)
        numbers = _numbers(view, region)
        winner = _winner(numbers, float(numbers.max()))
        return float(winner is not None and entry_in(region, winner) == entry)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1 where the entry won."""
        return f"[{view.entry(0, entry)} won]"

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """All entries of the window: which one won depends on all of them."""
        region = _window(view, op, output)
        count = min(_numbers(view, region).size, _MAX_REFS)
        return [view.ref(0, entry_in(region, k)) for k in range(count)]


class AveragePoolExplainer(PoolExplainer):
    """AveragePool and AdaptiveAveragePool: m entries share a window's gradient."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per entry of the window."""
        region, count = _window(view, op, index), _count(view, op, index)
        amounts = _numbers(view, region) / count

        def term_text(k: int) -> TermText:
            entry = entry_in(region, k)
            name, number = view.entry(0, entry), bracketed(view.number(0, entry))
            refs = (view.ref(0, entry),)
            return TermText(f"{name}/{view.letters.count}", f"{number}/{count}", refs)

        notes = [view.legend()]
        if padded := count - amounts.size:
            zeros = "is a 0" if padded == 1 else "are zeros"
            notes.append(f"{padded} of the {count} entries {zeros} of the padding")
        return Sums(
            self.formula(view, op, view.labels), (Bundle(amounts, term_text),), tuple(notes)
        )

    def derivative(self, view: NodeView, op: Op, entry: Index, output: Index) -> float:
        """1/m."""
        return 1.0 / _count(view, op, output)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1/m."""
        return f"1/{view.letters.count}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """1/m with m as a number."""
        return f"1/{_count(view, op, output)}"


def _window(view: NodeView, op: Op, index: Index) -> Region:
    """Return the entries of the input in the window of an entry of the value."""
    assert isinstance(op, Pool)
    axes: Axes = op.axes(view.inputs[0].shape)
    along = [block(axis.window(i)) for axis, i in zip(axes, index[2:], strict=True)]
    return (*single_entry(index[:2]), *along)


def _places(view: NodeView, op: Op, entry: Index) -> Region:
    """Return the entries of the value whose windows have an entry of the input."""
    assert isinstance(op, Pool)
    axes: Axes = op.axes(view.inputs[0].shape)
    along = [block(axis.places(i)) for axis, i in zip(axes, entry[2:], strict=True)]
    return (*single_entry(entry[:2]), *along)


def _numbers(view: NodeView, region: Region) -> Array:
    return np.asarray(view.inputs[0][region], np.float64).reshape(-1)


def _count(view: NodeView, op: Op, index: Index) -> int:
    """Return the number of entries of the mean at an entry of the value."""
    assert isinstance(op, Average)
    padding = bool(op.attrs.get("count_include_pad", False))
    count = 1
    axes: Axes = op.axes(view.inputs[0].shape)
    for axis, place in zip(axes, index[2:], strict=True):
        count *= axis.counted(place, padding=padding)
    return count


def _winner(numbers: Array, number: float) -> int | None:
    """Return the first of the numbers that equals `number`, or None."""
    winners = np.flatnonzero(numbers == number)
    return int(winners[0]) if winners.size else None
