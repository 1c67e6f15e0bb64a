"""Numbers as text: aligned, never zero for what is not zero, readable by a person."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.format.numbers import (
    NumberFormat,
    histogram,
    scalar,
    slice_line,
    summary,
)

NAN, INF = math.nan, math.inf

anything = st.one_of(
    st.floats(),
    st.floats(-10, 10),
    st.integers(-(10**7), 10**7).map(float),
    st.sampled_from([0.0, -0.0, 9.99996, 999999.5, 1e6, 5e-324, -1e-100, 1.7e308, 0.5, NAN, INF]),
)
arrays = st.one_of(
    st.lists(anything, max_size=30).map(np.array),
    st.lists(st.floats(width=32), max_size=30).map(lambda x: np.array(x, np.float32)),
    st.lists(st.integers(-100, 100), max_size=9).map(lambda x: np.array(x, np.int64)),
)


def texts(*entries: float, width: int | None = None) -> list[str]:
    array = np.array(entries, float)
    form = NumberFormat.of(array, width)
    return [form.fmt(x) for x in array]


# One format for a tensor -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "written"),
    [
        ([10, 5, 600], [" 10", "  5", "600"]),
        ([0.5, -0.3], [" 0.5000", "-0.3000"]),
        ([10.5, 900.25], [" 10.50", "900.25"]),
        ([4.4, 3.92, 3.536], ["4.400", "3.920", "3.536"]),
        ([0.73105, 0.73106], ["0.73105", "0.73106"]),
        ([1 / 3, 2 / 3], ["0.3333", "0.6667"]),
        ([100000.5, 0.25], ["100000.5", "     0.2"]),
        ([1e6, 0.5], ["1.000e+06", "5.000e-01"]),
        ([1e-7, -2.5e-7], [" 1.000e-07", "-2.500e-07"]),
        ([1e-120, 1.0], ["1.000e-120", "1.000e+000"]),
        ([0.5, 0.25, 0.125, 1e-7], ["0.5000", "0.2500", "0.1250", " 1e-07"]),
        ([1, NAN, INF, -INF], ["   1", " nan", " inf", "-inf"]),
        ([0.5, NAN], ["0.5000", "   nan"]),
        ([NAN, NAN], ["nan", "nan"]),
        ([-0.0, 0.0], ["0", "0"]),
        ([-0.0, 0.5], ["0.0000", "0.5000"]),
        ([9.99996, 1 / 3], ["10.000", " 0.333"]),
        ([123456.789], ["123456.8"]),
    ],
)
def test_one_format_serves_a_whole_tensor(entries: list[float], written: list[str]):
    assert texts(*entries) == written


@pytest.mark.parametrize(
    ("width", "written"),
    [
        (20, "0.3333333333"),
        (10, "0.33333333"),
        (7, "0.33333"),
        (5, "0.333"),
    ],
)
def test_room_adds_digits(width: int, written: str):
    assert texts(1 / 3, width=width) == [written]


def test_room_adds_no_digits_that_say_nothing():
    assert texts(0.5, 0.25, width=20) == ["0.5000", "0.2500"]
    assert texts(0.1 + 0.2, 0.5, width=20) == ["0.3000", "0.5000"]


def test_float32_is_not_shown_with_the_noise_of_float64():
    array = np.array([0.1, 0.2], np.float32)
    assert [NumberFormat.of(array, 20).fmt(x) for x in array] == ["0.1000", "0.2000"]


def test_a_large_tensor_is_told_apart_by_its_spread():
    near_one = 1 + np.linspace(0, 1e-3, 1000)
    assert NumberFormat.of(near_one) == NumberFormat("fixed", 5, 7)
    assert NumberFormat.of(np.linspace(-1, 1, 999)).digits == 3


@given(arrays, st.one_of(st.none(), st.integers(8, 24)))
def test_every_entry_is_aligned_true_and_never_a_false_zero(array, width):
    form = NumberFormat.of(array, width)
    assert width is None or form.width <= width
    for x in map(float, array):
        text = form.fmt(x)
        assert len(text) == form.width
        if not math.isfinite(x):
            assert text.strip() == str(x)
            continue
        shown = float(text)
        assert (shown == 0) == (x == 0)
        assert math.copysign(1, shown) == (math.copysign(1, x) if x else 1)
        if form.notation == "integer":
            assert shown == x
        elif form.notation == "scientific":
            assert abs(shown - x) <= 0.51 * 10.0**-form.digits * abs(shown) + 5e-324
            # An exact zero has no exponent to be read.
            assert text[-form.exponent_digits - 2] == "e" if x else text.strip() == "0"
        elif "e" not in text:
            assert abs(shown - x) <= 0.51 * 10.0**-form.digits
            assert text[-form.digits - 1] == "."


# One number ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.2213, "0.2213"),
        (600.0, "600"),
        (-1.5e-07, "-1.5e-07"),
        (23.416666666666668, "23.4167"),
        (0.7310585786, "0.731059"),
        (0.0, "0"),
        (-0.0, "0"),
        (1e-320, "9.99989e-321"),
        (NAN, "nan"),
        (-INF, "-inf"),
        (np.float32(0.1), "0.1"),
        (np.array(2.5), "2.5"),
        (7, "7"),
    ],
)
def test_a_scalar_has_up_to_six_digits(number, written: str):
    assert scalar(number) == written


@given(st.floats())
def test_a_scalar_that_is_not_zero_never_looks_like_zero(x: float):
    assert (float(scalar(x)) == 0) == (x == 0)


# A tensor in one line --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([[0.45, 0.62], [0.5, 0.51]], "0.45 … 0.62  mean 0.52"),
        (0.2213, "0.2213"),
        ([2.5, 2.5], "all 2.5"),
        ([1.0, NAN, 3.0, INF, -INF], "1 … 3  mean 2  1 nan  1 inf  1 -inf"),
        ([NAN, NAN], "all 2 nan"),
        ([NAN, INF], "all 1 nan and 1 inf"),
        (NAN, "nan"),
        (-INF, "-inf"),
        ([2.5, NAN], "2.5  1 nan"),
        ([0.99996, 1.0], "0.99996 … 1  mean 0.99998"),
        (np.zeros((0, 3)), "empty 0x3"),
        ([True, False], "0 … 1  mean 0.5"),
    ],
)
def test_a_summary_is_one_line(entries, told: str):
    assert str(summary(np.array(entries))) == told


def test_a_histogram_can_stand_in_the_summary():
    array = np.array([0.0, 1.0, 1.0, 2.0])
    assert summary(array).text(histogram(array, 4)) == "0 ▄ █▄ 2  mean 1"


def test_a_mean_whose_sum_is_no_float_is_right():
    assert summary(np.array([1.7e308, 1.7e308, 1.4e308])).mean == pytest.approx(1.6e308)
    assert summary(np.full(200_000, 1.5e308)).mean == pytest.approx(1.5e308)
    assert summary(np.array([1.7e308, -1.7e308])).mean == 0


@given(arrays)
def test_a_summary_agrees_with_numpy(array):
    told = summary(array)
    finite = array[np.isfinite(array)].astype(float)
    assert told.nans == np.isnan(array).sum()
    assert told.infs == np.isinf(array).sum()
    assert told.negative_infs == np.isneginf(array).sum()
    if finite.size:
        assert (told.min, told.max) == (finite.min(), finite.max())
        slack = 1e-12 * max(abs(told.min), abs(told.max))
        assert told.min - slack <= told.mean <= told.max + slack
    else:
        assert math.isnan(told.mean)
    assert "\n" not in str(told)


# Histograms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "bars"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "████████"),
        ([0] * 8 + [7], "█      ▁"),
        ([0, 1, 1, 2, 2, 2, 3, 3, 3, 3], "▂ ▄ ▆ █"),
        ([5.0, 5.0], "    █   "),
        ([NAN, INF], "        "),
        ([NAN, 0.0, 7.0, -INF], "█      █"),
        ([], "        "),
        ([-1.7e308, 1.7e308], "█      █"),
        ([5e-324, 1e-323], "█      █"),
    ],
)
def test_a_histogram_has_a_bar_for_each_bin(entries: list[float], bars: str):
    assert histogram(np.array(entries, float), len(bars)) == bars


@given(arrays, st.integers(1, 20))
def test_a_histogram_is_as_wide_as_asked_and_full_somewhere(array, bins: int):
    bars = histogram(array, bins)
    assert len(bars) == bins
    assert ("█" in bars) == bool(np.isfinite(array).any())


def test_of_more_than_two_dimensions_the_slice_is_said():
    assert slice_line((4, 5, 6), (1, 0, 3)) == "slice [1,:,:] of 4x5x6"
    assert slice_line((2, 4, 5, 6), (0, 3)) == "slice [0,3,:,:] of 2x4x5x6"
    assert slice_line((5, 6), (1, 2)) == ""


# Large tensors ---------------------------------------------------------------------------


def test_large_tensors_take_no_large_temporaries():
    array = np.random.default_rng(0).normal(size=(2000, 1000)).T
    tracemalloc.start()
    form, told, bars = NumberFormat.of(array), summary(array), histogram(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6 < array.nbytes
    assert form.notation == "fixed"
    assert told.mean == pytest.approx(array.mean())
    assert bars[3] == "█" or bars[4] == "█"
