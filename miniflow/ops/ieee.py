"""Functions on Python floats that return infinity and NaN where `math` raises.

Arrays follow IEEE 754; graphs of scalars run on Python floats and must give the same results.
"""

from __future__ import annotations

import math


def divide(x: float, y: float) -> float:
    """Return x / y; infinity for a division by zero, NaN for 0 / 0."""
    try:
        return x / y
    except ZeroDivisionError:
        if x == 0 or math.isnan(x):
            return math.nan
        return math.copysign(math.inf, x) * math.copysign(1.0, y)


def exp(x: float) -> float:
    """Return eˣ; infinity on overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def log(x: float) -> float:
    """Return the natural logarithm; -infinity at 0, NaN below."""
    try:
        return math.log(x)
    except ValueError:
        return -math.inf if x == 0 else math.nan


def sqrt(x: float) -> float:
    """Return the square root; NaN below 0."""
    try:
        return math.sqrt(x)
    except ValueError:
        return math.nan


def power(x: float, y: float) -> float:
    """Return xʸ; NaN for a fractional power of a negative number, infinity on overflow."""
    if y == 0.5:  # as NumPy, which takes the root: NaN, not infinity, for -infinity
        return sqrt(x)
    try:
        return math.pow(x, y)
    except (ValueError, OverflowError):
        if x < 0 and not y.is_integer():
            return math.nan
        # Infinite; for an odd power, with the sign of x (also of -0.0).
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf


def sigmoid(x: float) -> float:
    """Return 1 / (1 + e⁻ˣ)."""
    return 1.0 / (1.0 + exp(-x))


def sin(x: float) -> float:
    """Return the sine; NaN for infinity."""
    return math.sin(x) if math.isfinite(x) else math.nan


def cos(x: float) -> float:
    """Return the cosine; NaN for infinity."""
    return math.cos(x) if math.isfinite(x) else math.nan
