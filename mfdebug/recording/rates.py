"""The learning rates of a program, from how its inputs change and from their gradients.

A rate counts only if it explains a change bit for bit: before - rate × gradient is after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from miniflow.ops.base import Array

# People type learning rates of few digits.
MAX_DIGITS = 6
# Entries of one input from which rates are guessed; the others only confirm them.
GUESSED_FROM = 3
# A rule that adds weight decay or the like to rate × gradient stays this close to it.
MAX_REST = 0.3

UNKNOWN_RATE = math.nan


class Change(Struct, frozen=True):
    """The change of an input over one pass; `gradient` has its value's shape.

    `own` is False if `after` comes from another graph, which may be this one rebuilt: then the
    change counts as an update only if a rate explains it.
    """

    before: Array
    after: Array
    gradient: Array | None
    own: bool = True

    def explained_by(self, rate: float) -> bool:
        """Whether before - rate × gradient equals after, bit for bit.

        Libraries that compute in float32 may round the product and the difference at once.
        """
        if self.gradient is None or self.after.dtype.kind != "f" or math.isnan(rate):
            return False
        with np.errstate(all="ignore"):
            if self._equals_after(np.asarray(self.before - rate * self.gradient)):
                return True
            if self.after.dtype != np.float32 or self.gradient.dtype != np.float32:
                return False
            product = np.float64(np.float32(rate)) * self.gradient.astype(np.float64)
            return self._equals_after(self.before.astype(np.float64) - product)

    def _equals_after(self, found: Array) -> bool:
        return found.shape == self.after.shape and bool(
            np.array_equal(found.astype(self.after.dtype), self.after, equal_nan=True)
        )

    def is_close_to(self, rate: float) -> bool:
        """Whether the change is approximately rate × gradient, for instance with weight decay."""
        if self.gradient is None or self.whole:
            return False
        with np.errstate(all="ignore"):
            moved = np.asarray(self.after - self.before, np.float64).reshape(-1)
            rest = moved + rate * np.asarray(self.gradient, np.float64).reshape(-1)
            return bool(np.linalg.norm(rest) <= MAX_REST * np.linalg.norm(moved))

    @property
    def whole(self) -> bool:
        """Whether all values before and after are integers, as of labels and counters."""
        return all(bool((np.rint(x) == x).all()) for x in (self.before, self.after))


class Rates:
    """The rates that explained updates so far; `last` is that of the pass last asked about."""

    def __init__(self) -> None:
        self.last = UNKNOWN_RATE
        self._counts: dict[float, int] = {}

    def confirm(self, rate: float) -> int:
        """Count a rate that has explained updates; return how often it has."""
        self._counts[rate] = self._counts.get(rate, 0) + 1
        return self._counts[rate]

    def best(self, changes: Mapping[int, Change]) -> tuple[float, set[int]]:
        """Return the rate that explains the most entries, and the inputs that it explains."""
        if all(change.explained_by(self.last) for change in changes.values()):
            return self.last, set(changes)
        best, explained, rank = UNKNOWN_RATE, set[int](), (0, 0, 0, 0.0)
        for rate in self._candidates(changes):
            fits = {i for i, change in changes.items() if change.explained_by(rate)}
            if not fits:
                continue
            entries = sum(changes[i].before.size for i in fits)
            this = entries, self._counts.get(rate, 0), -_digits(rate), -rate
            if this > rank or not explained:
                best, explained, rank = rate, fits, this
        return best, explained

    def _candidates(self, changes: Mapping[int, Change]) -> list[float]:
        """Return rates that explain some entries, those of earlier passes first."""
        found = dict.fromkeys(self._counts)
        for change in changes.values():
            if change.gradient is None or change.after.dtype.kind != "f":
                continue
            before, after, gradient = (
                x.reshape(-1) for x in (change.before, change.after, change.gradient)
            )
            with np.errstate(all="ignore"):
                moved = np.asarray(before - after, np.float64)
            # The quotient is most precise where the input moved most.
            order = np.argsort(-np.abs(np.where(np.isfinite(moved), moved, 0.0)), kind="stable")
            for i in order[:GUESSED_FROM].tolist():
                with np.errstate(all="ignore"):
                    rate = float(moved[i]) / float(gradient[i]) if gradient[i] else math.nan
                if not (math.isfinite(rate) and rate > 0):
                    continue
                rounded = (float(f"{rate:.{digits}g}") for digits in range(1, MAX_DIGITS + 1))
                found.update(dict.fromkeys(value for value in rounded if value > 0))
        return list(found)


def _digits(rate: float) -> int:
    return next(d for d in range(1, 18) if float(f"{rate:.{d}g}") == rate)
