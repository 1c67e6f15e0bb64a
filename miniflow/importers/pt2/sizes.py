"""The sizes of the inputs: those of the file's example, or those of what is fed.

A symbolic size, such as that of a batch, is an expression; equal expressions are equal sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from miniflow import limits
from miniflow.errors import FileError
from miniflow.importers.model import learn_sizes
from miniflow.importers.pt2.forms import Size, TensorMeta
from miniflow.importers.pt2.tensors import shape_of
from miniflow.ops.base import Shape

# Arithmetic with sizes, by the names of Python's functions.
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "_operator.add": lambda x, y: x + y,
    "_operator.sub": lambda x, y: x - y,
    "_operator.mul": lambda x, y: x * y,
    "_operator.floordiv": lambda x, y: x // y,
    "_operator.mod": lambda x, y: x % y,
    "_operator.neg": lambda x: -x,
    "torch.sym_max": max,
    "torch.sym_min": min,
}


class Sizes:
    """The sizes of symbols, from the shapes of the inputs that are given."""

    def __init__(self, given: Mapping[str, Shape]) -> None:
        self._given = given
        self._found: dict[str, int] = {}

    def learn(self, name: str, meta: TensorMeta) -> None:
        """Take the sizes of symbols from the shape given for an input, if there is one.

        Raises `FeedError` if that does not fit what the file declares.
        """
        given = self._given.get(name)
        if given is None:
            return
        declared = [s.as_expr.expr_str if s.as_expr else s.as_int for s in meta.sizes]
        learn_sizes(name, given, declared, self._found)

    def shape(self, meta: TensorMeta, where: str) -> Shape:
        """Return the shape of a tensor with the sizes that are known by now."""
        sizes = [Size(as_int=self._value(size)) for size in meta.sizes]
        return shape_of(TensorMeta(dtype=meta.dtype, sizes=sizes), where)

    def _value(self, size: Size) -> int:
        known = self._found.get(size.as_expr.expr_str) if size.as_expr else None
        return size.value if known is None else known

    @property
    def are_of_example(self) -> bool:
        """Whether all sizes are those of the file's example."""
        return not self._found


def is_arithmetic(target: str) -> bool:
    """Whether a call computes a size from sizes."""
    return target in _ARITHMETIC


def compute(target: str, numbers: list[Any], where: str) -> int:
    """Return the size that a call computes; raise `FileError` if it is not an integer in bounds."""
    try:
        result = _ARITHMETIC[target](*numbers)
    except (TypeError, ZeroDivisionError, ValueError):
        result = None
    if not isinstance(result, int) or not math.isfinite(result) or abs(result) > limits.NUMBERS**2:
        raise FileError(f"{target} of {numbers} is not a size", where=where)
    return result
