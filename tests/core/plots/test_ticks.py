"""Ticks: round numbers, never more than there is room for, on every axis."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.plots.ticks import log_ticks, round_ticks, step_end, step_ticks

finite = st.floats(-1e300, 1e300, allow_nan=False)


def labels(ticks: list[tuple[float, str]]) -> list[str]:
    return [label for _, label in ticks]


def test_ticks_are_1_2_and_a_half_or_5_times_a_power_of_ten() -> None:
    assert labels(round_ticks(0.178, 0.251, 3)) == ["0.200", "0.225", "0.250"]
    assert labels(round_ticks(0.178, 0.251, 4)) == ["0.18", "0.20", "0.22", "0.24"]
    assert labels(round_ticks(0, 900, 3)) == ["0", "500"]
    assert labels(round_ticks(-4, 4, 3)) == ["-2.5", "0.0", "2.5"]
    assert labels(round_ticks(1.2e-7, 4.1e-7, 3)) == ["2e-07", "3e-07", "4e-07"]
    assert labels(round_ticks(0, 3e9, 4)) == ["0", "1e+09", "2e+09", "3e+09"]


@given(finite, finite, st.integers(2, 12))
def test_any_ticks_are_in_order_within_the_ends_and_told_apart(
    a: float, b: float, most: int
) -> None:
    low, high = min(a, b), max(a, b)
    # The axes of the plot span at least this much.
    if high - low < 1e-3 * max(abs(low), abs(high)) or high - low < 1e-290:
        return
    ticks = round_ticks(low, high, most)
    places = [tick.at for tick in ticks]
    assert 1 <= len(ticks) <= most
    assert places == sorted(set(places))
    slack = 1e-9 * (high - low)
    assert low - slack <= places[0]
    assert places[-1] <= high + slack
    assert len(set(labels(ticks))) == len(ticks)
    for tick in ticks:
        # The label is the number, not a rounded one.
        assert math.isclose(float(tick.label), tick.at, rel_tol=1e-12, abs_tol=slack)


def test_a_log_axis_has_powers_of_ten_and_else_other_round_numbers() -> None:
    assert labels(log_ticks(-4, 0.3, 6)) == ["0.0001", "0.001", "0.01", "0.1", "1"]
    assert labels(log_ticks(-30, 0, 4)) == ["1e-30", "1e-20", "1e-10", "1"]
    assert labels(log_ticks(math.log10(0.15), math.log10(0.45), 4)) == ["0.2", "0.3", "0.4"]


def test_steps_are_whole_and_short() -> None:
    assert labels(step_ticks(8, 4)) == ["0", "5"]
    assert labels(step_ticks(3, 8)) == ["0", "1", "2", "3"]
    assert labels(step_ticks(10_000, 5)) == ["0", "2.5k", "5k", "7.5k", "10k"]
    assert labels(step_ticks(2_000_000, 5)) == ["0", "0.5M", "1M", "1.5M", "2M"]


@given(st.integers(0, 10**12))
def test_the_axis_of_steps_ends_at_a_round_number_a_third_above_the_last_at_most(last: int) -> None:
    end = step_end(last)
    assert max(1, last) <= end <= max(1, last) * 4 / 3
    assert step_end(end) == end
