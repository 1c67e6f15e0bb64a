"""The syntax tree of an expression, and the evaluation of its terms.

A condition may come from an untrusted session file, so it is never passed to Python: only these
forms can run, and each checks the size of its result before it allocates.

Every term is evaluated at several moments at once, as rows that `operators` combines.
"""

from __future__ import annotations

from types import EllipsisType
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mfdebug.core.expressions.environment import EvaluationContext, sizes
from mfdebug.core.expressions.functions import (
    SUMMARIES,
    ExpressionError,
    Rows,
    aligned,
    arithmetic,
    comparison,
    elementwise,
    summary,
    summary_along,
)
from mfdebug.core.expressions.functions import NotComputed as NotComputed
from miniflow.text.lists import counted

Value = Rows | tuple[int, ...]
"""Numbers, a row for each moment; or a shape, which all moments share."""
Result = NDArray[Any] | float | bool | tuple[int, ...]
Item = int | slice | EllipsisType


class Term(Protocol):
    """A node of the syntax tree."""

    def evaluate(self, context: EvaluationContext) -> Value:
        """Return the term's values in `context.environment`."""


class Number(Struct, frozen=True):
    """A number as written."""

    value: float

    def evaluate(self, context: EvaluationContext) -> Value:
        """Return the number as float64."""
        del context
        return np.array([self.value])


class Word(Struct, frozen=True):
    """`cost`, `lr`, `sgd_step` or `moment`."""

    name: str

    def evaluate(self, context: EvaluationContext) -> Value:
        """Return the value of the word."""
        return context.environment.word(self.name)


class NodeTerm(Struct, frozen=True):
    """A node's `value`, `grad`, `shape`, or an array that it keeps from pass to pass."""

    name: str
    attribute: str = "value"

    def evaluate(self, context: EvaluationContext) -> Value:
        """Return the node's value, gradient, shape or kept array."""
        if self.attribute == "grad":
            return context.environment.gradient(self.name)
        if self.attribute not in ("value", "shape"):
            return context.environment.lasting(self.name, self.attribute)
        value = context.environment.value(self.name)
        return value.shape[1:] if self.attribute == "shape" else value


class Bracket(Struct, frozen=True):
    """The integers, slices and ellipsis between one pair of brackets, with the source text."""

    items: tuple[Item, ...]
    text: str
    column: int


class Indexed(Struct, frozen=True):
    """`x[0][1:, ...]`: flat, so that a long row of brackets is not a deep tree."""

    operand: Term
    brackets: tuple[Bracket, ...]

    def evaluate(self, context: EvaluationContext) -> Value:
        """Index the operand, bracket by bracket."""
        value = self.operand.evaluate(context)
        for bracket in self.brackets:
            value = _part(value, bracket)
        return value


class Signed(Struct, frozen=True):
    """`-x` or `+x`."""

    operator: str
    operand: Term
    column: int

    def evaluate(self, context: EvaluationContext) -> Value:
        """Apply the sign."""
        ufunc = np.negative if self.operator == "-" else np.positive
        operand = numbers(self.operand.evaluate(context), self.operator, self.column)
        context.allocate(operand.shape[1:], self.column)
        return np.asarray(ufunc(operand, dtype=np.float64))


class Operand(Struct, frozen=True):
    """A term with its source text and the column where it starts."""

    term: Term
    text: str
    column: int


class Link(Struct, frozen=True):
    """An operator with its column and its right operand."""

    operator: str
    column: int
    right: Operand


class Chain(Struct, frozen=True):
    """`a + b - c`: flat, so that a long sum is not a deep tree."""

    first: Term
    links: tuple[Link, ...]

    def evaluate(self, context: EvaluationContext) -> Value:
        """Apply the operators from left to right."""
        left = self.first.evaluate(context)
        for link in self.links:
            left = _combine(left, link, link.right.term.evaluate(context), context)
        return left


class Comparison(Struct, frozen=True):
    """`a < b <= c`, elementwise; all links must hold."""

    first: Operand
    links: tuple[Link, ...]

    def evaluate(self, context: EvaluationContext) -> Value:
        """Compare neighbours; as in Python, a scalar comparison that is false ends the chain."""
        left = self.first.term.evaluate(context)
        result: Rows | None = None
        for link in self.links:
            right = link.right.term.evaluate(context)
            holds = _compare(left, link, right, context)
            if result is not None:
                context.allocate(_fit(result, link, holds), link.column)
                holds = np.logical_and(*aligned(result, holds))
            if len(self.links) == 1:
                return holds
            if holds.ndim == 1 and not holds.any():
                return holds
            left, result = right, holds
        return np.asarray(result)


class Logic(Struct, frozen=True):
    """`a and b and c`, or the same with `or`; each operand is a single truth value."""

    operator: str
    operands: tuple[Operand, ...]

    def evaluate(self, context: EvaluationContext) -> Value:
        """Evaluate operands until all rows are decided, as Python does for one value."""
        holds: Rows = np.array([self.operator == "and"])
        for operand in self.operands:
            truths = truth(operand.term.evaluate(context), operand.column)
            holds = holds & truths if self.operator == "and" else holds | truths
            if (holds if self.operator == "or" else ~holds).all():
                break
        return holds


class Not(Struct, frozen=True):
    """`not x`."""

    operand: Operand

    def evaluate(self, context: EvaluationContext) -> Value:
        """Negate the truth value."""
        return ~truth(self.operand.term.evaluate(context), self.operand.column)


class Call(Struct, frozen=True):
    """A function of one operand; a summary may be along an `axis` of it."""

    function: str
    operand: Operand
    column: int
    axis: int | None = None

    def evaluate(self, context: EvaluationContext) -> Value:
        """Evaluate the operand, one SGD step earlier for `prev`, and apply the function."""
        if self.function == "prev":
            present = context.environment
            context.environment = present.earlier()
            try:
                return self.operand.term.evaluate(context)
            finally:
                context.environment = present
        value = self.operand.term.evaluate(context)
        if self.function == "shape":
            return value if isinstance(value, tuple) else value.shape[1:]
        x = numbers(value, self.function, self.column)
        if self.function in SUMMARIES:
            if self.function in _NONEMPTY and not x[0].size:
                raise ExpressionError(f"{self.function} of an empty array", column=self.column)
            if self.axis is not None:
                return self._along(x, self.axis, context)
            if self.function in _COPY:
                context.allocate(x.shape[1:], self.column)
            return summary(self.function, x)
        context.allocate(x.shape[1:], self.column)
        return elementwise(self.function, x)

    def _along(self, x: Rows, axis: int, context: EvaluationContext) -> Rows:
        if not -(x.ndim - 1) <= axis < x.ndim - 1:
            raise ExpressionError(
                f"axis {axis} does not exist in {sizes(x.shape[1:])}", column=self.column
            )
        context.allocate(x.shape[1:], self.column)
        return summary_along(self.function, x, axis)


def truth(value: Value, column: int) -> Rows:
    """Return the truth value of each row's single number, as in Python: 0 is false, NaN is true.

    Raises `ExpressionError` for a shape or an array of several numbers.
    """
    if isinstance(value, tuple):
        raise ExpressionError("a shape is neither true nor false", column=column)
    if value[0].size != 1:
        raise ExpressionError(
            f"an array of shape {sizes(value.shape[1:])} is neither true nor false",
            column=column,
            hint="use any(...) or all(...)",
        )
    return value.reshape(len(value)).astype(np.bool_)


def numbers(value: Value, user: str, column: int) -> Rows:
    """Return `value` if it is numeric; raise `ExpressionError` for a shape."""
    if isinstance(value, tuple):
        raise ExpressionError(
            f"{user!r} needs numbers, not a shape", column=column, hint="take one axis: shape(x)[0]"
        )
    return value


_NONEMPTY = frozenset({"min", "max", "argmax", "mean", "std"})
_COPY = frozenset({"norm", "std"})


def _combine(left: Value, link: Link, right: Value, context: EvaluationContext) -> Value:
    a = numbers(left, link.operator, link.column)
    b = numbers(right, link.operator, link.column)
    context.allocate(_fit(a, link, b), link.column)
    return arithmetic(link.operator, a, b)


def _compare(left: Value, link: Link, right: Value, context: EvaluationContext) -> Rows:
    if isinstance(left, tuple) and isinstance(right, tuple) and link.operator in ("==", "!="):
        return np.array([(left == right) is (link.operator == "==")])
    a = numbers(left, link.operator, link.column)
    b = numbers(right, link.operator, link.column)
    context.allocate(_fit(a, link, b), link.column)
    return comparison(link.operator, a, b)


def _fit(a: Rows, link: Link, b: Rows) -> tuple[int, ...]:
    """Return the shape of a row of the result; raise `ExpressionError` if the shapes do not fit."""
    left, right = a.shape[1:], b.shape[1:]
    try:
        if link.operator == "@":
            return _matmul_shape(left, right)
        if not right or left == right:
            return left
        return np.broadcast_shapes(left, right)
    except ValueError:
        raise ExpressionError(
            f"{link.operator!r} does not fit {sizes(left)} and {sizes(right)}",
            column=link.column,
        ) from None


def _matmul_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
        raise ValueError
    rows = a[-2:-1]
    columns = b[-1:] if len(b) > 1 else ()
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns)


def _part(value: Value, bracket: Bracket) -> Value:
    if not isinstance(value, tuple):
        try:
            return np.asarray(value[(slice(None), *bracket.items)])
        except IndexError:
            raise ExpressionError(
                f"index {bracket.text} does not fit {sizes(value.shape[1:])}",
                column=bracket.column,
            ) from None
    item = bracket.items[0] if len(bracket.items) == 1 else ...
    if isinstance(item, slice):
        return value[item]
    if isinstance(item, int) and -len(value) <= item < len(value):
        return np.array([value[item]], np.float64)
    raise ExpressionError(
        f"index {bracket.text} does not fit a shape of {counted(len(value), 'axis', 'axes')}",
        column=bracket.column,
    )
