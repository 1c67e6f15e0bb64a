"""Compares two moments, or one moment on two branches: what differs and what is equal.

Equal means the same bytes, as a debugger that goes back and forward again must reproduce them.
Stale numbers do not belong to the moment, so they are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, Freshness
from miniflow.ops.base import Array, Index, Shape

What = Literal["value", "gradient", "cost", "learning rate"]
# What is compared: a partial gradient belongs to its moment too, as the sum so far.
PRESENT = (Freshness.CURRENT, Freshness.PARTIAL)


class Instant(Struct, frozen=True):
    """A moment, on a branch (None: the present one)."""

    moment: int
    branch: int | None = None

    def __str__(self) -> str:
        return f"{self.moment}" if self.branch is None else f"{self.moment}@{self.branch}"


class Reading(NamedTuple):
    """A copy of a value or gradient and its freshness; None if it is not of the moment.

    `overrides` are the edits that have set it, or entries of it.
    """

    array: Array | None
    freshness: Freshness
    overrides: tuple[Edit, ...] = ()

    def is_overridden(self, index: Index) -> bool:
        """Whether an edit has set the entry `index`."""
        return any(edit.reaches(index) for edit in self.overrides)


class Snapshot(Struct, frozen=True):
    """Copies of all values and gradients at an instant."""

    values: list[Reading]
    gradients: list[Reading]
    cost: Reading
    learning_rate: float


class Difference(Struct, frozen=True):
    """A value, gradient, cost or learning rate that differs, shown by its most different entry.

    `a` and `b` are the numbers of that entry; None if there is none of that moment (the freshness
    says why), both None if the `shapes` differ. `overridden` says of each whether an edit has set
    it. `count` of `size` entries differ. `node` is None for the learning rate.
    """

    node: int | None
    what: What
    index: Index
    a: float | None
    b: float | None
    a_freshness: Freshness
    b_freshness: Freshness
    count: int
    size: int
    shapes: tuple[Shape, Shape] | None = None
    overridden: tuple[bool, bool] = (False, False)

    @property
    def in_both(self) -> bool:
        """Whether both moments have it."""
        return self.amount is not None or self.shapes is not None

    @property
    def amount(self) -> float | None:
        """The distance of the two numbers, inf if one is not finite; None if not comparable."""
        if self.a is None or self.b is None or self.a_freshness is not self.b_freshness:
            return None
        apart = abs(self.a - self.b)
        return math.inf if math.isnan(apart) else apart

    @property
    def relative(self) -> float | None:
        """The distance over the larger of the two magnitudes, 0 to 2; None unless both are finite.

        It is the relative error of a gradient check, so that both can be compared.
        """
        if self.amount is None or self.a is None or self.b is None:
            return None
        if not (math.isfinite(self.a) and math.isfinite(self.b)):
            return None
        largest = max(abs(self.a), abs(self.b))
        # Scaled first: the distance of finite numbers can overflow.
        return abs(self.a / largest - self.b / largest) if largest else 0.0


class Comparison(Struct, frozen=True):
    """The differences, largest first, then what is computed at one instant only.

    `same` counts what is equal bit for bit, `neither` what has no number at either instant, and
    `stale` what has numbers of an earlier pass only.
    """

    a: Instant
    b: Instant
    differences: tuple[Difference, ...]
    same: int
    neither: int
    stale: int


def take_snapshot(debugger: Debugger, instant: Instant) -> Snapshot:
    """Copy the state at an instant; the debugger returns to its present moment."""
    branch = instant.branch
    if branch is not None and not 0 <= branch < len(debugger.branches):
        last = len(debugger.branches) - 1
        raise DebuggerError(f"there is no branch {branch}", hint=f"the last is {last}")
    with debugger.visiting(instant.moment, branch):
        nodes, state = range(len(debugger.graph)), debugger.state
        return Snapshot(
            [_reading(state.value(i), state.value_freshness(i), state.overrides(i)) for i in nodes],
            [
                _reading(
                    state.gradient(i),
                    state.gradient_freshness(i),
                    state.overrides(i, gradient=True),
                )
                for i in nodes
            ],
            _reading(np.array(debugger.plan.cost()), state.cost_freshness()),
            state.learning_rate,
        )


def _reading(array: Array, freshness: Freshness, overrides: Sequence[Edit] = ()) -> Reading:
    present = freshness in PRESENT
    return Reading(
        array.copy() if present else None, freshness, tuple(overrides) if present else ()
    )


def compare(debugger: Debugger, a: Instant, b: Instant) -> Comparison:
    """Compare two instants node by node; a moment past the end counts as the end."""
    a, b = (Instant(debugger.timeline.clamp(i.moment), i.branch) for i in (a, b))
    first, second = take_snapshot(debugger, a), take_snapshot(debugger, b)
    found: list[Difference] = []
    same = neither = stale = 0
    for node, what, x, y in _pairs(debugger, first, second):
        if x.array is None and y.array is None:
            old = Freshness.STALE in (x.freshness, y.freshness)
            stale, neither = stale + old, neither + (not old)
        elif (difference := _difference(node, what, x, y)) is None:
            same += 1
        else:
            found.append(difference)
    found.sort(key=_rank)
    return Comparison(a, b, tuple(found), same, neither, stale)


def _rank(difference: Difference) -> tuple[int, float]:
    """Return the sort key: not finite first, then by size, then what cannot be compared."""
    if difference.amount is None or difference.a is None or difference.b is None:
        return 2, 0.0
    finite = math.isfinite(difference.a) and math.isfinite(difference.b)
    return int(finite), -difference.amount


def _pairs(
    debugger: Debugger, first: Snapshot, second: Snapshot
) -> Iterator[tuple[int | None, What, Reading, Reading]]:
    graph = debugger.graph
    for node, shape in enumerate(debugger.plan.shapes):
        # The value of a scalar cost is listed as the cost, below.
        if node != graph.cost or shape:
            yield node, "value", first.values[node], second.values[node]
    for node in range(len(graph)):
        yield node, "gradient", first.gradients[node], second.gradients[node]
    if not debugger.plan.shapes[graph.cost]:
        yield graph.cost, "cost", first.cost, second.cost
    if graph.trains:
        yield None, "learning rate", _rate_of(first), _rate_of(second)


def _rate_of(snapshot: Snapshot) -> Reading:
    """Return the learning rate, which may not be known in a program's pass."""
    if math.isnan(snapshot.learning_rate):
        return Reading(None, Freshness.UNKNOWN)
    return Reading(np.array(snapshot.learning_rate), Freshness.CURRENT)


def _difference(node: int | None, what: What, x: Reading, y: Reading) -> Difference | None:
    """Return the difference of two readings, or None if they are equal byte for byte."""
    present = x.array if x.array is not None else y.array
    assert present is not None
    if x.array is None or y.array is None or x.freshness is not y.freshness:
        if not present.size:
            return None
        index, count = (0,) * present.ndim, present.size
    elif x.array.shape != y.array.shape:
        # A program's batches may be of any size.
        size = present.size
        shapes = x.array.shape, y.array.shape
        states = x.freshness, y.freshness
        return Difference(node, what, (), None, None, *states, size, size, shapes)
    else:
        differs = _bits(x.array) != _bits(y.array)
        count = int(differs.sum())
        if not count:
            return None
        with np.errstate(all="ignore"):
            apart = np.abs(np.subtract(x.array, y.array, dtype=np.float64)).reshape(-1)
        # The distance of finite numbers can overflow; entries that are not finite still come first.
        bad = ~(np.isfinite(x.array) & np.isfinite(y.array)).reshape(-1)
        candidates = differs & bad if (differs & bad).any() else differs
        apart[np.isnan(apart)] = np.inf
        apart[~candidates] = -1.0
        index = tuple(map(int, np.unravel_index(int(apart.argmax()), present.shape)))
    a, b = (None if r.array is None else float(r.array[index]) for r in (x, y))
    return Difference(
        node,
        what,
        index,
        a,
        b,
        x.freshness,
        y.freshness,
        count,
        present.size,
        overridden=(x.is_overridden(index), y.is_overridden(index)),
    )


def _bits(array: Array) -> Array:
    """Return the entries' bytes as integers: NaN equals itself, and -0 differs from +0."""
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")
