"""Comparison of two moments: differences are listed by size, and equal means equal bit for bit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Freshness
from mfdebug.core.timeline.diff import (
    Comparison,
    Difference,
    Instant,
    compare,
    comparison_data,
    comparison_lines,
    take_snapshot,
)
from mfdebug.opening.shipped import shipped
from miniflow.files import load
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import Mul
from miniflow.training.optimizers import SGD
from tests.support.debuggers import state
from tests.support.sizes import examples

PATHS = {graph.path.stem: graph.path for graph in shipped()}


def opened(name: str) -> Debugger:
    return ComputedDebugger(load(PATHS[name]))


def told(debugger: Debugger, a: Instant, b: Instant, most: int = 20) -> list[str]:
    return comparison_lines(compare(debugger, a, b), debugger, most)


def size(difference: Difference) -> float:
    assert difference.amount is not None
    return difference.amount


@pytest.mark.parametrize("path", PATHS.values(), ids=lambda path: path.stem)
def test_a_moment_is_equal_to_itself_and_nothing_moves(path: Path) -> None:
    debugger = ComputedDebugger(load(path))
    length = debugger.timeline.length
    debugger.move(length + length // 2)
    before = state(debugger)
    for moment in (0, 1, length // 2, length, debugger.timeline.clamp(2 * length - 1)):
        found = compare(debugger, Instant(moment), Instant(moment, 0))
        assert not found.differences
        assert found.same or not (moment or debugger.graph.trains)
    assert state(debugger) == before


def test_that_all_is_equal_is_said_in_one_sentence() -> None:
    debugger = opened("wx")
    assert told(debugger, Instant(0), Instant(0)) == [
        "moment 0 and moment 0: everything is equal bit for bit"
    ]
    assert told(debugger, Instant(11), Instant(11, 0)) == [
        "moment 11 and moment 11@0: everything is equal bit for bit, "
        "but for 6 stale, of an earlier pass"
    ]


def test_before_the_feed_there_is_nothing_to_compare() -> None:
    assert told(opened("square"), Instant(0), Instant(0)) == [
        "moment 0 and moment 0: nothing is computed at either"
    ]


def test_two_moments_of_wx() -> None:
    debugger = opened("wx")
    assert told(debugger, Instant(9), Instant(18)) == [
        "moment 9 and moment 18: 7 differ, 4 are equal bit for bit",
        "  cost: 900 | 576, 324 apart",
        "  ∂cost/∂w: 600 | 480, 120 apart",
        "  ∂cost/∂x: 300 | 211.2, 88.8 apart",
        "  ∂cost/∂y: 60 | 48, 12 apart",
        "  ∂cost/∂wanted: -60 | -48, 12 apart",
        "  y: 50 | 44, 6 apart",
        "  w: 4.4 | 3.92, 0.48 apart",
    ]
    assert told(debugger, Instant(1), Instant(3), most=2) == [
        "moment 1 and moment 3: 0 differ, 2 cannot be compared, 4 are equal bit for bit",
        "  y: not computed | 50",
        "  cost: not computed | 900",
    ]


def test_xor_before_and_after_five_sgd_steps_is_sorted_by_size() -> None:
    debugger = opened("xor")
    after = 5 * debugger.timeline.length
    found = compare(debugger, Instant(0), Instant(after))
    measured = [one for one in found.differences if one.amount is not None]
    assert {debugger.graph.nodes[one.node or 0].label for one in measured} == {
        "W1",
        "b1",
        "W2",
        "b2",
    }
    assert list(found.differences[: len(measured)]) == measured
    assert [size(one) for one in measured] == sorted(map(size, measured), reverse=True)
    first, second = opened("xor"), opened("xor")
    second.move(after)
    for one in measured:
        assert one.node is not None
        x, y = first.state.value(one.node), second.state.value(one.node)
        assert size(one) == np.abs(x - y).max()
        assert (one.a, one.b) == (x[one.index], y[one.index])
        assert (one.count, one.size) == (int((x != y).sum()), x.size)


def test_another_learning_rate_on_another_branch() -> None:
    debugger = opened("wx")
    debugger.move(7)
    debugger.set_learning_rate(0.005)
    debugger.move(9)
    before = state(debugger)
    assert told(debugger, Instant(9), Instant(9, 0)) == [
        "moment 9 and moment 9@0: 2 differ, 9 are equal bit for bit",
        "  w: 2 | 4.4, 2.4 apart",
        "  learning rate: 0.005 | 0.001, 0.004 apart",
    ]
    assert state(debugger) == before
    assert not compare(debugger, Instant(9), Instant(9, 1)).differences


def test_a_look_at_another_branch_keeps_the_costs_of_the_steps_ahead() -> None:
    debugger, twin = opened("wx"), opened("wx")
    for one in (debugger, twin):
        one.move(9)
        one.set_learning_rate(0.0005)
        one.cursor.sgd(40)
        one.move(9)
    compare(debugger, Instant(9), Instant(90, 0))
    assert debugger.cursor.costs == twin.cursor.costs
    for one in (debugger, twin):
        one.cursor.sgd(60)
    assert state(debugger) == state(twin)
    assert debugger.cursor.costs == twin.cursor.costs


def test_a_branch_that_is_not_there_is_refused() -> None:
    for branch in (1, -1):
        with pytest.raises(DebuggerError, match=f"no branch {branch}"):
            take_snapshot(opened("wx"), Instant(3, branch))


def test_a_stale_number_is_not_compared_with_a_current_one() -> None:
    debugger = opened("wx")
    found = compare(debugger, Instant(9), Instant(10))
    assert all(
        one.amount is None for one in found.differences if one.b_freshness is Freshness.STALE
    )
    lines = comparison_lines(found, debugger)
    assert "  y: 50 | stale" in lines
    assert "  ∂cost/∂w: 600 | stale" in lines
    both = compare(debugger, Instant(10), Instant(19))
    assert both.stale == 7
    assert comparison_lines(both, debugger)[-1] == "  left out: 7 stale, of an earlier pass"


def test_a_partial_gradient_is_the_sum_so_far() -> None:
    debugger = opened("diamond")
    partial = debugger.timeline.position_of("backward", debugger.graph.index_of("right"))
    assert partial is not None
    assert "  ∂y/∂x: -25 so far | -75" in told(debugger, Instant(partial), Instant(8))


def test_past_the_end_is_the_end() -> None:
    debugger = opened("square")
    assert str(compare(debugger, Instant(99), Instant(4)).a) == "4"


# Bits ------------------------------------------------------------------------------------------


def two(x: Any, y: Any) -> tuple[Debugger, Comparison]:
    """Compare a run with x and the same run with y instead, after feed."""
    one = Input("x", value=np.array(x), trainable=True)
    cost = Mul(one, Input("k", value=1.0), name="cost")
    graph = Graph.of(cost, training=Training(SGD(0.1)))
    debugger = ComputedDebugger(graph)
    debugger.move(1)
    debugger.set_value(graph.index_of("x"), None, np.array(y))
    return debugger, compare(debugger, Instant(1, 0), Instant(1))


def rows_of(debugger: Debugger, found: Comparison) -> list[str]:
    return [line.strip() for line in comparison_lines(found, debugger)[1:]]


def test_zeros_of_two_signs_differ() -> None:
    assert rows_of(*two(0.0, -0.0)) == ["x: 0 | -0, 0 apart"]


def test_nan_is_equal_to_nan_with_the_same_bits() -> None:
    _, found = two(math.nan, math.nan)
    assert not found.differences
    assert rows_of(*two(math.nan, -math.nan)) == ["x: nan | nan in other bits"]


def test_close_numbers_are_written_out_until_they_can_be_told_apart() -> None:
    assert rows_of(*two(1.0, math.nextafter(1.0, 2.0))) == [
        "x: 1 | 1.0000000000000002, 2.22e-16 apart"
    ]


def test_what_is_not_finite_comes_first() -> None:
    rows = rows_of(*two([1.0, 2.0, 3.0, 0.0], [9e9, math.inf, 3.0, math.nan]))
    assert rows == ["x[1]: 2 | inf (3 of 4 differ)"]
    debugger, found = two([1e308, 1.0], [-1e308, math.nan])
    assert rows_of(debugger, found) == ["x[1]: 1 | nan (2 of 2 differ)"]
    debugger = opened("log-nan")
    length, steps = debugger.timeline.length, 40
    found = compare(debugger, Instant(length), Instant(steps * length))
    bad = [not (math.isfinite(d.a or 0.0) and math.isfinite(d.b or 0.0)) for d in found.differences]
    assert bad == sorted(bad, reverse=True)
    assert any(bad)


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6))
@settings(deadline=None, max_examples=examples(60))
def test_the_count_is_of_entries_with_other_bytes(pairs: list[tuple[float, float]]) -> None:
    x, y = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    debugger, found = two(x, y)
    other = [a.tobytes() != b.tobytes() for a, b in zip(x, y, strict=True)]
    rows = [one for one in found.differences if one.what == "value"]
    assert sum(one.count for one in rows) == sum(other)
    for one in rows:
        apart = [abs(a - b) for a, b in zip(x, y, strict=True) if np.isfinite(a) and np.isfinite(b)]
        assert other[one.index[0]]
        if one.amount is not None and math.isfinite(one.amount):
            assert one.amount == max(apart)
    json.dumps(comparison_data(found, debugger.graph), allow_nan=False)


def test_for_programs() -> None:
    debugger = opened("wx")
    data = comparison_data(compare(debugger, Instant(9), Instant(18, 0)), debugger.graph)
    assert (data["a"], data["b"], data["bit_equal"]) == ("9", "18@0", False)
    assert data["differences"][0] == {
        "node": "cost",
        "what": "cost",
        "entry": [],
        "a": 900.0,
        "b": pytest.approx(576.0),
        "a_freshness": "current",
        "b_freshness": "current",
        "difference": pytest.approx(324.0),
        "differ": 1,
        "of": 1,
    }
