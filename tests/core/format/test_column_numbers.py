"""Numbers in columns: as many digits as fit, never cut, never 0 for what is not 0."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfdebug.core.format.column_numbers import column_entries, column_number, magnitude_bar


@pytest.mark.parametrize(
    ("number", "narrow", "wide"),
    [
        (0, "0     ", " 0     "),
        (1, "1     ", " 1     "),
        (-12, "-12   ", "-12    "),
        (0.5231, "0.5231", " 0.5231"),
        (-0.0213, "-0.021", "-0.0213"),
        (0.0031, "0.0031", " 0.0031"),
        (3.14e-5, "3.1e-5", " 3.1e-5"),
        (-3.14e-5, "-3e-5 ", "-3.1e-5"),
        (12.3456, "12.35 ", " 12.35 "),
        (1234567, "1.23e6", " 1.23e6"),
        (1e-300, "1e-300", " 1e-300"),
        (-1e-300, "-tiny ", "-1e-300"),
        (math.nan, "nan   ", " nan   "),
        (-math.inf, "-inf  ", "-inf   "),
    ],
)
def test_a_number_in_a_column(number: float, narrow: str, wide: str) -> None:
    assert column_number(number, 6) == narrow
    assert column_number(number, 7) == wide


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.5231, ".5231"),
        (-0.0213, "-.021"),
        (0.99996, "1.000"),
        (-0.99996, "-1.00"),
        (1234.56, "1235 "),
        (99999.6, "1.0e5"),
        (3.14e-5, "3e-5 "),
        (-3e-10, "-tiny"),
        (-1e120, "-huge"),
        (0, "0    "),
        (math.nan, "nan  "),
    ],
)
def test_in_five_cells_no_digit_is_a_leading_zero(number: float, text: str) -> None:
    assert column_number(number, 5) == text


@given(st.floats(), st.integers(5, 12))
@example(1.5e308, 6)
@example(1.79e308, 7)
def test_a_number_fits_and_is_near(x: float, width: int) -> None:
    text = column_number(x, width)
    assert len(text) == width
    if not math.isfinite(x) or "tiny" in text or "huge" in text:
        return
    assert float(text) == pytest.approx(x, rel=0.5)
    assert (float(text) == 0) == (x == 0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4), st.integers(1, 30))
def test_all_entries_or_none(entries: list[float], width: int) -> None:
    text = column_entries(entries, width)
    assert len(text) <= width
    if text:
        for written, x in zip(text.split(), entries, strict=True):
            assert float(written) == pytest.approx(x, rel=0.01)


@given(st.floats(), st.floats())
def test_the_larger_number_has_the_longer_bar(x: float, y: float) -> None:
    bars = [magnitude_bar(number, 8) for number in (x, y)]
    assert all(len(bar) == 8 for bar in bars)
    if math.isfinite(x) and math.isfinite(y) and abs(x) <= abs(y):
        assert length(bars[0]) <= length(bars[1])


def length(bar: str) -> int:
    return sum(" ╸━→".index(cell) for cell in bar)


def test_a_cell_is_a_factor_of_ten() -> None:
    assert magnitude_bar(100, 8) == "━━━━━━━━"
    assert magnitude_bar(100.1, 8) == magnitude_bar(-1e300, 8) == "━━━━━━━→"
    assert magnitude_bar(0.1, 8) == "━━━━━   "
    assert magnitude_bar(0.03, 8) == "━━━━╸   "
    assert magnitude_bar(-1e-5, 8) == "━       "
    assert magnitude_bar(1e-30, 8) == "╸       "
    assert magnitude_bar(0, 8) == " " * 8
