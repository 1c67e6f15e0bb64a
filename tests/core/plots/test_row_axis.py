"""Axes of heights: round labels equally many lines apart, and ends that hold what is drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mfdebug.core.plots.cost_curve import LARGEST, MIN_SPAN, SMALLEST
from mfdebug.core.plots.dots import DOWN
from mfdebug.core.plots.row_axis import (
    TALL,
    RowAxis,
    power_axis,
    row_axis,
    row_axis_around,
    row_axis_between,
)

heights = st.floats(-LARGEST, LARGEST).filter(lambda height: abs(height) > SMALLEST or not height)
lines = st.integers(1, 60)


def assert_even(axis: RowAxis, rows: int) -> None:
    """Labels are in the plot, equally far from each other, and the same number apart."""
    places = sorted(axis.labels)
    assert all(0 <= place < rows for place in places)
    assert len({b - a for a, b in pairwise(places)}) <= 1
    numbers = [float(axis.labels[place]) for place in places]
    for first, second, third in zip(numbers, numbers[1:], numbers[2:], strict=False):
        assert math.isclose(first - second, second - third, rel_tol=1e-9)


def assert_labels_are_true(axis: RowAxis, rows: int) -> None:
    """Each label is a height in its line, whose lowest and highest rows of dots reach half over."""
    dot = (axis.high - axis.low) / (rows * DOWN - 1)
    for line, label in axis.labels.items():
        top = axis.high - (line * DOWN - 0.51) * dot
        assert top - (DOWN + 0.02) * dot <= float(label) <= top


@given(heights, heights, lines)
def test_any_axis_holds_its_numbers_with_even_labels(a: float, b: float, rows: int) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low >= MIN_SPAN * max(abs(low), abs(high)) > 0)
    axis = row_axis(low, high, rows)
    slack = 1e-8 * (high - low)
    assert axis.low - slack <= low < high <= axis.high + slack
    assert math.isfinite(axis.high - axis.low)
    assert_even(axis, rows)
    assert_labels_are_true(axis, rows)
    least = 1 if rows == 1 else 2 if rows < TALL else 3
    assert least <= len(axis.labels)
    # No more than a third of a plot that is not low is empty.
    if rows >= TALL:
        assert high - low >= 0.65 * (axis.high - axis.low)


@given(heights.filter(bool), lines)
def test_a_flat_curve_is_halfway_on_a_row_of_dots(middle: float, rows: int) -> None:
    axis = row_axis_around(middle, MIN_SPAN * abs(middle), rows)
    assert_even(axis, rows)
    assert_labels_are_true(axis, rows)
    dot = (axis.high - axis.low) / (rows * DOWN - 1)
    place = (axis.high - middle) / dot
    assert math.isclose(place, round(place), abs_tol=1e-6)
    assert abs(place - rows * DOWN / 2) <= DOWN


@given(st.floats(-300, 300), st.floats(0.5, 300), lines)
def test_powers_of_ten_are_even_or_left_to_other_numbers(
    low: float, span: float, rows: int
) -> None:
    axis = power_axis(low, low + span, rows)
    if axis is None:
        return
    assert axis.low - 1e-6 <= low
    assert low + span <= axis.high + 1e-6
    places = sorted(axis.labels)
    assert len({b - a for a, b in pairwise(places)}) <= 1
    for label in axis.labels.values():
        assert 10.0 ** round(math.log10(float(label))) == pytest.approx(float(label), rel=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e6), lines)
def test_between_given_ends_labels_are_even(low: float, span: float, rows: int) -> None:
    axis = row_axis_between(low, low + span, rows)
    assert (axis.low, axis.high) == (low, low + span)
    places = sorted(axis.labels)
    assert len({b - a for a, b in pairwise(places)}) <= 1
    assert_labels_are_true(axis, rows)


def test_labels_have_room_between_them_or_a_line_each() -> None:
    assert row_axis(0.1, 0.4, 11).labels == {0: "0.4", 3: "0.3", 6: "0.2", 9: "0.1"}
    assert row_axis(0, 900, 5).labels == {0: "800", 1: "600", 2: "400", 3: "200", 4: "0"}
    assert row_axis(0, 900, 8).labels == {1: "750", 3: "500", 5: "250", 7: "0"}
    assert row_axis(-3.9, 4, 4).labels == {1: "0", 3: "-5"}
    powers = power_axis(-4, 0, 9)
    assert powers is not None
    assert [*powers.labels.values()] == ["1", "0.1", "0.01", "0.001", "0.0001"]
