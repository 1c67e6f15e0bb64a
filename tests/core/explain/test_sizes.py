"""The sizes of values, gradients and updates, and that each is computed once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mfdebug.core.explain import sizes
from mfdebug.core.explain.sizes import MOST_SUMMED, Sizes, size_of
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.opening.graphs import load_graph
from miniflow.ops.base import Array

NUMBERS = st.one_of(
    arrays(np.float64, array_shapes(max_dims=3, max_side=5), elements=st.floats(-1e300, 1e300)),
    arrays(np.float32, array_shapes(max_dims=2, max_side=5), elements=st.floats(-1, 1, width=32)),
    arrays(np.int64, array_shapes(max_dims=2, max_side=5), elements=st.integers(-99, 99)),
)


@given(NUMBERS)
def test_the_size_of_a_tensor_is_the_mean_of_its_absolute_values(array: Array) -> None:
    found = size_of(array)
    numbers = [float(x) for x in array.reshape(-1)]
    expected = (
        numbers[0] if len(numbers) == 1 else math.fsum(abs(x) / len(numbers) for x in numbers)
    )
    assert found.number == pytest.approx(expected)
    assert found.wrong == ""
    assert found.entries == (tuple(numbers) if len(numbers) <= 4 else ())


def test_a_sum_that_overflows_has_a_finite_mean() -> None:
    assert size_of(np.full(10, 1.7e308)).number == pytest.approx(1.7e308)
    assert size_of(np.full(10, 1.7e308)).wrong == ""


@pytest.mark.parametrize(
    ("number", "word"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "inf")]
)
def test_a_number_that_is_not_finite_is_named(number: float, word: str) -> None:
    for array in (np.array(number), np.array([1.0, number]), np.full((9, 9), number)):
        assert size_of(array).wrong == word
    assert size_of(np.array([math.nan, math.inf])).wrong == "nan"


def test_what_is_too_large_or_empty_has_no_size() -> None:
    assert math.isnan(size_of(np.zeros(0)).number)
    large = np.broadcast_to(np.zeros(1), (MOST_SUMMED + 1,))
    assert math.isnan(size_of(large).number)
    assert size_of(large).wrong == ""


def all_sizes(debugger: Debugger, found: Sizes) -> list[tuple[float, ...]]:
    found.refresh()
    rows = []
    for node in range(len(debugger.graph.nodes)):
        row = [math.nan, math.nan]
        if not debugger.state.value_freshness(node).absent:
            row[0] = found.value(node).number
        if not debugger.state.gradient_freshness(node).absent:
            row[1] = found.gradient(node).number
        rows.append(tuple(row))
    return rows


@pytest.mark.parametrize("graph", ["xor", "diamond", "wx", "vanishing"])
def test_remembered_sizes_are_those_of_the_present_numbers(graph: str) -> None:
    debugger = ComputedDebugger(load_graph(graph))
    remembered = Sizes(debugger)
    input_node = next(iter(debugger.graph.trainables), 0)
    length = debugger.timeline.length
    moments = [0, 1, 3, length - 1, length, length + 2, 2 * length - 1, 3, 0, length]
    for i, moment in enumerate(moments):
        debugger.cursor.go(moment)
        if i == 5:
            debugger.set_value(input_node, None, 0.25)
        if i == 7:
            debugger.undo()
        assert repr(all_sizes(debugger, remembered)) == repr(all_sizes(debugger, Sizes(debugger)))


def test_a_step_computes_only_the_sizes_that_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    debugger = ComputedDebugger(load_graph("xor"))
    debugger.cursor.go(3 * debugger.timeline.length + 1)
    found = Sizes(debugger)
    all_sizes(debugger, found)
    counted = 0
    plain = sizes.size_of

    def counting(array: Array) -> sizes.Size:
        nonlocal counted
        counted += 1
        return plain(array)

    monkeypatch.setattr(sizes, "size_of", counting)
    all_sizes(debugger, found)
    assert counted == 0
    for _ in range(5):
        debugger.cursor.step()
        counted = 0
        all_sizes(debugger, found)
        assert counted == 1


@pytest.mark.parametrize("graph", ["xor", "valley-momentum", "digits", "wx", "diabetes"])
def test_the_update_of_a_parameter_is_known_without_having_been_seen(graph: str) -> None:
    debugger = ComputedDebugger(load_graph(graph))
    for step in (1, 4):
        for node in debugger.graph.trainables:
            position = debugger.timeline.position_of("update", node)
            assert position is not None
            moment = debugger.timeline.start_of(step) + position
            debugger.cursor.go(moment)
            update = debugger.cursor.last_update
            assert update is not None
            moved = np.linalg.norm(update.after - update.before) / np.linalg.norm(update.after)
            seen = Sizes(debugger)
            seen.refresh()
            assert seen.update_ratio(node) == pytest.approx(moved, rel=1e-6)
            debugger.cursor.go(debugger.timeline.start_of(step + 1))
            later = Sizes(debugger)
            later.refresh()
            assert later.update_ratio(node) == pytest.approx(moved, rel=1e-6, abs=1e-12)


def test_an_update_that_cannot_be_known_is_not_made_up() -> None:
    debugger = ComputedDebugger(load_graph("wx"))
    (node,) = debugger.graph.trainables
    found = Sizes(debugger)
    found.refresh()
    assert found.update_ratio(node) is None
    debugger.cursor.go(2 * debugger.timeline.length + 1)
    debugger.set_learning_rate(0.5)
    found.refresh()
    assert found.update_ratio(node) is None
    debugger.undo()
    found.refresh()
    assert found.update_ratio(node) is not None
    # In the next pass its gradient is replaced by another one.
    debugger.cursor.phases(2)
    assert debugger.state.gradient_freshness(node) is Freshness.CURRENT
    fresh = Sizes(debugger)
    fresh.refresh()
    assert fresh.update_ratio(node) is None
