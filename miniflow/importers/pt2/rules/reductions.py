"""Sums, means, extremes and other numbers of the entries along axes."""

from __future__ import annotations

from typing import Any

from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.node import Node
from miniflow.ops import (
    Abs,
    ArgMax,
    CumSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Neg,
    Norm,
    Op,
    Prod,
    Sqrt,
    Sum,
    Var,
)


def _axes(dim: Any) -> Any:
    """Return the axes as miniflow takes them: None for all."""
    if dim is None or isinstance(dim, int):
        return dim
    return list(dim) or None


@rule("sum")
def sum_(
    b: Builder, x: Value, dim: Any = None, keepdim: bool = False, dtype: int | None = None
) -> Value:
    """The sum."""
    return b.add(Sum, x, axis=_axes(dim), keepdims=keepdim)


@rule("mean")
def mean(
    b: Builder, x: Value, dim: Any = None, keepdim: bool = False, dtype: int | None = None
) -> Value:
    """The mean."""
    return b.add(Mean, x, axis=_axes(dim), keepdims=keepdim)


@rule("prod")
def prod(
    b: Builder, x: Value, dim: Any = None, keepdim: bool = False, dtype: int | None = None
) -> Value:
    """The product."""
    return b.add(Prod, x, axis=_axes(dim), keepdims=keepdim)


@rule("logsumexp")
def logsumexp(b: Builder, x: Value, dim: Any, keepdim: bool = False) -> Value:
    """log Σ eˣ."""
    return b.add(LogSumExp, x, axis=_axes(dim), keepdims=keepdim)


@rule("amax", "any")
def amax(b: Builder, x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """The greatest; of true and false, whether one is true."""
    return _extreme(b, Max, x, dim, keepdim)


@rule("amin", "all")
def amin(b: Builder, x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """The smallest; of true and false, whether all are true."""
    return _extreme(b, Min, x, dim, keepdim)


def _extreme(b: Builder, op: type[Op], x: Value, dim: Any, keepdim: bool) -> Node:
    axes = _axes(dim)
    return b.add(op, x, axis="all" if axes is None else axes, keepdims=keepdim)


@rule("max")
def max_(
    b: Builder, x: Value, dim: int | None = None, keepdim: bool = False, other: Value | None = None
) -> Any:
    """The greatest, and with an axis its index; or the greater of two tensors."""
    if other is not None:
        return b.add(Max, x, other)
    if dim is None:
        return _extreme(b, Max, x, None, False)
    index = b.add(ArgMax, x, axis=dim, keepdims=keepdim) if b.produces(1) else None
    return _extreme(b, Max, x, dim, keepdim), index


@rule("min")
def min_(
    b: Builder, x: Value, dim: int | None = None, keepdim: bool = False, other: Value | None = None
) -> Any:
    """The smallest, and with an axis its index; or the smaller of two tensors."""
    if other is not None:
        return b.add(Min, x, other)
    if dim is None:
        return _extreme(b, Min, x, None, False)
    index = b.add(ArgMax, b.add(Neg, x), axis=dim, keepdims=keepdim) if b.produces(1) else None
    return _extreme(b, Min, x, dim, keepdim), index


@rule("argmax")
def argmax(b: Builder, x: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    """The index of the greatest."""
    if dim is None:
        raise Unsupported("the index among all entries")
    return b.add(ArgMax, x, axis=dim, keepdims=keepdim)


@rule("var")
def var(
    b: Builder,
    x: Value,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
) -> Value:
    """The variance."""
    divisor = (1 if unbiased else 0) if correction is None else correction
    if divisor not in (0, 1):
        raise Unsupported(f"correction={divisor}")
    return b.add(Var, x, axis=_axes(dim), unbiased=divisor == 1, keepdims=keepdim)


@rule("var_mean")
def var_mean(b: Builder, x: Value, dim: Any = None, keepdim: bool = False, **how: Any) -> Any:
    """The variance and the mean."""
    return var(b, x, dim, keepdim=keepdim, **how), mean(b, x, dim, keepdim)


@rule("std")
def std(b: Builder, x: Value, dim: Any = None, keepdim: bool = False, **how: Any) -> Value:
    """The standard deviation."""
    return b.add(Sqrt, var(b, x, dim, keepdim=keepdim, **how))


@rule("std_mean")
def std_mean(b: Builder, x: Value, dim: Any = None, keepdim: bool = False, **how: Any) -> Any:
    """The standard deviation and the mean."""
    return std(b, x, dim, keepdim, **how), mean(b, x, dim, keepdim)


@rule("linalg_vector_norm")
def norm(
    b: Builder,
    x: Value,
    ord: float | None = None,  # noqa: A002
    dim: Any = None,
    keepdim: bool = False,
    dtype: int | None = None,
) -> Value:
    """The length, or the sum of the absolute values."""
    order = 2 if ord is None else ord
    if order == 1:
        return b.add(Sum, b.add(Abs, x), axis=_axes(dim), keepdims=keepdim)
    if order != 2:
        raise Unsupported(f"the norm of order {order}")
    return b.add(Norm, x, axis=_axes(dim), keepdims=keepdim)


@rule("cumsum")
def cumsum(b: Builder, x: Value, dim: int, dtype: int | None = None) -> Value:
    """The sums of the first entries."""
    return b.add(CumSum, x, axis=dim)
