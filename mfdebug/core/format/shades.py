"""Scales of heatmaps: how strong the shade of a number is, between the extremes shown.

A scale that diverges is for numbers of both signs: the shade is the magnitude, 0 has none. Other
scales begin at the number nearest to 0.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from miniflow.ops.base import Array


class ShadeScale(Struct, frozen=True):
    """The shades of numbers from `low` to `high`, the extremes of the finite ones.

    They are None if no number is finite.
    """

    low: float | None
    high: float | None
    diverges: bool

    @classmethod
    def of(cls, numbers: Array, *, diverges: bool = False) -> ShadeScale:
        """Return the scale of numbers; numbers of both signs always diverge."""
        if not numbers.size:
            return cls(None, None, diverges)
        low, high = float(numbers.min()), float(numbers.max())
        if not math.isfinite(low) or not math.isfinite(high):
            finite = numbers[np.isfinite(numbers)]
            if not finite.size:
                return cls(None, None, diverges)
            low, high = float(finite.min()), float(finite.max())
        return cls(low, high, diverges or low < 0 < high)

    def levels(self, numbers: Array, steps: int) -> list[int]:
        """Return the shades of numbers, from 0 to `steps`; negative ones if the scale diverges.

        In a scale that diverges, only 0 has shade 0; in another, only the number nearest to 0. If
        all numbers are equal, they have the strongest shade, unless they are 0. A number that is
        not finite has shade 0. `numbers` is 1-D.
        """
        if self.low is None or self.high is None:
            return [0] * len(numbers)
        nearest = self.low if self.low >= 0 else self.high
        start = 0.0 if self.diverges or self.low == self.high else nearest
        # Halves do not overflow where a difference of two large numbers would.
        most = max(abs(end / 2 - start / 2) for end in (self.low, self.high))
        finite = np.where(np.isfinite(numbers), numbers, start)
        parts = np.abs(finite / 2 - start / 2) / most if most else np.ones(len(numbers))
        levels = np.minimum(steps, 1 + np.floor(parts * steps)).astype(int)
        levels[finite == start] = 0
        if self.diverges:
            levels[finite < 0] *= -1
        found: list[int] = levels.tolist()
        return found

    def samples(self, count: int) -> list[float]:
        """Return `count` numbers, 2 or more, at equal distances from `low` to `high`."""
        if self.low is None or self.high is None:
            return []
        parts = (at / (count - 1) for at in range(count))
        return [self.low * (1 - part) + self.high * part for part in parts]
