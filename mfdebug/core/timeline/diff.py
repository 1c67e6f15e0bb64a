"""Compares two moments, or one moment on two branches: what differs and what is equal.

Equal means the same bytes, as a debugger that goes back and forward again must reproduce them.
Stale numbers do not belong to the moment, so they are not compared.
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
from miniflow.ops.base import Array, Index, Shape, shape_text

What = Literal["value", "gradient", "cost", "learning rate"]
# Differences listed as text; a large graph may have thousands.
MOST_ROWS = 20
# What is compared: a partial gradient belongs to its moment too, as the sum so far.
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
    """A copy of a value or gradient and its freshness; None if it is not of the moment."""

    array: Array | None
    freshness: Freshness


class Snapshot(Struct, frozen=True):
    """Copies of all values and gradients at an instant."""

    values: list[Reading]
    gradients: list[Reading]
    cost: Reading
    learning_rate: float


class Difference(Struct, frozen=True):
    """A value, gradient, cost or learning rate that differs, shown by its most different entry.

    `a` and `b` are the numbers of that entry; None if there is none of that moment (the freshness
    says why), both None if the `shapes` differ. `count` of `size` entries differ. `node` is None
    for the learning rate.
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
            [_reading(state.value(i), state.value_freshness(i)) for i in nodes],
            [_reading(state.gradient(i), state.gradient_freshness(i)) for i in nodes],
            _reading(np.array(debugger.plan.cost()), state.cost_freshness()),
            state.learning_rate,
        )


def _reading(array: Array, freshness: Freshness) -> Reading:
    return Reading(array.copy() if freshness in PRESENT else None, freshness)


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
    return Difference(node, what, index, a, b, x.freshness, y.freshness, count, present.size)


def _bits(array: Array) -> Array:
    """Return the entries' bytes as integers: NaN equals itself, and -0 differs from +0."""
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")


# As text, and as JSON --------------------------------------------------------------------


_NOT_BOTH = "cannot be compared"


def comparison_lines(found: Comparison, debugger: Debugger, most: int = MOST_ROWS) -> list[str]:
    """Return the comparison as lines of text, with at most `most` differences."""
    between = f"moment {found.a} and moment {found.b}"
    if not found.differences and not found.same:
        return [f"{between}: nothing is computed at either"]
    if not found.differences:
        except_for = f", but for {_stale_words(found.stale)}" if found.stale else ""
        return [f"{between}: everything is equal bit for bit{except_for}"]
    differ = sum(d.in_both for d in found.differences)
    apart = len(found.differences) - differ
    counts = f"{differ} differ{'s' * (differ == 1)}" + (f", {apart} {_NOT_BOTH}" if apart else "")
    equal = "1 is" if found.same == 1 else f"{found.same} are"
    lines = [f"{between}: {counts}, {equal} equal bit for bit"]
    lines += [f"  {_line(debugger, difference)}" for difference in found.differences[:most]]
    if len(found.differences) > most:
        more = sum(d.in_both for d in found.differences[most:])
        rest = len(found.differences) - most - more
        omitted = [f"{more} more that differ"] * bool(more) + [f"{rest} {_NOT_BOTH}"] * bool(rest)
        lines.append(f"  … {', '.join(omitted)}")
    if found.stale:
        lines.append(f"  left out: {_stale_words(found.stale)}")
    return lines


def _stale_words(count: int) -> str:
    return f"{count} stale, of an earlier pass"


def _line(debugger: Debugger, difference: Difference) -> str:
    line = f"{_name(debugger, difference)}: {' | '.join(_number_texts(difference))}"
    if difference.amount is None:
        return line
    if math.isfinite(difference.amount):
        line += f", {scalar(difference.amount, 3)} apart"
    return line + (
        f" ({difference.count} of {difference.size} differ)" if difference.size > 1 else ""
    )


def _name(debugger: Debugger, difference: Difference) -> str:
    graph = debugger.graph
    if difference.node is None:
        return difference.what
    if difference.what == "cost":
        return cost_name(graph)
    if difference.what == "value":
        return f"{graph.nodes[difference.node].label}{index_text(difference.index)}"
    partial = Freshness.PARTIAL is difference.a_freshness is difference.b_freshness
    name = gradient_name(debugger, difference.node, difference.index or ())
    return f"{name}{' so far' if partial else ''}"


def _number_texts(difference: Difference) -> tuple[str, str]:
    """Return both numbers as text, with enough digits to distinguish them."""
    if difference.shapes is not None:
        a, b = map(shape_text, difference.shapes)
        return f"shape {a}", f"shape {b}"
    sides = ((difference.a, difference.a_freshness), (difference.b, difference.b_freshness))
    if difference.a is None or difference.b is None or difference.amount is None:
        a, b = (_side_text(number, freshness) for number, freshness in sides)
        return a, b
    for digits in (6, 9, 17):
        a, b = _signed(difference.a, digits), _signed(difference.b, digits)
        if a != b:
            return a, b
    return a, f"{b} in other bits"


def _side_text(number: float | None, freshness: Freshness) -> str:
    if number is None:
        return ABSENT.get(freshness, freshness.value)
    return f"{_signed(number)}{' so far' if freshness is Freshness.PARTIAL else ''}"


def _signed(number: float, digits: int = 6) -> str:
    """Return a number as text with the sign of a zero, which may be the only difference."""
    minus = "-" if number == 0 and math.copysign(1, number) < 0 else ""
    return minus + scalar(number, digits)


def comparison_data(found: Comparison, graph: Graph) -> dict[str, Any]:
    """Return the comparison as JSON data."""
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
                    "node": None if difference.node is None else graph.nodes[difference.node].label,
                    "what": difference.what,
                    "entry": difference.index,
                    "a": difference.a,
                    "b": difference.b,
                    "a_freshness": difference.a_freshness.value,
                    "b_freshness": difference.b_freshness.value,
                    "difference": difference.amount,
                    "differ": difference.count,
                    "of": difference.size,
                }
                | ({"shapes": difference.shapes} if difference.shapes else {})
                for difference in found.differences
            ],
        }
    )
    return data
