"""Heatmaps: the largest magnitude of a block is never hidden, and shades follow magnitudes."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mfdebug.core.format.blocks import reduced
from mfdebug.core.format.shades import ShadeScale
from tests.support.sizes import examples

MATRICES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(allow_nan=True, allow_infinity=True),
)
FINITE = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9)


@settings(max_examples=examples(300), deadline=None)
@given(MATRICES, st.integers(1, 4), st.integers(1, 4))
def test_a_cell_is_the_largest_magnitude_of_its_block(
    matrix: np.ndarray, deep: int, wide: int
) -> None:
    found = reduced(matrix, deep, wide)
    rows, columns = matrix.shape
    assert found.shape == (math.ceil(rows / deep), math.ceil(columns / wide))
    for row, column in np.ndindex(found.shape):
        block = matrix[row * deep : (row + 1) * deep, column * wide : (column + 1) * wide]
        number = found[row, column]
        if np.isnan(block).any():
            assert math.isnan(number)
        else:
            assert number in block
            assert abs(number) == np.abs(block).max()


def test_of_one_magnitude_the_positive_number_is_taken() -> None:
    assert reduced(np.array([[-2, 2], [1, -1]]), 2, 2).tolist() == [[2.0]]


@settings(max_examples=examples(400), deadline=None)
@given(FINITE, st.booleans(), st.integers(1, 12))
def test_the_ends_are_the_extremes_and_shades_follow_magnitudes(
    numbers: list[float], signed: bool, steps: int
) -> None:
    scale = ShadeScale.of(np.array([*numbers, np.nan, np.inf]), diverges=signed)
    assert (scale.low, scale.high) == (min(numbers), max(numbers))
    assert scale.diverges == (signed or min(numbers) < 0 < max(numbers))
    levels = scale.levels(np.array(numbers), steps)
    assert max(map(abs, levels)) == (0 if not any(numbers) else steps)
    for number, level in zip(numbers, levels, strict=True):
        assert abs(level) <= steps
        if scale.diverges:
            assert (level > 0, level < 0) == (number > 0, number < 0)
        elif scale.low != scale.high:
            assert (level == 0) == (abs(number) == min(map(abs, numbers)))
    # The larger a magnitude, the stronger its shade.
    ordered = [abs(level) for _size, level in sorted(zip(map(abs, numbers), levels, strict=True))]
    assert ordered == sorted(ordered)
    samples = scale.samples(5)
    assert (samples[0], samples[-1]) == (scale.low, scale.high)
    assert all(map(math.isfinite, samples))


def test_without_a_finite_number_there_is_no_scale() -> None:
    scale = ShadeScale.of(np.array([np.nan, np.inf]))
    assert (scale.low, scale.high, scale.samples(3)) == (None, None, [])
