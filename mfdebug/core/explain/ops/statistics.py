"""Var, Norm, LogSumExp and Prod: each entry of the value depends on all entries that it reduces."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula, evaluates_to
from mfdebug.core.explain.entries import Region, entry_in, single_entry, summed, summed_in
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.axes import OverAxes
from miniflow.ops.base import Array, Op
from miniflow.text.lists import ALL_UP_TO, FIRST, series

# The most refs in one term that the user can follow.
_MAX_REFS = 100


class Reduced:
    """The entries of an op's input that one entry of its value reduces."""

    def __init__(self, view: NodeView, op: Op, index: Index) -> None:
        assert isinstance(op, OverAxes)
        self.view = view
        self.region: Region = summed(op, index, view.inputs[0].shape)
        self.numbers: Array = np.asarray(view.inputs[0][self.region], np.float64).reshape(-1)
        self.count = self.numbers.size

    @classmethod
    def with_entry(cls, view: NodeView, op: Op, entry: Index) -> Reduced:
        """Return the entries that are reduced together with an entry of the input."""
        assert isinstance(op, OverAxes)
        return cls(view, op, summed_in(op, entry, view.inputs[0].shape))

    @property
    def few(self) -> bool:
        """Whether all of them can be written out."""
        return self.count <= ALL_UP_TO

    def entry(self, k: int) -> Index:
        """Return the k-th of them."""
        return entry_in(self.region, k)

    def names(self, without: Index | None = None) -> list[str]:
        """Return their names; of many, the first ones, which `series` shows, are not empty."""
        shown = range(self.count) if self.few else range(FIRST + 1)
        entries = [self.entry(k) for k in shown]
        names = [self.view.entry(0, entry) for entry in entries if entry != without]
        total = self.count - (without is not None)
        return names + [""] * (total - len(names))

    def refs(self) -> tuple[EntryRef, ...]:
        """Return refs to the first of them."""
        return tuple(self.view.ref(0, self.entry(k)) for k in range(min(self.count, _MAX_REFS)))

    def every(self) -> tuple[str, str]:
        """Return the letters of a sum over them, as subscripts, and the name of a general one."""
        letters, over = self.view.letters, ""
        subscripts: list[int | str] = []
        for axis, part in enumerate(self.region):
            if part.stop - part.start == 1:
                subscripts.append(part.start)
                continue
            subscripts.append(letters.axis(len(self.region) - 1 - axis))
            over += str(subscripts[-1])
        return letters.lowered(over), self.view.entry(0, tuple(subscripts))


class StatisticExplainer(Explainer):
    """Base of the explainers here: the gradient of the reduced entry, times the derivative."""

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient of the value's entry, times the derivative."""
        output = self._output(view, op, entry)
        local = self.local(view, op, input_index, entry, output)
        return Sent(f"{view.gradient(output)} × {factor(local)}", whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The derivative of the value's entry by this one."""
        region = single_entry(self._output(view, op, entry))
        with np.errstate(all="ignore"):
            number = self.derivative(view, op, entry)
        return Locals(region, np.full((1,) * len(region), number))

    def derivative(self, view: NodeView, op: Op, entry: Index) -> float:
        """Return the derivative of the value's entry by an entry of the input."""
        raise NotImplementedError

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The op's local derivative, with the names of both entries."""
        names = [named(view.label, self._output(view, op, entry)), view.entry(0, entry)]
        return view.written(lambda *n: op.local(0, *n), names)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The entry, and the value that it is compared with."""
        return [view.ref(0, entry), EntryRef(view.node, "value", output)]

    def _output(self, view: NodeView, op: Op, entry: Index) -> Index:
        assert isinstance(op, OverAxes)
        return summed_in(op, entry, view.inputs[0].shape)

    def in_numbers(self, numbers: list[float], form: Callable[..., str], result: float) -> str:
        """Return a formula in numbers, or the result alone if its digits do not give it."""
        return checked_formula(numbers, lambda texts: form(*texts), result) or bracketed(result)


class VarianceExplainer(StatisticExplainer):
    """Var: the squares of the distances from the mean."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per entry."""
        reduced = Reduced(view, op, index)
        mean, below = self._mean(reduced), self._below(op, reduced.count)
        with np.errstate(all="ignore"):
            amounts = (reduced.numbers - mean) ** 2 / below

        def term_text(k: int) -> TermText:
            entry = reduced.entry(k)
            away = f"({view.entry(0, entry)} - mean of {view.labels[0]})"
            symbols = f"{away}^2/{self._below_in_letters(view, op)}"
            text = self.in_numbers(
                [float(reduced.numbers[k]), mean],
                lambda x, average: f"({x} - {average})^2/{below}",
                float(amounts[k]),
            )
            return TermText(symbols, text, (view.ref(0, entry),))

        notes = (view.legend(), f"the mean is {scalar(mean)}")
        return Sums(self.formula(view, op, view.labels), (Bundle(amounts, term_text),), notes)

    def derivative(self, view: NodeView, op: Op, entry: Index) -> float:
        """2 (x - mean) / m."""
        reduced = Reduced.with_entry(view, op, entry)
        below = self._below(op, reduced.count)
        away = view.number(0, entry) - self._mean(reduced)
        return 2.0 * away / below if below else math.nan

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """2 (x - mean) / m, with the entry's name."""
        away = f"({view.entry(0, entry)} - mean of {view.labels[0]})"
        return f"2{away}/{self._below_in_letters(view, op)}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The distance from the mean."""
        reduced = Reduced.with_entry(view, op, entry)
        below = self._below(op, reduced.count)
        return self.in_numbers(
            [view.number(0, entry), self._mean(reduced)],
            lambda x, average: f"2 × ({x} - {average})/{below}",
            number,
        )

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The entry, and those of its mean."""
        return [view.ref(0, entry), *Reduced.with_entry(view, op, entry).refs()]

    @staticmethod
    def _below_in_letters(view: NodeView, op: Op) -> str:
        count = view.letters.count
        return f"({count}-1)" if op.attrs["unbiased"] else count

    @staticmethod
    def _below(op: Op, count: int) -> int:
        return count - bool(op.attrs["unbiased"])

    @staticmethod
    def _mean(reduced: Reduced) -> float:
        with np.errstate(all="ignore"):
            return float(reduced.numbers.sum() / max(reduced.count, 1))


class NormExplainer(StatisticExplainer):
    """Norm: the root of the sum of the squares."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The root; of many entries, the root of one number."""
        reduced, number = Reduced(view, op, index), float(view.value[index])
        over, every = reduced.every()
        rule = f"√(Σ{over} {every}^2)" if over else f"√({every}^2)"
        if reduced.few:
            text = self.in_numbers(
                reduced.numbers.tolist(),
                lambda *texts: f"√({' + '.join(f'{text}^2' for text in texts)})",
                number,
            )
        else:
            with np.errstate(all="ignore"):
                total = float(np.square(reduced.numbers).sum())
            text = self.in_numbers([total], lambda squares: f"√{squares}", number)
        return Sums(rule, (one_term(number, rule, text, reduced.refs()),))

    def derivative(self, view: NodeView, op: Op, entry: Index) -> float:
        """x / norm; 0 at length 0."""
        norm = np.float64(view.value[self._output(view, op, entry)])
        return float(view.number(0, entry) / norm) if norm else 0.0

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """x / norm; 0 at length 0."""
        if not view.value[self._output(view, op, entry)]:
            return "0"
        return super().local(view, op, input_index, entry, output)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """x / norm."""
        numbers = [view.number(0, entry), float(view.value[output])]
        return self.in_numbers(numbers, lambda x, norm: f"{x}/{norm}", number)


class LogSumExpExplainer(StatisticExplainer):
    """LogSumExp: the logarithm of a sum of powers of e."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The logarithm; of many entries, the greatest and the logarithm of the rest."""
        reduced, number = Reduced(view, op, index), float(view.value[index])
        over, every = reduced.every()
        letters = view.letters
        log, exp = letters.log, letters.exp
        rule = f"{log} Σ{over} {exp(every)}" if over else f"{log} {exp(every)}"
        text = ""
        if reduced.few:
            text = (
                checked_formula(
                    reduced.numbers.tolist(),
                    lambda texts: f"{log}({' + '.join(map(exp, texts))})",
                    number,
                )
                or ""
            )
        if not text:
            with np.errstate(all="ignore"):
                most = float(reduced.numbers.max())
                total = float(np.exp(reduced.numbers - most).sum())
            text = self.in_numbers([most, total], lambda x, rest: f"{x} + {log} {rest}", number)
        return Sums(rule, (one_term(number, rule, text, reduced.refs()),))

    def derivative(self, view: NodeView, op: Op, entry: Index) -> float:
        """The softmax probability; 0 where all are -infinity."""
        value = float(view.value[self._output(view, op, entry)])
        if value == -math.inf:
            return 0.0
        return float(np.exp(np.float64(view.number(0, entry)) - value))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """e^(x - value); 0 where all are -infinity."""
        if view.value[self._output(view, op, entry)] == -math.inf:
            return "0"
        return super().local(view, op, input_index, entry, output)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The probability."""
        numbers = [view.number(0, entry), float(view.value[output])]
        exp = view.letters.exp
        return self.in_numbers(numbers, lambda x, value: exp(f"({x} - {value})"), number)


class TotalProductExplainer(StatisticExplainer):
    """Prod: the derivative is the product of the other entries."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The product, as one term."""
        reduced, number = Reduced(view, op, index), float(view.value[index])
        product = series(reduced.names(), "·")
        text = bracketed(number)
        if reduced.few:
            text = self.in_numbers(
                reduced.numbers.tolist(), lambda *texts: " × ".join(texts), number
            )
        return Sums(product, (one_term(number, product, text, reduced.refs()),))

    def derivative(self, view: NodeView, op: Op, entry: Index) -> float:
        """The product of the other entries."""
        return float(np.prod(self._others(view, op, entry)))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The names of the others."""
        return series(Reduced.with_entry(view, op, entry).names(without=entry), "·") or "1"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The numbers of the others."""
        others = self._others(view, op, entry)
        if not 0 < others.size <= ALL_UP_TO:
            return bracketed(number)
        text = self.in_numbers(others.tolist(), lambda *texts: " × ".join(texts), number)
        return text if evaluates_to(text, number) else bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The other entries."""
        own = view.ref(0, entry)
        return [ref for ref in Reduced.with_entry(view, op, entry).refs() if ref != own]

    @staticmethod
    def _others(view: NodeView, op: Op, entry: Index) -> Array:
        reduced = Reduced.with_entry(view, op, entry)
        inside = [i - part.start for i, part in zip(entry, reduced.region, strict=True)]
        sizes = [part.stop - part.start for part in reduced.region]
        own = int(np.ravel_multi_index(inside, sizes)) if sizes else 0
        return np.delete(reduced.numbers, own)
