"""Arrays as a program computed them: of any dtype, and perhaps of a shape that does not fit."""

from __future__ import annotations

import numpy as np

from miniflow.ops.base import Array, Shape

# Numeric dtype kinds: bool, int, unsigned, float.
_NUMERIC_KINDS = "biuf"


def is_numeric(value: Array) -> bool:
    """Whether an array holds booleans, integers or floats."""
    return value.dtype.kind in _NUMERIC_KINDS


def as_numbers(value: Array | None) -> Array | None:
    """Return a numeric array as it is, large Python integers as floats, anything else as None."""
    if value is None or is_numeric(value):
        return value
    return as_floats(value) if value.dtype.kind == "O" else None


def as_floats(value: Array) -> Array:
    """Return a value as floats; integers beyond float64 become infinite."""
    if value.dtype.kind == "f":
        return value
    try:
        return value.astype(np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.full(value.shape, np.inf)


def fitted(sent: Array, shape: Shape | None) -> Array | None:
    """Return a gradient in its value's shape if they differ only in axes of length 1."""
    if shape is None or sent.shape == shape:
        return None if shape is None else as_floats(sent)
    if [n for n in sent.shape if n != 1] == [n for n in shape if n != 1]:
        return as_floats(sent).reshape(shape)
    return None


def misfit(sent: Array, shape: Shape) -> bool:
    """Whether a gradient is numeric and its shape does not fit its value's."""
    return is_numeric(sent) and fitted(sent, shape) is None
