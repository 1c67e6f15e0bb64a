"""The environment of an evaluation: one moment or many at once, and the limits on memory."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mfdebug.core.expressions.functions import ExpressionError, Rows

LARGEST = 10_000_000
"""The most numbers in one intermediate result: 80 MB."""
BUDGET = 10 * LARGEST
"""The most numbers in all intermediate results of one evaluation; this also bounds its time."""


class Environment(Protocol):
    """The state of a run at one moment, as expressions see it."""

    def node_names(self) -> Collection[str]:
        """Return the names of all nodes, as a dict or a set: `in` must be cheap."""

    def value(self, node: str) -> NDArray[Any]:
        """Return the node's value, or raise `NotComputed`."""

    def gradient(self, node: str) -> NDArray[Any]:
        """Return the node's gradient, or raise `NotComputed`."""

    def lasting(self, node: str, name: str) -> NDArray[Any]:
        """Return an array that the node keeps, or raise `NotComputed`."""

    def word(self, name: str) -> float:
        """Return `cost`, `lr`, `sgd_step` or `moment`, or raise `NotComputed`."""

    def earlier(self) -> Environment:
        """Return the state one SGD step earlier, or raise `NotComputed` if there is none."""


class RowEnvironment(Protocol):
    """The state of a run at several moments: each array has a row per moment."""

    def value(self, node: str) -> Rows:
        """Return the node's values, or raise `NotComputed`."""

    def gradient(self, node: str) -> Rows:
        """Return the node's gradients, or raise `NotComputed`."""

    def lasting(self, node: str, name: str) -> Rows:
        """Return the arrays `name` that the node keeps, or raise `NotComputed`."""

    def word(self, name: str) -> Rows:
        """Return `cost`, `lr`, `sgd_step` or `moment`, as a number per row or one for all."""

    def earlier(self) -> RowEnvironment:
        """Return the states one SGD step earlier."""


class OneRow:
    """One moment as an environment of one row."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def value(self, node: str) -> Rows:
        """Return the node's value as one row."""
        return np.asarray(self._environment.value(node))[None]

    def gradient(self, node: str) -> Rows:
        """Return the node's gradient as one row."""
        return np.asarray(self._environment.gradient(node))[None]

    def lasting(self, node: str, name: str) -> Rows:
        """Return the array `name` that the node keeps as one row."""
        return np.asarray(self._environment.lasting(node, name))[None]

    def word(self, name: str) -> Rows:
        """Return the word's number as one row."""
        return np.array([self._environment.word(name)], np.float64)

    def earlier(self) -> OneRow:
        """Return the moment one SGD step earlier."""
        return OneRow(self._environment.earlier())


class TooManyRows(Exception):  # noqa: N818 - the caller retries with fewer rows
    """All rows together need more memory than one evaluation may use."""


class EvaluationContext(Struct):
    """The environment of one evaluation of `rows` moments, and the numbers it has allocated."""

    environment: RowEnvironment
    rows: int = 1
    spent: int = 0

    def allocate(self, shape: tuple[int, ...], column: int) -> None:
        """Account for a result of this shape per row, before it is allocated.

        Raises `ExpressionError` if it is too large, `TooManyRows` if all rows together are.
        """
        size = math.prod(shape)
        if size > LARGEST:
            raise ExpressionError(
                f"too large: {sizes(shape)} is {size:,} numbers, the limit is {LARGEST:,}",
                column=column,
            )
        self.spent += size
        if self.spent > BUDGET:
            raise ExpressionError(
                f"too much work: over {BUDGET:,} numbers in one expression", column=column
            )
        if self.rows * size > LARGEST:
            raise TooManyRows


def sizes(shape: tuple[int, ...]) -> str:
    """Return a shape as `(4, 3)`; the shape of a scalar as `a number`."""
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})" if shape else "a number"
