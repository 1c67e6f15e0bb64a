"""What an expression is made of once it is read, and how each part is worked out.

A condition may come from a session file that somebody sent. So it is never given to Python:
these few forms are all that can run, and each knows the size of its result before it allocates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from types import EllipsisType
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from miniflow.errors import MiniflowError

LARGEST = 10_000_000
"""Numbers in one intermediate result: 80 MB."""
BUDGET = 10 * LARGEST
"""Numbers in all intermediate results of one evaluation; it bounds the time as well."""

Value = NDArray[Any] | tuple[int, ...]
Result = NDArray[Any] | float | bool | tuple[int, ...]
Item = int | slice | EllipsisType


class ExpressionError(MiniflowError):
    """An expression cannot be read or worked out; `column` (from 1) is where, if it is known."""

    def __init__(
        self, problem: str, *, column: int | None = None, where: str = "", hint: str = ""
    ) -> None:
        self.column = column
        at = "" if column is None else f" at column {column}"
        super().__init__(problem + at, where=where, hint=hint)


class NotComputed(ExpressionError):  # noqa: N818 - it is shown as a state, not as a failure
    """What is asked for has not happened yet: shown as "not computed", never as 0."""


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


class Work(Struct):
    """One evaluation under way: where it looks things up and how much it has allocated."""

    environment: Environment
    spent: int = 0

    def allot(self, shape: tuple[int, ...], column: int) -> None:
        """Refuse a result of this shape before it is allocated if it is too large."""
        size = math.prod(shape)
        if size > LARGEST:
            raise ExpressionError(
                f"too large: {_sizes(shape)} is {size:,} numbers, the limit is {LARGEST:,}",
                column=column,
            )
        self.spent += size
        if self.spent > BUDGET:
            raise ExpressionError(
                f"too much work: over {BUDGET:,} numbers in one expression", column=column
            )


class Term(Protocol):
    """A part of an expression that can be worked out."""

    def evaluate(self, work: Work) -> Value:
        """Return the term's value in `work.environment`."""


class Number(Struct, frozen=True):
    """A number as written."""

    value: float

    def evaluate(self, work: Work) -> Value:
        """Return the number as float64."""
        del work
        return np.asarray(self.value, dtype=np.float64)


class Word(Struct, frozen=True):
    """`cost`, `lr`, `sgd_step` or `moment`."""

    name: str

    def evaluate(self, work: Work) -> Value:
        """Look the word up."""
        return np.asarray(work.environment.word(self.name), dtype=np.float64)


class NodeTerm(Struct, frozen=True):
    """A node's `value`, `grad` or `shape`."""

    name: str
    attribute: str = "value"

    def evaluate(self, work: Work) -> Value:
        """Look the node up."""
        if self.attribute == "grad":
            return np.asarray(work.environment.gradient(self.name))
        value = np.asarray(work.environment.value(self.name))
        return value.shape if self.attribute == "shape" else value


class Bracket(Struct, frozen=True):
    """The integers, slices and ellipsis between one pair of brackets, and how it was written."""

    items: tuple[Item, ...]
    text: str
    column: int


class Indexed(Struct, frozen=True):
    """`x[0][1:, ...]`: flat, so that a long row of brackets is no deep tree."""

    operand: Term
    brackets: tuple[Bracket, ...]

    def evaluate(self, work: Work) -> Value:
        """Take the part of the operand."""
        value = self.operand.evaluate(work)
        for bracket in self.brackets:
            value = _part(value, bracket)
        return value


class Signed(Struct, frozen=True):
    """`-x` or `+x`."""

    operator: str
    operand: Term
    column: int

    def evaluate(self, work: Work) -> Value:
        """Apply the sign."""
        ufunc = np.negative if self.operator == "-" else np.positive
        operand = numbers(self.operand.evaluate(work), self.operator, self.column)
        work.allot(operand.shape, self.column)
        return np.asarray(ufunc(operand, dtype=np.float64))


class Link(Struct, frozen=True):
    """An operator and what stands to its right."""

    operator: str
    column: int
    term: Term


class Chain(Struct, frozen=True):
    """`a + b - c`: flat, so that a long sum is no deep tree."""

    first: Term
    links: tuple[Link, ...]

    def evaluate(self, work: Work) -> Value:
        """Apply the operators from left to right."""
        left = self.first.evaluate(work)
        for link in self.links:
            left = _combine(left, link, link.term.evaluate(work), work)
        return left


class Comparison(Struct, frozen=True):
    """`a < b <= c`, elementwise; all links must hold."""

    first: Term
    links: tuple[Link, ...]

    def evaluate(self, work: Work) -> Value:
        """Compare neighbours; as in Python, a scalar that is false ends it."""
        left = self.first.evaluate(work)
        result: NDArray[Any] | None = None
        for link in self.links:
            right = link.term.evaluate(work)
            holds = _compare(left, link, right, work)
            if result is not None:
                work.allot(_fit(result, link, holds), link.column)
                holds = np.asarray(np.logical_and(result, holds))
            if len(self.links) == 1:
                return holds
            if not holds.ndim and not holds:
                return holds
            left, result = right, holds
        return np.asarray(result)


class Logic(Struct, frozen=True):
    """`a and b and c`, or the same with `or`; each operand is one truth, with its column."""

    operator: str
    operands: tuple[tuple[int, Term], ...]

    def evaluate(self, work: Work) -> Value:
        """Stop at the first operand that decides, as Python does."""
        truths = (truth(term.evaluate(work), column) for column, term in self.operands)
        return np.asarray(all(truths) if self.operator == "and" else any(truths))


class Not(Struct, frozen=True):
    """`not x`."""

    operand: Term
    column: int

    def evaluate(self, work: Work) -> Value:
        """Negate one truth."""
        return np.asarray(not truth(self.operand.evaluate(work), self.column))


class Call(Struct, frozen=True):
    """A function of one operand."""

    function: str
    operand: Term
    column: int

    def evaluate(self, work: Work) -> Value:
        """Work the operand out, one SGD step earlier for `prev`, and apply the function."""
        if self.function == "prev":
            here = work.environment
            work.environment = here.earlier()
            try:
                return self.operand.evaluate(work)
            finally:
                work.environment = here
        value = self.operand.evaluate(work)
        if self.function == "shape":
            return value if isinstance(value, tuple) else value.shape
        x = numbers(value, self.function, self.column)
        if self.function in _SUMMARIES:
            if self.function in _NEED_ONE and not x.size:
                raise ExpressionError(f"{self.function} of an empty array", column=self.column)
            if self.function in _COPY:
                work.allot(x.shape, self.column)
            return np.asarray(_SUMMARIES[self.function](x))
        work.allot(x.shape, self.column)
        return np.asarray(_ELEMENTWISE[self.function](x))


def truth(value: Value, column: int) -> bool:
    """Return whether one number is true, as Python has it: zero is not, NaN is."""
    if isinstance(value, tuple):
        raise ExpressionError("a shape is neither true nor false", column=column)
    if value.size != 1:
        raise ExpressionError(
            f"an array of shape {_sizes(value.shape)} is neither true nor false",
            column=column,
            hint="use any(...) or all(...)",
        )
    return bool(value.item())


def numbers(value: Value, user: str, column: int) -> NDArray[Any]:
    """Return `value` if it is numbers; a shape is not."""
    if isinstance(value, tuple):
        raise ExpressionError(
            f"{user!r} needs numbers, not a shape", column=column, hint="take one side: shape(x)[0]"
        )
    return value


def _norm(x: NDArray[Any]) -> float:
    flat = x.ravel().astype(np.float64, copy=False)
    plain = math.sqrt(float(flat.dot(flat)))
    if 1e-140 < plain < 1e140:
        return plain
    # Squares of very small or large entries under- or overflow: a vanishing gradient is not 0.
    largest = float(np.max(np.abs(flat), initial=0.0))
    if not 0.0 < largest < math.inf:
        return largest
    return largest * float(np.linalg.norm(flat / largest))


_ARITHMETIC: dict[str, np.ufunc] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.remainder,
    "**": np.power,
    "@": np.matmul,
}
_COMPARE: dict[str, np.ufunc] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
# float64 throughout: a float32 graph's sums are judged by their entries, not by rounding.
_ELEMENTWISE: dict[str, Callable[[NDArray[Any]], Any]] = {
    "abs": lambda x: np.absolute(x, dtype=np.float64),
    "exp": lambda x: np.exp(x, dtype=np.float64),
    "log": lambda x: np.log(x, dtype=np.float64),
    "sqrt": lambda x: np.sqrt(x, dtype=np.float64),
    "isnan": np.isnan,
    "isinf": np.isinf,
}
_SUMMARIES: dict[str, Callable[[NDArray[Any]], Any]] = {
    "min": np.min,
    "max": np.max,
    "mean": lambda x: np.mean(x, dtype=np.float64),
    "sum": lambda x: np.sum(x, dtype=np.float64),
    "std": lambda x: np.std(x, dtype=np.float64),
    "norm": _norm,
    "any": np.any,
    "all": np.all,
}
_NEED_ONE = frozenset({"min", "max", "mean", "std"})
_COPY = frozenset({"norm", "std"})
FUNCTIONS = frozenset(_ELEMENTWISE) | frozenset(_SUMMARIES) | {"shape", "prev"}


def _combine(left: Value, link: Link, right: Value, work: Work) -> Value:
    a = numbers(left, link.operator, link.column)
    b = numbers(right, link.operator, link.column)
    work.allot(_fit(a, link, b), link.column)
    return np.asarray(_ARITHMETIC[link.operator](a, b, dtype=np.float64))


def _compare(left: Value, link: Link, right: Value, work: Work) -> NDArray[Any]:
    if isinstance(left, tuple) and isinstance(right, tuple) and link.operator in ("==", "!="):
        return np.asarray((left == right) is (link.operator == "=="))
    a = numbers(left, link.operator, link.column)
    b = numbers(right, link.operator, link.column)
    work.allot(_fit(a, link, b), link.column)
    return np.asarray(_COMPARE[link.operator](a, b))


def _fit(a: NDArray[Any], link: Link, b: NDArray[Any]) -> tuple[int, ...]:
    """Return the shape that the operator will give."""
    try:
        if link.operator == "@":
            return _matmul_shape(a.shape, b.shape)
        if not b.shape or a.shape == b.shape:
            return a.shape
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ExpressionError(
            f"{link.operator!r} does not fit {_sizes(a.shape)} and {_sizes(b.shape)}",
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
            return np.asarray(value[bracket.items])
        except IndexError:
            raise ExpressionError(
                f"index {bracket.text} does not fit {_sizes(value.shape)}", column=bracket.column
            ) from None
    item = bracket.items[0] if len(bracket.items) == 1 else ...
    if isinstance(item, slice):
        return value[item]
    if isinstance(item, int) and -len(value) <= item < len(value):
        return np.asarray(value[item], dtype=np.float64)
    raise ExpressionError(
        f"index {bracket.text} does not fit a shape of {len(value)} sides", column=bracket.column
    )


def _sizes(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})" if shape else "a number"
