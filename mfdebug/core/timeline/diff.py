"""Two moments, or one moment on two branches, side by side: what differs, and what is the same.

The same means the same bytes: a debugger that goes back and forward again owes that. Numbers of
an earlier pass are not numbers of the moment, so they are never compared as if they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.results import as_json
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Freshness, index_text
from mfdebug.core.timeline.entry_ref import cost_name, gradient_name
from miniflow.graph import Graph
from miniflow.ops.base import Array

Index = tuple[int, ...]
What = Literal["value", "gradient", "cost", "learning rate"]
# Rows that are told; a large graph differs in thousands.
MOST_ROWS = 20
# What there is to compare: a partial gradient is a number of its moment too, the sum so far.
PRESENT = (Freshness.CURRENT, Freshness.PARTIAL)
ABSENT = {
    Freshness.NONE: "never computed",
    Freshness.WAITING: "not computed",
    Freshness.UNKNOWN: "not known",
}


class Instant(Struct, frozen=True):
    """A moment, on a branch (None: the present one)."""

    moment: int
    branch: int | None = None

    def __str__(self) -> str:
        return f"{self.moment}" if self.branch is None else f"{self.moment}@{self.branch}"


class Reading(NamedTuple):
    """A copy of a value or a gradient and how it stands; None where it is not of its moment."""

    array: Array | None
    freshness: Freshness


class Snapshot(Struct, frozen=True):
    """Copies of all there is to see at an instant."""

    values: list[Reading]
    gradients: list[Reading]
    cost: Reading
    learning_rate: float


class Difference(Struct, frozen=True):
    """One thing that differs, told by the entry that differs most.

    `a` and `b` are the numbers there, None where there is none of that moment (then the freshness
    says why), and both None where the shapes differ. `count` of `size` entries differ. `node` is
    None for the learning rate.
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

    @property
    def amount(self) -> float | None:
        """How far apart the two numbers are, infinite when one is not finite; None: no telling."""
        if self.a is None or self.b is None or self.a_freshness is not self.b_freshness:
            return None
        apart = abs(self.a - self.b)
        return math.inf if math.isnan(apart) else apart


class Comparison(Struct, frozen=True):
    """What differs, the largest difference first, then what is computed at one instant only.

    `same` things are equal bit for bit, `neither` have no number at either instant, and `stale`
    have none of their moment because they are of an earlier pass.
    """

    a: Instant
    b: Instant
    differences: tuple[Difference, ...]
    same: int
    neither: int
    stale: int


def take_snapshot(debugger: Debugger, instant: Instant) -> Snapshot:
    """Copy what there is to see at an instant; the debugger comes back to where it stands."""
    branch = instant.branch
    if branch is not None and not 0 <= branch < len(debugger.branches):
        last = len(debugger.branches) - 1
        raise DebuggerError(f"there is no branch {branch}", hint=f"the last one is {last}")
    with debugger.visiting(instant.moment, branch):
        nodes = range(len(debugger.graph))
        cost = debugger.cost_freshness()
        return Snapshot(
            [_reading(debugger.value(i), debugger.value_freshness(i)) for i in nodes],
            [_reading(debugger.gradient(i), debugger.gradient_freshness(i)) for i in nodes],
            _reading(np.array(debugger.plan.cost()), cost),
            debugger.learning_rate,
        )


def _reading(array: Array, freshness: Freshness) -> Reading:
    return Reading(array.copy() if freshness in PRESENT else None, freshness)


def compare(debugger: Debugger, a: Instant, b: Instant) -> Comparison:
    """Compare two instants node by node; a moment past the end is the end."""
    a, b = (Instant(debugger.timeline.clamp(one.moment), one.branch) for one in (a, b))
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
    """Return what rows are sorted by: not finite, then by size, then what cannot be compared."""
    if difference.amount is None or difference.a is None or difference.b is None:
        return 2, 0.0
    finite = math.isfinite(difference.a) and math.isfinite(difference.b)
    return int(finite), -difference.amount


def _pairs(
    debugger: Debugger, first: Snapshot, second: Snapshot
) -> Iterator[tuple[int | None, What, Reading, Reading]]:
    graph = debugger.graph
    for node, shape in enumerate(debugger.plan.shapes):
        # The value of a scalar cost is the cost: it is told once.
        if node != graph.cost or shape:
            yield node, "value", first.values[node], second.values[node]
    for node in range(len(graph)):
        yield node, "gradient", first.gradients[node], second.gradients[node]
    if not debugger.plan.shapes[graph.cost]:
        yield graph.cost, "cost", first.cost, second.cost
    if graph.trains:
        yield None, "learning rate", _rate_of(first), _rate_of(second)


def _rate_of(one: Snapshot) -> Reading:
    """Return the learning rate; of a program's pass it may not be known."""
    if math.isnan(one.learning_rate):
        return Reading(None, Freshness.UNKNOWN)
    return Reading(np.array(one.learning_rate), Freshness.CURRENT)


def _difference(node: int | None, what: What, x: Reading, y: Reading) -> Difference | None:
    """Return how two things differ, or None if they are equal byte for byte."""
    there = x.array if x.array is not None else y.array
    assert there is not None
    if x.array is None or y.array is None or x.freshness is not y.freshness:
        if not there.size:
            return None
        index, count = (0,) * there.ndim, there.size
    elif x.array.shape != y.array.shape:
        # A program's batches may be of any size.
        nowhere = (0,) * there.ndim
        return Difference(
            node, what, nowhere, None, None, x.freshness, y.freshness, there.size, there.size
        )
    else:
        differs = _bits(x.array) != _bits(y.array)
        count = int(differs.sum())
        if not count:
            return None
        with np.errstate(all="ignore"):
            apart = np.abs(np.subtract(x.array, y.array, dtype=np.float64)).reshape(-1)
        # Finite numbers can be infinitely far apart; what is not finite still comes first.
        bad = ~(np.isfinite(x.array) & np.isfinite(y.array)).reshape(-1)
        candidates = differs & bad if (differs & bad).any() else differs
        apart[np.isnan(apart)] = np.inf
        apart[~candidates] = -1.0
        index = tuple(map(int, np.unravel_index(int(apart.argmax()), there.shape)))
    a, b = (None if one.array is None else float(one.array[index]) for one in (x, y))
    return Difference(node, what, index, a, b, x.freshness, y.freshness, count, there.size)


def _bits(array: Array) -> Array:
    """Return the entries' bytes as integers: NaN equals itself there, and -0 is not +0."""
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")


# In words, and for programs --------------------------------------------------------------------


_NOT_BOTH = "cannot be compared"


def comparison_lines(found: Comparison, debugger: Debugger, most: int = MOST_ROWS) -> list[str]:
    """Return the comparison in words, a line each."""
    between = f"moment {found.a} and moment {found.b}"
    if not found.differences and not found.same:
        return [f"{between}: nothing is computed at either"]
    if not found.differences:
        except_for = f", but for {_stale_words(found.stale)}" if found.stale else ""
        return [f"{between}: everything is equal bit for bit{except_for}"]
    differ = sum(one.amount is not None for one in found.differences)
    apart = len(found.differences) - differ
    counts = f"{differ} differ{'s' * (differ == 1)}" + (f", {apart} {_NOT_BOTH}" if apart else "")
    equal = "1 is" if found.same == 1 else f"{found.same} are"
    lines = [f"{between}: {counts}, {equal} equal bit for bit"]
    lines += [f"  {_line(debugger, one)}" for one in found.differences[:most]]
    if len(found.differences) > most:
        unseen = sum(one.amount is not None for one in found.differences[most:])
        rest = len(found.differences) - most - unseen
        told = [f"{unseen} more that differ"] * bool(unseen) + [f"{rest} {_NOT_BOTH}"] * bool(rest)
        lines.append(f"  … {', '.join(told)}")
    if found.stale:
        lines.append(f"  left out: {_stale_words(found.stale)}")
    return lines


def _stale_words(count: int) -> str:
    return f"{count} stale, of an earlier pass"


def _line(debugger: Debugger, one: Difference) -> str:
    told = f"{_name(debugger, one)}: {' | '.join(_number_texts(one))}"
    if one.amount is None:
        return told
    if math.isfinite(one.amount):
        told += f", {scalar(one.amount, 3)} apart"
    return told + (f" ({one.count} of {one.size} differ)" if one.size > 1 else "")


def _name(debugger: Debugger, one: Difference) -> str:
    graph = debugger.graph
    if one.node is None:
        return one.what
    if one.what == "cost":
        return cost_name(graph)
    if one.what == "value":
        return f"{graph.nodes[one.node].label}{index_text(one.index)}"
    partial = Freshness.PARTIAL is one.a_freshness is one.b_freshness
    return f"{gradient_name(debugger, one.node, one.index or ())}{' so far' if partial else ''}"


def _number_texts(one: Difference) -> tuple[str, str]:
    """Return both numbers as text, with as many digits as it takes to tell them apart."""
    if one.a is None and one.b is None:
        return ("of another shape",) * 2
    sides = ((one.a, one.a_freshness), (one.b, one.b_freshness))
    if one.a is None or one.b is None or one.amount is None:
        a, b = (_unlike(number, freshness) for number, freshness in sides)
        return a, b
    for digits in (6, 9, 17):
        a, b = _signed(one.a, digits), _signed(one.b, digits)
        if a != b:
            return a, b
    return a, f"{b} in other bits"


def _unlike(number: float | None, freshness: Freshness) -> str:
    if number is None:
        return ABSENT.get(freshness, freshness.value)
    return f"{_signed(number)}{' so far' if freshness is Freshness.PARTIAL else ''}"


def _signed(number: float, digits: int = 6) -> str:
    """Return a number as text; here a zero has its sign, which may be all the difference."""
    minus = "-" if number == 0 and math.copysign(1, number) < 0 else ""
    return minus + scalar(number, digits)


def comparison_data(found: Comparison, graph: Graph) -> dict[str, Any]:
    """Return the comparison as JSON can hold it."""
    data: dict[str, Any] = as_json(
        {
            "a": str(found.a),
            "b": str(found.b),
            "bit_equal": not found.differences,
            "equal": found.same,
            "not_computed_in_either": found.neither,
            "stale": found.stale,
            "differences": [
                {
                    "node": None if one.node is None else graph.nodes[one.node].label,
                    "what": one.what,
                    "entry": one.index,
                    "a": one.a,
                    "b": one.b,
                    "a_freshness": one.a_freshness.value,
                    "b_freshness": one.b_freshness.value,
                    "difference": one.amount,
                    "differ": one.count,
                    "of": one.size,
                }
                for one in found.differences
            ],
        }
    )
    return data
