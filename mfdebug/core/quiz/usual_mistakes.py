"""The usual mistakes: what each gives, computed from the numbers of the question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import AskedMoment, bracketed, entry
from mfdebug.core.quiz.question import Mistake
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.activation import Sigmoid, Tanh
from miniflow.ops.arithmetic import Add, Mul, Sub
from miniflow.ops.cost import MAE, MSE
from miniflow.ops.extremes import Max, Min
from miniflow.ops.powers import Pow


class Sending(Struct, frozen=True):
    """What a node sends to an entry of one input, along `edges`: upstream × local."""

    asked: AskedMoment
    edges: list[int]
    index: Index
    sent: float
    upstream: float
    value: float
    inputs: list[float]

    @property
    def own(self) -> float:
        """The value of the input itself."""
        return self.inputs[self.edges[0]]

    @property
    def source(self) -> str:
        """The name of the input's entry."""
        return entry(self.asked.view.labels[self.edges[0]], self.index)

    @property
    def out(self) -> str:
        """The name of the node's entry."""
        is_cost = isinstance(self.asked.op, MSE | MAE)
        return self.asked.name if is_cost else entry(self.asked.name, self.index)

    @property
    def count(self) -> int:
        """The number of entries over which a cost takes the mean."""
        return math.prod(self.asked.view.inputs[0].shape)

    @property
    def cost_working(self) -> str:
        """The working of what an error sends to one entry."""
        first, second = self.inputs
        sign = "" if self.edges[0] == 0 else "-"
        over = f"/{self.count}"
        if isinstance(self.asked.op, MAE):
            return f"{bracketed(self.upstream)} × {bracketed(self.sent / self.upstream)}"
        difference = f"({scalar(first)} - {bracketed(second)})"
        return f"{bracketed(self.upstream)} × ({sign}2 × {difference}{over})"


def sending_mistakes(found: Sending) -> tuple[Mistake, ...]:
    """Return the wrong numbers that the usual mistakes give for what a node sends."""
    return distinct(found.sent, _of_op(found), _of_any(found))


def _of_op(found: Sending) -> Iterator[Mistake]:
    op, upstream, sent, own = found.asked.op, found.upstream, found.sent, found.own
    shown = scalar
    if len(found.edges) > 1:
        half = sent / len(found.edges)
        words = f"{shown(half)} is one part; {found.source} is both inputs, and the parts add up"
        yield Mistake(half, "sum", words)
    if isinstance(op, Mul):
        words = f"{shown(own)} is {found.source}'s own value"
        yield Mistake(own, "own value", words)
        product = upstream * own
        words = f"{shown(product)} is {bracketed(upstream)} × {found.source}'s own value"
        yield Mistake(product, "own value", words)
    elif isinstance(op, Pow):
        power = round(sent / upstream / own, 12) if upstream and own else math.nan
        words = f"{shown(upstream * own)} lacks the exponent"
        yield Mistake(upstream * own, "factor", words)
        yield Mistake(upstream * power, "factor", f"{shown(upstream * power)} lacks the base")
        yield Mistake(
            upstream * found.value,
            "factor",
            f"{shown(upstream * found.value)} has {found.out} itself, not its derivative",
        )
    elif isinstance(op, Sigmoid | Tanh):
        words = f"{shown(upstream * found.value)} has {found.out} itself, not its derivative"
        yield Mistake(upstream * found.value, "factor", words)
        rest = upstream * (1 - found.value)
        yield Mistake(rest, "factor", f"{shown(rest)} lacks a factor")
    elif isinstance(op, MSE):
        if found.count > 1:
            whole = sent * found.count
            words = f"{shown(whole)} is not divided by the {found.count} entries of the mean"
            yield Mistake(whole, "mean", words)
        yield Mistake(sent / 2, "factor", f"{shown(sent / 2)} lacks the 2 of the square")
        yield Mistake(found.value, "rule", f"{shown(found.value)} is the cost itself")
    elif isinstance(op, Add | Sub):
        yield Mistake(
            upstream * own,
            "own value",
            f"{shown(upstream * own)} is {bracketed(upstream)} × {found.source}'s value: that is "
            "for a product",
        )
    elif isinstance(op, Max | Min):
        if sent == 0:
            words = f"{found.source} lost: if it moves a little, nothing changes"
            yield Mistake(upstream, "unchanged", words)
        else:
            words = f"{found.source} won: as it moves, {found.out} moves"
            yield Mistake(0.0, "rule", words)


def _of_any(found: Sending) -> Iterator[Mistake]:
    upstream, sent, own = found.upstream, found.sent, found.own
    shown = scalar
    if upstream not in (0, 1):
        local = sent / upstream
        words = f"{shown(local)} leaves out the {shown(upstream)} that arrives at {found.out}"
        yield Mistake(local, "upstream", words)
    yield Mistake(-sent, "sign", f"{shown(-sent)} has the wrong sign")
    words = f"{shown(upstream)} is what arrives at {found.out}"
    if not isinstance(found.asked.op, Add):
        words += "; only an add gate passes it on unchanged"
    yield Mistake(upstream, "unchanged", words)
    yield Mistake(own, "own value", f"{shown(own)} is {found.source}'s own value")
    yield Mistake(found.value, "own value", f"{shown(found.value)} is {found.out}'s own value")


def sum_mistakes(total: float, terms: Sequence[tuple[str, float]]) -> tuple[Mistake, ...]:
    """Return the wrong numbers for a sum of contributions: one of them, their mean, a sign."""

    def found() -> Iterator[Mistake]:
        for name, term in terms:
            yield Mistake(term, "sum", f"{scalar(term)} is {name} alone")
        mean = total / len(terms)
        yield Mistake(mean, "mean", f"{scalar(mean)} is the mean; contributions add up")
        product = math.prod(term for _, term in terms)
        yield Mistake(product, "sum", f"{scalar(product)} is their product; contributions add up")
        yield Mistake(-total, "sign", f"{scalar(-total)} has the wrong sign")
        largest = max(terms, key=lambda term: abs(term[1]))[1]
        spread = abs(total - largest) and 2 * largest - total
        if spread:
            yield Mistake(spread, "sign", f"{scalar(spread)} subtracts; contributions add up")

    return distinct(total, found())


def distinct(answer: float, *groups: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Return the mistakes of numbers that differ from the answer, the first of equal ones."""
    kept: list[Mistake] = []
    for group in groups:
        for mistake in group:
            number = mistake.answer
            assert isinstance(number, float)
            others = [answer, *(float(other.answer) for other in kept)]
            if math.isfinite(number) and not any(close(number, other) for other in others):
                kept.append(mistake)
    return tuple(kept)


# Relative error accepted as right: users need not multiply to six digits.
NEAR = 0.02


def close(given: float, number: float) -> bool:
    """Whether an answer is as good as a number."""
    return scalar(given) == scalar(number) or abs(given - number) <= NEAR * abs(number)
