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

from mfdebug.core.explain.comparison_report import comparison_data
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.diff import (
    Comparison,
    Difference,
    Instant,
    compare,
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


def test_xor_before_and_after_five_sgd_steps_is_sorted_by_size() -> None:
    debugger = opened("xor")
    after = 5 * debugger.timeline.length
    found = compare(debugger, Instant(0), Instant(after))
    measured = [difference for difference in found.differences if difference.amount is not None]
    assert {debugger.graph.nodes[difference.node or 0].label for difference in measured} == {
        "W1",
        "b1",
        "W2",
        "b2",
    }
    assert list(found.differences[: len(measured)]) == measured
    assert [size(difference) for difference in measured] == sorted(
        map(size, measured), reverse=True
    )
    first, second = opened("xor"), opened("xor")
    second.move(after)
    for difference in measured:
        assert difference.node is not None
        x, y = first.state.value(difference.node), second.state.value(difference.node)
        assert size(difference) == np.abs(x - y).max()
        assert (difference.a, difference.b) == (x[difference.index], y[difference.index])
        assert (difference.count, difference.size) == (int((x != y).sum()), x.size)


def test_a_look_at_another_branch_keeps_the_costs_of_the_steps_ahead() -> None:
    debugger, twin = opened("wx"), opened("wx")
    for each_debugger in (debugger, twin):
        each_debugger.move(9)
        each_debugger.set_learning_rate(0.0005)
        each_debugger.cursor.sgd(40)
        each_debugger.move(9)
    compare(debugger, Instant(9), Instant(90, 0))
    assert debugger.cursor.costs == twin.cursor.costs
    for each_debugger in (debugger, twin):
        each_debugger.cursor.sgd(60)
    assert state(debugger) == state(twin)
    assert debugger.cursor.costs == twin.cursor.costs


def test_a_branch_that_is_not_there_is_refused() -> None:
    for branch in (1, -1):
        with pytest.raises(DebuggerError, match=f"no branch {branch}"):
            take_snapshot(opened("wx"), Instant(3, branch))


def test_past_the_end_is_the_end() -> None:
    debugger = opened("square")
    assert str(compare(debugger, Instant(99), Instant(4)).a) == "4"


# Bits ------------------------------------------------------------------------------------------


def two(x: Any, y: Any) -> tuple[Debugger, Comparison]:
    """Compare a run with x and the same run with y instead, after feed."""
    node = Input("x", value=np.array(x), trainable=True)
    cost = Mul(node, Input("k", value=1.0), name="cost")
    graph = Graph.of(cost, training=Training(SGD(0.1)))
    debugger = ComputedDebugger(graph)
    debugger.move(1)
    debugger.set_value(graph.index_of("x"), None, np.array(y))
    return debugger, compare(debugger, Instant(1, 0), Instant(1))


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6))
@settings(deadline=None, max_examples=examples(60))
def test_the_count_is_of_entries_with_other_bytes(pairs: list[tuple[float, float]]) -> None:
    x, y = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    debugger, found = two(x, y)
    other = [a.tobytes() != b.tobytes() for a, b in zip(x, y, strict=True)]
    rows = [row for row in found.differences if row.what == "value"]
    assert sum(row.count for row in rows) == sum(other)
    for row in rows:
        apart = [abs(a - b) for a, b in zip(x, y, strict=True) if np.isfinite(a) and np.isfinite(b)]
        assert other[row.index[0]]
        if row.amount is not None and math.isfinite(row.amount):
            assert row.amount == max(apart)
    json.dumps(comparison_data(found, debugger.graph), allow_nan=False)
