"""Entries of a tensor with one common power of ten: 5.221 under `×10⁻³`, not 0.005221."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np
from msgspec import Struct, structs

from mfdebug.core.format.numbers import NumberFormat
from miniflow.ops.base import Array

# A largest magnitude from here to there is written as it is.
_PLAIN = (1e-2, 1e4)
# Below this, only if that takes few decimals.
_SMALL, _DECIMALS = 0.1, 4
# Integers in a float array are written as such up to here.
_INTEGERS = 1e6
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class ScaledFormat(Struct, frozen=True):
    """How the entries of a tensor are written: divided by 10**exponent, then in one format."""

    exponent: int
    numbers: NumberFormat

    @classmethod
    def of(cls, array: Array, least: int = 4, most: int = 6) -> ScaledFormat:
        """Choose the format of `array`, with `least` to `most` significant digits.

        The exponent is a multiple of 3, and 0 where the numbers are short without one, or where
        they are of so many magnitudes that each needs its own.
        """
        array = np.asarray(array)
        finite = np.abs(array[np.isfinite(array)])
        high = float(finite.max(initial=0.0))
        small = 0 < high < _SMALL
        # 0.0681, not 0.06810: four decimals are enough.
        plain = NumberFormat.of(array, least=least - small, most=most)
        short = plain.notation == "integer" and high < _INTEGERS
        short |= _PLAIN[0] <= high < _PLAIN[1] and not (small and plain.digits > _DECIMALS)
        if high == 0 or short:
            return cls(0, plain)
        exponent = 3 * math.floor(math.log10(high) / 3)
        divided = _divided(array, exponent)
        scaled = NumberFormat.of(divided, least=least, most=most)
        vanishes = np.count_nonzero(divided) < np.count_nonzero(array)
        if vanishes or scaled.notation == "scientific":
            return cls(0, plain)
        return cls(exponent, scaled)

    @property
    def width(self) -> int:
        """The width of every number, in cells."""
        return self.numbers.width

    def widened(self, width: int) -> ScaledFormat:
        """Return the same format in at least `width` cells."""
        wide = structs.replace(self.numbers, width=max(width, self.width))
        return structs.replace(self, numbers=wide)

    def fmt(self, number: SupportsFloat) -> str:
        """Return `number` divided by the power of ten, right-aligned to `width`."""
        return self.numbers.fmt(float(_divided(np.asarray(float(number)), self.exponent)))

    def scale(self, *, ascii_only: bool = False) -> str:
        """Return the power of ten: `×10⁻³`, `e-3` in ASCII, or "" if it is 1."""
        if not self.exponent:
            return ""
        if ascii_only:
            return f"e{self.exponent}"
        return f"×10{str(self.exponent).translate(_SUPERSCRIPTS)}"


def _divided(array: Array, exponent: int) -> Array:
    """Divide by a power of ten in two steps: a single factor could overflow or be 0."""
    if not exponent:
        return array
    first = exponent // 2
    with np.errstate(all="ignore"):
        found: Array = array.astype(np.float64) * 10.0**-first * 10.0 ** (first - exponent)
    return found
