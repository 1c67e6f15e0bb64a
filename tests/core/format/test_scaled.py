"""Numbers with one common power of ten."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.format.scaled import ScaledFormat
from tests.support.sizes import examples

CASES = [
    ([0.00521, -0.0035], "×10⁻³", "e-3", [" 5.210", "-3.500"]),
    ([0.0681, -0.0213, 0.0019], "", "", [" 0.0681", "-0.0213", " 0.0019"]),
    ([5e-9, 2e-9], "×10⁻⁹", "e-9", ["5", "2"]),
    ([123456.5, 7000.0], "×10³", "e3", ["123.5", "  7.0"]),
    ([600.0, 3.0], "", "", ["600", "  3"]),
    ([0.0, 0.0], "", "", ["0", "0"]),
    ([math.nan, 1e-5, math.inf], "×10⁻⁶", "e-6", ["nan", " 10", "inf"]),
    # Of so many magnitudes that each has its own exponent.
    ([3e-9, 2e-3], "", "", ["3.00e-09", "2.00e-03"]),
]


@pytest.mark.parametrize(("numbers", "scale", "plain", "texts"), CASES)
def test_the_texts(numbers: list[float], scale: str, plain: str, texts: list[str]) -> None:
    form = ScaledFormat.of(np.array(numbers))
    assert (form.scale(), form.scale(ascii_only=True)) == (scale, plain)
    assert [form.fmt(number) for number in numbers] == texts


finite = st.floats(-1e300, 1e300)


@settings(max_examples=examples(1000), deadline=None)
@given(st.lists(finite, min_size=1, max_size=12), st.sampled_from([(4, 6), (4, 4), (3, 3)]))
def test_a_text_times_the_power_of_ten_is_the_number(
    numbers: list[float], digits: tuple[int, int]
) -> None:
    form = ScaledFormat.of(np.array(numbers), *digits)
    largest = max(map(abs, numbers))
    for number in numbers:
        text = form.fmt(number)
        assert len(text) == form.width
        shown = float(text) * 10.0 ** (form.exponent // 2) * 10.0 ** (-(-form.exponent // 2))
        assert math.isclose(shown, number, rel_tol=0.51, abs_tol=largest * 2e-2)
        # What is not 0 does not look like it.
        assert bool(float(text)) == bool(number)
