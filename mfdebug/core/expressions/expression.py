"""A parsed expression, and a parsed reference to a node or entry."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.expressions.ast import Result, Term, truth
from mfdebug.core.expressions.environment import (
    Environment,
    EvaluationContext,
    OneRow,
    RowEnvironment,
)
from mfdebug.core.expressions.functions import Rows


class Expression(Struct, frozen=True):
    """A parsed expression."""

    text: str
    values: frozenset[str]
    """The nodes whose values it uses."""
    gradients: frozenset[str]
    """The nodes whose gradients it uses."""
    words: frozenset[str]
    """The words it uses. The result changes only if a value, gradient or word changes."""
    root: Term
    lookback: int = 0
    """The number of earlier SGD steps it needs: the nesting depth of `prev`."""
    hiding: frozenset[str] = frozenset()
    """The words that it uses as names of nodes without backquotes."""

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes whose values or gradients it uses."""
        return self.values | self.gradients

    def evaluate(self, environment: Environment) -> Result:
        """Return the result: a copy of an array, a `float`, a `bool`, or a shape as a tuple."""
        with np.errstate(all="ignore"):
            value = self.root.evaluate(EvaluationContext(OneRow(environment)))
        if isinstance(value, tuple):
            return value
        row = value[0]
        if row.ndim:
            return np.array(row)
        return bool(row) if value.dtype == np.bool_ else float(row)

    def holds(self, environment: Environment) -> bool:
        """Return the truth of a condition; raise `ExpressionError` for several numbers."""
        return bool(self.holds_over(OneRow(environment), 1)[0])

    def holds_over(self, environment: RowEnvironment, rows: int) -> Rows:
        """Return the truth of a condition at each of several moments.

        Raises `ExpressionError` if it has no truth value at one of them, and `TooManyRows` if they
        are too many at once.
        """
        with np.errstate(all="ignore"):
            holds = truth(self.root.evaluate(EvaluationContext(environment, rows)), 1)
        return holds if len(holds) == rows else np.broadcast_to(holds, rows)


class NodeRef(Struct, frozen=True):
    """A node's value or gradient, or an entry of either, by the node's name."""

    node: str
    attribute: Literal["value", "grad"] = "value"
    index: tuple[int, ...] | None = None
