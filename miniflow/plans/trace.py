"""Traces of whole SGD steps: every value and gradient, one row per step.

A debugger that checks the numbers of a long run after each step would spend more time on checking
than on running: on a small network a NumPy call costs as much as the arithmetic. So each step
copies its working memory to a trace, and many steps are checked at once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from miniflow.ops.base import Array, Shape


class Trace(ABC):
    """The last `steps` SGD steps of a run, from step `first` on.

    Arrays have one more axis than the node's value: the first, the steps. `full` is whether
    gradients that no trainable needs were computed too; if not, those gradients are invalid.
    """

    def __init__(self, capacity: int, *, full: bool) -> None:
        self.capacity = capacity
        self.full = full
        self.first = 0
        self.steps = 0

    def clear(self) -> None:
        """Discard the steps."""
        self.steps = 0

    @abstractmethod
    def value(self, node: int) -> Array:
        """Return a node's values at the end of each step; for a trainable, after its update."""

    @abstractmethod
    def before(self, node: int) -> Array:
        """Return a trainable's values at the start of each step."""

    @abstractmethod
    def gradient(self, node: int) -> Array:
        """Return a node's gradients at the end of each step."""

    @abstractmethod
    def finite(self) -> Array:
        """Return for each step whether all its numbers were finite; False if that is uncertain."""


class ArrayTrace(Trace):
    """Rows of a plan's memory; `offsets` are the starts of each node's value and gradient in a row.

    `copies` is False if the only row is the plan's memory itself, read before the next step.
    """

    def __init__(
        self,
        block: Array,
        shapes: list[Shape],
        offsets: list[tuple[int, int]],
        *,
        full: bool,
        copies: bool,
    ) -> None:
        super().__init__(len(block), full=full)
        self.copies = copies
        # Copying between memoryviews takes 0.6 times as long as np.copyto, for rows of a few KB.
        self.rows = [row.data.cast("B") for row in block]
        self._block = block
        self._shapes = shapes
        self._offsets = offsets
        self._zeros = np.zeros(block.shape[1], block.dtype)
        self._start_values = np.zeros(0, block.dtype)

    def begin(self, sgd_step: int, parameters: Array) -> None:
        """Record the number of the first step and the parameters at its start."""
        if not self.steps:
            self.first = sgd_step
            self._start_values = parameters.copy()

    def value(self, node: int) -> Array:
        """Return the node's part of the rows."""
        return self._part(self._block[: self.steps], node, self._offsets[node][0])

    def before(self, node: int) -> Array:
        """Return the values at the end of the step before."""
        start = self._part(self._start_values[None], node, self._offsets[node][0])
        return np.concatenate([start, self.value(node)[:-1]])

    def gradient(self, node: int) -> Array:
        """Return the node's part of the rows."""
        return self._part(self._block[: self.steps], node, self._offsets[node][1])

    def finite(self) -> Array:
        """Multiply by zeros: numbers that are not finite give NaN."""
        with np.errstate(all="ignore"):
            finite: Array = np.isfinite(self._block[: self.steps].dot(self._zeros))
        return finite

    def _part(self, rows: Array, node: int, start: int) -> Array:
        shape = self._shapes[node]
        return rows[:, start : start + math.prod(shape)].reshape(len(rows), *shape)


class ScalarTrace(Trace):
    """Copies of a scalar plan's two lists of floats: values and gradients."""

    def __init__(self, capacity: int, *, full: bool) -> None:
        super().__init__(capacity, full=full)
        self._values: list[list[float]] = []
        self._gradients: list[list[float]] = []
        self._start_values: list[float] = []
        self._columns: tuple[Array, Array] | None = None

    def begin(self, sgd_step: int, values: list[float]) -> None:
        """Record the number of the first step and the values at its start."""
        if not self.steps:
            self.first = sgd_step
            self._start_values = values.copy()

    def add(self, values: list[float], gradients: list[float]) -> None:
        """Append the values and gradients of a step."""
        self._values.append(values.copy())
        self._gradients.append(gradients.copy())
        self.steps += 1

    def clear(self) -> None:
        """Discard the steps."""
        super().clear()
        self._values.clear()
        self._gradients.clear()
        self._columns = None

    def value(self, node: int) -> Array:
        """Return the node's column."""
        return self._arrays()[0][:, node]

    def before(self, node: int) -> Array:
        """Return the values at the end of the step before."""
        return np.concatenate([[self._start_values[node]], self.value(node)[:-1]])

    def gradient(self, node: int) -> Array:
        """Return the node's column."""
        return self._arrays()[1][:, node]

    def finite(self) -> Array:
        """Check every number."""
        values, gradients = self._arrays()
        finite: Array = np.logical_and.reduce(np.isfinite([*values.T, *gradients.T]))
        return finite

    def _arrays(self) -> tuple[Array, Array]:
        if self._columns is None or len(self._columns[0]) != self.steps:
            self._columns = np.array(self._values), np.array(self._gradients)
        return self._columns
