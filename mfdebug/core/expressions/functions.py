"""The operators and functions of expressions, for several moments at once.

The first axis of every array is its *rows*: one row per moment of the evaluation, or a single row
that all moments share. Each row is bit for bit what it is when evaluated alone, so a condition
tested over a thousand SGD steps holds exactly where stepping finds it: sums run over contiguous
rows of float64, and functions that NumPy rounds differently in a longer array (exp, log, powers,
matrix products) are called row by row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miniflow.errors import MiniflowError

Rows = NDArray[Any]
"""Numbers of one or more moments: the first axis is the moments."""


class ExpressionError(MiniflowError):
    """An expression that cannot be parsed or evaluated; `column` counts from 1, None if unknown."""

    def __init__(
        self, problem: str, *, column: int | None = None, where: str = "", hint: str = ""
    ) -> None:
        self.column = column
        at = "" if column is None else f" at column {column}"
        super().__init__(problem + at, where=where, hint=hint)


class NotComputed(ExpressionError):  # noqa: N818 - shown as a state, not as a failure
    """A number that is not computed yet: shown as "not computed", never as 0."""


def aligned(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Insert axes after the rows so that the other axes broadcast as in NumPy."""
    axes = max(a.ndim, b.ndim)
    return _with_axes(a, axes), _with_axes(b, axes)


def _with_axes(x: Rows, axes: int) -> Rows:
    return x.reshape(len(x), *(1,) * (axes - x.ndim), *x.shape[1:])


def arithmetic(operator: str, a: Rows, b: Rows) -> Rows:
    """Return `a operator b` in float64; the shapes must be compatible."""
    if operator == "@":
        return _row_by_row(np.matmul, a, b)
    ufunc = _ARITHMETIC[operator]
    a, b = aligned(a, b)
    if operator == "**":
        return _row_by_row(ufunc, a, b)
    return np.asarray(ufunc(a, b, dtype=np.float64))


def comparison(operator: str, a: Rows, b: Rows) -> Rows:
    """Return the truth of `a operator b` per entry; the shapes must be compatible."""
    a, b = aligned(a, b)
    return np.asarray(_COMPARE[operator](a, b))


def elementwise(function: str, x: Rows) -> Rows:
    """Apply a function to each entry."""
    if function in _ROUNDED:
        return _row_by_row(_ROUNDED[function], x)
    return np.asarray(_ELEMENTWISE[function](x))


def summary(function: str, x: Rows) -> Rows:
    """Reduce the entries of each row to one number."""
    return np.asarray(SUMMARIES[function](np.ascontiguousarray(x.reshape(len(x), -1))))


def summary_along(function: str, x: Rows, axis: int) -> Rows:
    """Reduce one axis, counted without the axis of the rows, which must exist."""
    last = np.moveaxis(x, axis + 1 if axis >= 0 else axis, -1)
    flat = np.ascontiguousarray(last.reshape(-1, last.shape[-1]))
    return np.asarray(SUMMARIES[function](flat)).reshape(last.shape[:-1])


def _row_by_row(ufunc: np.ufunc, *operands: Rows) -> Rows:
    rows = max(len(x) for x in operands)
    whole = (x if len(x) == rows else np.broadcast_to(x, (rows, *x.shape[1:])) for x in operands)
    return np.stack([ufunc(*row, dtype=np.float64) for row in zip(*whole, strict=True)])


def _float64(x: Rows) -> Rows:
    return x.astype(np.float64, copy=False)


def _sum(x: Rows) -> Rows:
    return np.asarray(np.add.reduce(_float64(x), 1))


def _mean(x: Rows) -> Rows:
    return np.asarray(_sum(x) / x.shape[1])


def _std(x: Rows) -> Rows:
    spread = _float64(x) - _mean(x)[:, None]
    return np.asarray(np.sqrt(_mean(spread * spread)))


def _norm(x: Rows) -> Rows:
    x = _float64(x)
    norms = np.sqrt(_sum(x * x))
    # Squares of very small or large entries underflow or overflow: scale those rows first, so that
    # a vanishing gradient does not have norm 0.
    for row in np.flatnonzero(~((norms > 1e-140) & (norms < 1e140))):
        largest = float(np.max(np.abs(x[row]), initial=0.0))
        if 0.0 < largest < math.inf:
            norms[row] = largest * float(np.linalg.norm(x[row] / largest))
        else:
            norms[row] = largest
    return np.asarray(norms)


_ARITHMETIC: dict[str, np.ufunc] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.remainder,
    "**": np.power,
}
_COMPARE: dict[str, np.ufunc] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ROUNDED: dict[str, np.ufunc] = {"exp": np.exp, "log": np.log}
# float64 throughout, so that results for a float32 graph do not depend on float32 rounding.
_ELEMENTWISE: dict[str, Callable[[Rows], Any]] = {
    "abs": lambda x: np.absolute(x, dtype=np.float64),
    "sqrt": lambda x: np.sqrt(x, dtype=np.float64),
    "isnan": np.isnan,
    "isinf": np.isinf,
}
SUMMARIES: dict[str, Callable[[Rows], Any]] = {
    "min": lambda x: np.minimum.reduce(x, 1),
    "max": lambda x: np.maximum.reduce(x, 1),
    "argmax": lambda x: np.argmax(x, 1),
    "mean": _mean,
    "sum": _sum,
    "std": _std,
    "norm": _norm,
    "any": lambda x: np.any(x, 1),
    "all": lambda x: np.all(x, 1),
}
FUNCTIONS = frozenset(_ELEMENTWISE) | frozenset(_ROUNDED) | frozenset(SUMMARIES) | {"shape", "prev"}
