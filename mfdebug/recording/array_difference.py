"""How two recorded arrays differ: the most different entry, or what else is not the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from msgspec import Struct

from mfdebug.recording.arrays import is_numeric
from miniflow.errors import printable
from miniflow.ops.base import Array, Index, shape_text

# Characters of a text that is shown.
MOST_TEXT = 40


class ArrayDifference(Struct, frozen=True):
    """The most different entry of two arrays, and how many of `size` entries differ.

    `words` say of each what is not the same where entries cannot be compared: the shape, the dtype
    or the text; `a` and `b` are then None.
    """

    index: Index
    a: Any
    b: Any
    count: int
    size: int
    words: tuple[str, str] | None = None

    @property
    def relative(self) -> float | None:
        """The distance over the larger of the two magnitudes; None unless both are finite."""
        if self.words is not None:
            return None
        apart, scale = abs(self.a - self.b), max(abs(self.a), abs(self.b))
        if not math.isfinite(scale):
            return None
        return float(apart / scale) if scale else 0.0


class Comparer:
    """Compares arrays, and counts what it takes for equal although the bits differ.

    Numbers are equal up to a relative difference of `tolerance`; NaN equals NaN, whatever its bits.
    Only with `bits` does -0.0 differ from 0.0.
    """

    def __init__(self, tolerance: float = 0.0, *, bits: bool = False) -> None:
        self._tolerance, self._bits = tolerance, bits
        # Arrays that were compared; zeros of another sign; entries within the tolerance.
        self.compared = self.zeros = self.close = 0

    def difference(self, a: Array, b: Array) -> ArrayDifference | None:
        """Return how two arrays differ, None if they are equal."""
        self.compared += 1
        if a.shape != b.shape:
            return _other(shape_text(a.shape), shape_text(b.shape), a.size)
        if a.dtype.kind == b.dtype.kind == "U" and a.size == 1:
            # What is not a number has a text that describes it.
            x, y = str(a.item()), str(b.item())
            words = printable(x, MOST_TEXT), printable(y, MOST_TEXT)
            return None if x == y else _other(*words, a.size)
        if a.dtype != b.dtype:
            return _other(str(a.dtype), str(b.dtype), a.size)
        if a.dtype.kind != "O" and a.tobytes() == b.tobytes():
            return None
        if not is_numeric(a) and a.dtype.kind != "c":
            same = a.tolist() == b.tolist()
            return None if same else _other("other contents", "other contents", a.size)
        return self._entries(a, b)

    def _entries(self, a: Array, b: Array) -> ArrayDifference | None:
        with np.errstate(all="ignore"):
            equal = (a == b) | ((a != a) & (b != b))
            if a.dtype.kind == "f":
                signs = equal & (a == 0) & (np.signbit(a) != np.signbit(b))
                if self._bits:
                    equal &= ~signs
                else:
                    self.zeros += int(signs.sum())
            # Unsigned and small integers overflow.
            wide = np.complex128 if a.dtype.kind == "c" else np.float64
            first, second = a.astype(wide), b.astype(wide)
            apart = np.abs(first - second)
            if self._tolerance:
                scale = np.maximum(np.abs(first), np.abs(second))
                close = ~equal & (apart <= self._tolerance * scale)
                self.close += int(close.sum())
                equal |= close
            if equal.all():
                return None
            apart = np.where(np.isnan(apart), np.inf, apart)
            # Also of integers whose distance float64 rounds to 0, and of zeros.
            apart = np.where(equal, -1.0, apart)
        index = tuple(map(int, np.unravel_index(int(apart.argmax()), apart.shape)))
        return ArrayDifference(index, a[index].item(), b[index].item(), int((~equal).sum()), a.size)


def _other(a: str, b: str, size: int) -> ArrayDifference:
    return ArrayDifference((), None, None, size, size, (a, b))
