"""Arithmetic as PyTorch does it on arrays of one type: the same operations in the same order.

Its vectorized loops round a product and a sum at once, the ends of its arrays are computed number
by number: `fused` says which of the two is done here. Numbers are cast to the arrays' type first.
"""

from __future__ import annotations

import numpy as np

from miniflow.ops.base import Array


class Floats:
    """Arithmetic on arrays of `dtype`, float32 or float64."""

    def __init__(self, dtype: np.dtype[np.floating], *, fused: bool) -> None:
        self.type = dtype.type
        # A product of two floats is exact in the wide type, or nearly so.
        self._wide = np.dtype(np.float64 if dtype == np.float32 else np.longdouble)
        self._fused = fused

    def add(self, a: Array, b: Array, factor: float = 1.0) -> Array:
        """Return a + factor × b."""
        return self._product(a, b, np.asarray(self.type(factor)))

    def times(self, a: Array, factor: float) -> Array:
        """Return factor × a."""
        return np.asarray(a * self.type(factor))

    def plus(self, a: Array, number: float) -> Array:
        """Return a + number."""
        return np.asarray(a + self.type(number))

    def over(self, a: Array, number: float) -> Array:
        """Return a / number."""
        return np.asarray(a / self.type(number))

    def add_product(self, a: Array, b: Array, c: Array, factor: float) -> Array:
        """Return a + factor × b × c."""
        return self._product(a, np.asarray(self.type(factor) * b), c)

    def _product(self, a: Array, b: Array, c: Array) -> Array:
        """Return a + b × c."""
        if not self._fused:
            return np.asarray(a + b * c)
        wide = self._wide
        return (b.astype(wide) * c.astype(wide) + a.astype(wide)).astype(self.type)

    def add_quotient(self, a: Array, b: Array, c: Array, factor: float) -> Array:
        """Return a + factor × b / c."""
        return np.asarray(a + self.type(factor) * b / c)

    def between(self, a: Array, b: Array, share: float) -> Array:
        """Return a + share × (b - a), as `lerp` computes it."""
        if abs(self.type(share)) < self.type(0.5):
            return self.add(a, b - a, share)
        rest = self.type(1) - self.type(share)
        return self.add(b, np.asarray(b - a), -float(rest))
