"""Tensors that a call makes from numbers: they are constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from miniflow.importers.pt2.builder import Builder, Constant, Operand, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.importers.pt2.tensors import DTYPES
from miniflow.ops import Equal, Unsqueeze, Where


def _dtype(dtype: int | None, default: str) -> np.dtype[Any]:
    found = np.dtype(default if dtype is None else DTYPES[dtype])
    return np.dtype(np.float64) if found.kind == "f" else found


def _full(b: Builder, size: Any, value: Any, dtype: int | None) -> Constant:
    if isinstance(value, Constant):
        value = value.array.item()
    if not isinstance(value, int | float):
        raise Unsupported("a value that is computed")
    kind = "b1" if isinstance(value, bool) else "i8" if isinstance(value, int) else "f8"
    return Constant(np.full(b.sized(size), value, _dtype(dtype, kind)))


@rule("full", "new_full", folds=False)
def full(
    b: Builder,
    size: list[int],
    fill_value: Operand,
    x: Value | None = None,
    dtype: int | None = None,
    **_: Any,
) -> Value:
    """A number in every entry."""
    return _full(b, size, fill_value, dtype)


@rule("full_like", folds=False)
def full_like(
    b: Builder, x: Value, fill_value: Operand, dtype: int | None = None, **_: Any
) -> Value:
    """A number in every entry, in the shape of x."""
    return _full(b, b.shape(x), fill_value, dtype)


@rule("fill", folds=False)
def fill(b: Builder, x: Value, value: Operand) -> Value:
    """A number in every entry, in the shape of x."""
    return _full(b, b.shape(x), value, None)


@rule("zeros", "new_zeros", "empty", "empty_permuted", folds=False)
def zeros(
    b: Builder, size: list[int], x: Value | None = None, dtype: int | None = None, **_: Any
) -> Value:
    """Zeros; what is not filled in yet may be zeros, too."""
    return _full(b, size, 0.0, dtype)


@rule("ones", "new_ones", folds=False)
def ones(
    b: Builder, size: list[int], x: Value | None = None, dtype: int | None = None, **_: Any
) -> Value:
    """Ones."""
    return _full(b, size, 1.0, dtype)


@rule("zeros_like", "zero", "empty_like", folds=False)
def zeros_like(b: Builder, x: Value, dtype: int | None = None, **_: Any) -> Value:
    """Zeros in the shape of x."""
    return _full(b, b.shape(x), 0.0, dtype)


@rule("ones_like", folds=False)
def ones_like(b: Builder, x: Value, dtype: int | None = None, **_: Any) -> Value:
    """Ones in the shape of x."""
    return _full(b, b.shape(x), 1.0, dtype)


@rule("scalar_tensor", folds=False)
def scalar_tensor(b: Builder, s: float, dtype: int | None = None, **_: Any) -> Value:
    """One number."""
    return _full(b, (), s, dtype)


@rule("arange", folds=False)
def arange(
    b: Builder,
    end: float,
    start: float = 0,
    step: float = 1,
    dtype: int | None = None,
    **_: Any,
) -> Value:
    """The numbers from start to below end, by step."""
    b.sized([max(0, int((end - start) / step) + 1)])
    whole = all(isinstance(n, int) for n in (start, end, step))
    return Constant(np.arange(start, end, step).astype(_dtype(dtype, "i8" if whole else "f8")))


@rule("linspace", folds=False)
def linspace(
    b: Builder, start: float, end: float, steps: int, dtype: int | None = None, **_: Any
) -> Value:
    """Numbers at equal distances from start to end."""
    b.sized([steps])
    return Constant(np.linspace(start, end, steps).astype(_dtype(dtype, "f8")))


@rule("eye", folds=False)
def eye(b: Builder, n: int, m: int | None = None, dtype: int | None = None, **_: Any) -> Value:
    """Ones on the diagonal."""
    rows, columns = b.sized((n, n if m is None else m))
    return Constant(np.eye(rows, columns, dtype=_dtype(dtype, "f8")))


def _on_and_below(b: Builder, x: Value, diagonal: int) -> Constant:
    rows, columns = b.sized(b.shape(x)[-2:])
    return Constant(np.tri(rows, columns, diagonal))


@rule("tril")
def tril(b: Builder, x: Value, diagonal: int = 0) -> Value:
    """x on and below a diagonal, else 0."""
    return b.add(Where, _on_and_below(b, x, diagonal), x, 0.0)


@rule("triu")
def triu(b: Builder, x: Value, diagonal: int = 0) -> Value:
    """x on and above a diagonal, else 0."""
    return b.add(Where, _on_and_below(b, x, diagonal - 1), 0.0, x)


@rule("one_hot", folds=False)
def one_hot(b: Builder, x: Value, num_classes: int = -1) -> Value:
    """1 at the place of each class number."""
    if num_classes < 0:
        raise Unsupported("num_classes=-1")
    b.bound(x, num_classes)
    numbers = Constant(np.arange(b.sized([num_classes])[0]))
    return b.add(Equal, b.add(Unsqueeze, x, axis=-1), numbers)


@rule("remainder", folds=False)
def remainder(b: Builder, x: Value, other: Operand) -> Value:
    """What a division leaves, with the sign of the divisor: of constants."""
    return _of_constant(np.mod, x, other)


@rule("fmod", folds=False)
def fmod(b: Builder, x: Value, other: Operand) -> Value:
    """What a division leaves, with the sign of x: of constants."""
    return _of_constant(np.fmod, x, other)


def _of_constant(function: np.ufunc, x: Value, other: Operand) -> Constant:
    if not isinstance(x, Constant) or not isinstance(other, int | float):
        raise Unsupported("what is not a constant")
    with np.errstate(all="ignore"):
        return Constant(function(x.array, other))
