"""Where an expression looks things up, one moment or many at once, and what it may allocate."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mfdebug.core.expressions.operators import ExpressionError, Rows

LARGEST = 10_000_000
"""Numbers in one intermediate result: 80 MB."""
BUDGET = 10 * LARGEST
"""Numbers in all intermediate results of one evaluation; it bounds the time as well."""


class Environment(Protocol):
    """The state of a run at one moment, as expressions see it."""

    def node_names(self) -> Collection[str]:
        """Return the names of all nodes; `in` must be cheap, so give a dict or a set."""

    def value(self, node: str) -> NDArray[Any]:
        """Return the node's value, or raise `NotComputed`."""

    def gradient(self, node: str) -> NDArray[Any]:
        """Return the node's gradient, or raise `NotComputed`."""

    def word(self, name: str) -> float:
        """Return `cost`, `lr`, `sgd_step` or `moment`, or raise `NotComputed`."""

    def earlier(self) -> Environment:
        """Return the state one SGD step earlier, or raise `NotComputed` if there is none."""


class RowEnvironment(Protocol):
    """The state of a run at several moments: each array has a row for each of them."""

    def value(self, node: str) -> Rows:
        """Return the node's values, or raise `NotComputed`."""

    def gradient(self, node: str) -> Rows:
        """Return the node's gradients, or raise `NotComputed`."""

    def word(self, name: str) -> Rows:
        """Return `cost`, `lr`, `sgd_step` or `moment`, a number for each row or for all."""

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

    def word(self, name: str) -> Rows:
        """Return the word's number as one row."""
        return np.array([self._environment.word(name)], np.float64)

    def earlier(self) -> OneRow:
        """Return the moment one SGD step earlier."""
        return OneRow(self._environment.earlier())


class TooManyRows(Exception):  # noqa: N818 - fewer rows at once are not too many
    """All rows together take more memory than one evaluation may."""


class Work(Struct):
    """One evaluation of `rows` moments at once: where it looks things up, what it allocated."""

    environment: RowEnvironment
    rows: int = 1
    spent: int = 0

    def allot(self, shape: tuple[int, ...], column: int) -> None:
        """Refuse a result with entries of this shape before it is allocated if it is too large."""
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
    """Return a shape as it is written, `(4, 3)`; that of a number in words."""
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})" if shape else "a number"
