"""A check of all entries of many inputs at once, by the derivative along one direction.

Two evaluations compare Σ sent · step with the change of the value, whatever the number of entries.
If the two differ, a bisection finds one entry that contributes to the difference. A kink leads to
an entry as an error does, so the entry is then judged on its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from miniflow.gradcheck.differences import ROUNDING, STEP, TOLERANCE, change_between
from miniflow.gradcheck.function import Function
from miniflow.ops.base import Array


class Direction:
    """A step of random sign and size for every entry of some sources, and the expected changes.

    `sent` are the gradients that the backward rule sends to each source for the gradient `upstream`
    of the value. Entries that are not finite, or whose gradient is not, are not moved.
    """

    def __init__(self, function: Function, sent: Mapping[int, Array], upstream: Array) -> None:
        self._function = function
        self._upstream = upstream
        self._sources = list(sent)
        self._starts = np.cumsum([0, *(value.size for value in sent.values())])
        base = np.concatenate([function.base[source].ravel() for source in sent])
        slopes = np.concatenate([value.ravel() for value in sent.values()])
        rng = np.random.default_rng(0)
        factors = rng.uniform(0.5, 1.5, base.size) * rng.choice([-1.0, 1.0], base.size)
        with np.errstate(invalid="ignore", over="ignore"):
            self._steps = STEP * np.maximum(1.0, np.abs(base)) * factors
            self._changes = slopes * self._steps
        for position in np.flatnonzero(~np.isfinite(self._changes)):
            self._steps[position] = self._changes[position] = 0.0

    def __len__(self) -> int:
        return len(self._steps)

    def exclude(self, position: int) -> None:
        """Set the step of an entry to 0."""
        self._steps[position] = self._changes[position] = 0.0

    def entry(self, position: int) -> tuple[int, tuple[int, ...]]:
        """Return the source of an entry, and the entry's index in it."""
        i = int(np.searchsorted(self._starts, position, "right")) - 1
        source = self._sources[i]
        shape = self._function.base[source].shape
        index = np.unravel_index(position - int(self._starts[i]), shape)
        return source, tuple(map(int, index))

    def differs(self, first: int, end: int) -> bool:
        """Whether steps of the entries `first` to `end` - 1 change the value unexpectedly."""
        up, down = (self._function.at(self._moved(first, end, sign)) for sign in (1.0, -1.0))
        change, size, _ = change_between(down, up, self._upstream)
        changes = self._changes[first:end]
        with np.errstate(over="ignore", invalid="ignore"):
            allowed = TOLERANCE * np.abs(changes).sum() + ROUNDING * size / 2
            return not abs(change / 2 - changes.sum()) <= allowed

    def _moved(self, first: int, end: int, sign: float) -> dict[int, Array]:
        moved = {}
        for source, start, stop in zip(
            self._sources, self._starts[:-1], self._starts[1:], strict=True
        ):
            low, high = max(first, int(start)), min(end, int(stop))
            if low < high:
                value = self._function.base[source].copy()
                flat = value.reshape(-1)
                flat[low - start : high - start] += sign * self._steps[low:high]
                moved[source] = value
        return moved


def find_suspect(direction: Direction) -> int | None:
    """Return the position of an entry whose step changes the value unexpectedly, or None."""
    first, end = 0, len(direction)
    if not direction.differs(first, end):
        return None
    while end - first > 1:
        middle = math.ceil((first + end) / 2)
        if direction.differs(first, middle):
            end = middle
        elif direction.differs(middle, end):
            first = middle
        else:
            return None
    return first
