"""What whole SGD steps leave behind: every value and gradient, a row for each step.

A debugger that looks for trouble in a long run would pay more for looking than for running, if it
looked after each step: on a small network a NumPy call costs as much as the arithmetic. So the
steps leave copies of the memory they worked in, and many are looked through at once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from miniflow.ops.base import Array, Shape


class Trace(ABC):
    """The last `steps` SGD steps of a run, from number `first` on.

    Arrays have a first axis more than the node's value: the steps. `full` is whether gradients
    that no trainable needs were worked out too; without, theirs are not to be relied on.
    """

    def __init__(self, capacity: int, *, full: bool) -> None:
        self.capacity = capacity
        self.full = full
        self.first = 0
        self.steps = 0

    def clear(self) -> None:
        """Forget the steps."""
        self.steps = 0

    @abstractmethod
    def value(self, node: int) -> Array:
        """Return a node's values at the end of each step; a trainable's are after its update."""

    @abstractmethod
    def before(self, node: int) -> Array:
        """Return a trainable's values at the beginning of each step."""

    @abstractmethod
    def gradient(self, node: int) -> Array:
        """Return a node's gradients at the end of each step."""

    @abstractmethod
    def finite(self) -> Array:
        """Return for each step whether all its numbers were finite; in doubt, False."""


class ArrayTrace(Trace):
    """Rows of a plan's memory; `where` is where in a row each node's value and gradient begin.

    If the only row is the memory itself nothing `copies`: it is looked at before the next step.
    """

    def __init__(
        self,
        block: Array,
        shapes: list[Shape],
        where: list[tuple[int, int]],
        *,
        full: bool,
        copies: bool,
    ) -> None:
        super().__init__(len(block), full=full)
        self.copies = copies
        # Copying between these takes 0.6 times as long as np.copyto between rows of a few KB.
        self.rows = [row.data.cast("B") for row in block]
        self._block = block
        self._shapes = shapes
        self._where = where
        self._zeros = np.zeros(block.shape[1], block.dtype)
        self._begun = np.zeros(0, block.dtype)

    def begin(self, sgd_step: int, parameters: Array) -> None:
        """Note where the first step begins, and with which parameters."""
        if not self.steps:
            self.first = sgd_step
            self._begun = parameters.copy()

    def value(self, node: int) -> Array:
        """Return a part of the rows."""
        return self._part(self._block[: self.steps], node, self._where[node][0])

    def before(self, node: int) -> Array:
        """Return what the step before left."""
        begun = self._part(self._begun[None], node, self._where[node][0])
        return np.concatenate([begun, self.value(node)[:-1]])

    def gradient(self, node: int) -> Array:
        """Return a part of the rows."""
        return self._part(self._block[: self.steps], node, self._where[node][1])

    def finite(self) -> Array:
        """Multiply by zeros: what is not finite gives NaN."""
        with np.errstate(all="ignore"):
            finite: Array = np.isfinite(self._block[: self.steps].dot(self._zeros))
        return finite

    def _part(self, rows: Array, node: int, start: int) -> Array:
        shape = self._shapes[node]
        return rows[:, start : start + math.prod(shape)].reshape(len(rows), *shape)


class ScalarTrace(Trace):
    """Copies of a plan's two lists of floats."""

    def __init__(self, capacity: int, *, full: bool) -> None:
        super().__init__(capacity, full=full)
        self._values: list[list[float]] = []
        self._gradients: list[list[float]] = []
        self._begun: list[float] = []
        self._columns: tuple[Array, Array] | None = None

    def begin(self, sgd_step: int, values: list[float]) -> None:
        """Note where the first step begins, and with which values."""
        if not self.steps:
            self.first = sgd_step
            self._begun = values.copy()

    def add(self, values: list[float], gradients: list[float]) -> None:
        """Keep what a step has left."""
        self._values.append(values.copy())
        self._gradients.append(gradients.copy())
        self.steps += 1

    def clear(self) -> None:
        """Forget the steps."""
        super().clear()
        self._values.clear()
        self._gradients.clear()
        self._columns = None

    def value(self, node: int) -> Array:
        """Return a column."""
        return self._arrays()[0][:, node]

    def before(self, node: int) -> Array:
        """Return what the step before left."""
        return np.concatenate([[self._begun[node]], self.value(node)[:-1]])

    def gradient(self, node: int) -> Array:
        """Return a column."""
        return self._arrays()[1][:, node]

    def finite(self) -> Array:
        """Look at every number."""
        values, gradients = self._arrays()
        finite: Array = np.logical_and.reduce(np.isfinite([*values.T, *gradients.T]))
        return finite

    def _arrays(self) -> tuple[Array, Array]:
        if self._columns is None or len(self._columns[0]) != self.steps:
            self._columns = np.array(self._values), np.array(self._gradients)
        return self._columns
