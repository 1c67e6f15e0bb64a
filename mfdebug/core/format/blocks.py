"""A matrix reduced to fewer numbers, each the one of the largest magnitude in its block.

A heatmap that shows part of a tensor's numbers must not hide the largest of them.
"""

from __future__ import annotations

import numpy as np

from miniflow.ops.base import Array


def reduced(matrix: Array, deep: int, wide: int) -> Array:
    """Return, for each block of `deep` x `wide` entries, its entry of the largest magnitude.

    The last blocks of rows and columns may be smaller. A block with a NaN is NaN; of two entries
    of one magnitude, the positive one is taken. `matrix` is 2-D and has an entry; the result is
    float64.
    """
    numbers = np.asarray(matrix, dtype=np.float64)
    if deep == wide == 1:
        return numbers
    high, low = (
        _reduced_by(function, numbers, deep, wide) for function in (np.maximum, np.minimum)
    )
    found: Array = np.where(-low > high, low, high)
    return found


def _reduced_by(function: np.ufunc, numbers: Array, deep: int, wide: int) -> Array:
    for axis, size in enumerate((deep, wide)):
        if size > 1:
            starts = np.arange(0, numbers.shape[axis], size)
            numbers = function.reduceat(numbers, starts, axis=axis)
    return numbers
