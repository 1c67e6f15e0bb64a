"""Reductions: Sum and Mean, over all entries or along axes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    ScalarRule,
    Shape,
    check_axis,
    is_integer,
    register,
)


def _is_axes(value: Any) -> bool:
    return (
        value is None
        or is_integer(value)
        or (isinstance(value, list | tuple) and all(map(is_integer, value)))
    )


class _Reduction(Op):
    """Base of Sum and Mean: the reduced axes, and the gradient copied back along them."""

    attributes: ClassVar = {
        "axis": Attribute(None, "an integer, a list of integers, or null for all", _is_axes),
        "keepdims": Attribute(False, "true or false", lambda value: isinstance(value, bool)),
    }

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        axis = self.attrs["axis"]
        if axis is None:
            return tuple(range(len(shape)))
        axes = (axis,) if is_integer(axis) else tuple(axis)
        for index in axes:
            check_axis(index, shape)
        return tuple(sorted({index % len(shape) for index in axes}))

    def _shape_with_ones(self, shape: Shape) -> Shape:
        axes = self._axes(shape)
        return tuple(1 if axis in axes else n for axis, n in enumerate(shape))

    def _count(self, shape: Shape) -> int:
        return math.prod(shape[axis] for axis in self._axes(shape))

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape without the reduced axes, or with size 1 there."""
        shape = shapes[0]
        if self.attrs["keepdims"]:
            return self._shape_with_ones(shape)
        axes = self._axes(shape)
        return tuple(n for axis, n in enumerate(shape) if axis not in axes)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ x."""
        x = inputs[0]
        do(
            np.add.reduce,
            x,
            self._axes(x.shape),
            None,
            out.reshape(self._shape_with_ones(x.shape)),
            True,
        )

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient, copied to every entry that was summed."""
        do(np.copyto, out, grad.reshape(self._shape_with_ones(inputs[0].shape)))

    def _formula(self, operation: str, name: str) -> str:
        axis = self.attrs["axis"]
        return f"{operation} {name}" if axis is None else f"{operation} {name} along axis {axis}"


def _identity(x: float) -> float:
    return x


def _pass_gradient(g: float, _value: float, _x: float) -> tuple[float, ...]:
    return (g,)


@register
class Sum(_Reduction):
    """The sum of the entries along `axis` (all by default)."""

    role = "a sum distributes: every entry gets the same gradient"

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(_identity, _pass_gradient)

    def formula(self, *names: str) -> str:
        """Σ x."""
        return self._formula("Σ", names[0])

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1."""
        return "1"


@register
class Mean(_Reduction):
    """The mean of the entries along `axis` (all by default)."""

    role = "a mean distributes: every entry gets the gradient divided by their number"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ x / m."""
        super().forward_calls(do, out, *inputs)
        do(np.multiply, out, 1.0 / max(self._count(inputs[0].shape), 1), out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient / m, copied to every entry."""
        shape = inputs[0].shape
        do(
            np.multiply,
            grad.reshape(self._shape_with_ones(shape)),
            1.0 / max(self._count(shape), 1),
            out,
        )

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(_identity, _pass_gradient)

    def legend(self, *shapes: Shape) -> str:
        """m is the number of entries in each mean."""
        return f"m = {self._count(shapes[0])}, the number of entries in a mean"

    def formula(self, *names: str) -> str:
        """mean of x."""
        return self._formula("mean of", names[0])

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/m."""
        return "1/m"
