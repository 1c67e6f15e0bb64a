"""Numbers of the entries along axes."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules import reductions as aten
from miniflow.node import Node
from miniflow.ops import Add, Div, Max, Mul, Norm, Sub, Sum

same_as_aten("sum mean prod logsumexp amax amin cumsum")


@function("max")
def max_(b: Builder, x: Value, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
    """The greatest, of all or along an axis; or the greater of two tensors."""
    if isinstance(dim, Node):
        dim, other = None, dim
    return aten.max_(b, x, dim, keepdim, other)


@function("min")
def min_(b: Builder, x: Value, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
    """The smallest, of all or along an axis; or the smaller of two tensors."""
    if isinstance(dim, Node):
        dim, other = None, dim
    return aten.min_(b, x, dim, keepdim, other)


@function("var")
def var(b: Builder, x: Value, dim: Any = None, *others: Any, **named: Any) -> Value:
    """The variance."""
    return aten.var(b, x, **_of_spread(dim, others, named))


@function("std")
def std(b: Builder, x: Value, dim: Any = None, *others: Any, **named: Any) -> Value:
    """The standard deviation."""
    return aten.std(b, x, **_of_spread(dim, others, named))


@function("var_mean")
def var_mean(b: Builder, x: Value, dim: Any = None, *others: Any, **named: Any) -> Any:
    """The variance and the mean."""
    return aten.var_mean(b, x, **_of_spread(dim, others, named))


def _of_spread(dim: Any, others: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a variance: `unbiased` may come first, without axes."""
    if isinstance(dim, bool):
        return {"dim": None, "unbiased": dim, **named}
    return {"dim": dim, **dict(zip(("unbiased", "keepdim"), others, strict=False)), **named}


@function("cosine_similarity")
def cosine_similarity(b: Builder, x1: Value, x2: Value, dim: int = 1, eps: float = 1e-8) -> Value:
    """x1·x2 over the product of their lengths."""
    lengths = [b.add(Max, b.add(Norm, each, axis=dim, keepdims=True), eps) for each in (x1, x2)]
    first, second = (b.add(Div, x, n) for x, n in zip((x1, x2), lengths, strict=True))
    return b.add(Sum, b.add(Mul, first, second), axis=dim)


@function("pairwise_distance")
def pairwise_distance(
    b: Builder, x1: Value, x2: Value, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Value:
    """The length of x1 - x2 + eps."""
    if p != 2:
        raise Unsupported(f"the norm of order {p}")
    return b.add(Norm, b.add(Add, b.add(Sub, x1, x2), eps), axis=-1, keepdims=keepdim)


@function("norm", "linalg_norm", "linalg_vector_norm", "vector_norm")
def norm(
    b: Builder,
    x: Value,
    p: Any = 2,
    dim: Any = None,
    keepdim: bool = False,
    out: Any = None,
    dtype: Any = None,
    **named: Any,
) -> Value:
    """The length, or the sum of the absolute values."""
    order = named.get("ord", p)
    if order in ("fro", None):
        order = 2
    if isinstance(order, str):
        raise Unsupported(f"the norm {order:.20}")
    return aten.norm(b, x, order, dim, keepdim)
