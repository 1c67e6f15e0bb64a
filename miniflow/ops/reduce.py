"""Reductions: Sum and Mean, over everything or along axes."""

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
    """What Sum and Mean share: which axes go, and copying the gradient back over them."""

    attributes: ClassVar = {
        "axis": Attribute(None, "an integer, a list of integers, or null for all", _is_axes),
        "keepdims": Attribute(False, "true or false", lambda value: isinstance(value, bool)),
    }

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        axis = self.attrs["axis"]
        if axis is None:
            return tuple(range(len(shape)))
        axes = (axis,) if is_integer(axis) else tuple(axis)
        for one in axes:
            check_axis(one, shape)
        return tuple(sorted({one % len(shape) for one in axes}))

    def _kept(self, shape: Shape) -> Shape:
        axes = self._axes(shape)
        return tuple(1 if axis in axes else n for axis, n in enumerate(shape))

    def _count(self, shape: Shape) -> int:
        return math.prod(shape[axis] for axis in self._axes(shape))

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape without the reduced axes, or with size 1 there."""
        shape = shapes[0]
        if self.attrs["keepdims"]:
            return self._kept(shape)
        axes = self._axes(shape)
        return tuple(n for axis, n in enumerate(shape) if axis not in axes)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ x."""
        x = inputs[0]
        do(np.add.reduce, x, self._axes(x.shape), None, out.reshape(self._kept(x.shape)), True)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient, copied to every entry that was summed."""
        do(np.copyto, out, grad.reshape(self._kept(inputs[0].shape)))

    def _named(self, word: str, name: str) -> str:
        axis = self.attrs["axis"]
        return f"{word} {name}" if axis is None else f"{word} {name} along axis {axis}"


def _identity(x: float) -> float:
    return x


def _pass(g: float, _value: float, _x: float) -> tuple[float, ...]:
    return (g,)


@register
class Sum(_Reduction):
    """The sum of the entries along `axis` (all by default)."""

    role = "a sum distributes: every entry gets the same gradient"

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(_identity, _pass)

    def formula(self, *names: str) -> str:
        """Σ x."""
        return self._named("Σ", names[0])

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
            grad.reshape(self._kept(shape)),
            1.0 / max(self._count(shape), 1),
            out,
        )

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(_identity, _pass)

    def legend(self, *shapes: Shape) -> str:
        """m is the number of entries in each mean."""
        return f"m = {self._count(shapes[0])}, the number of entries in a mean"

    def formula(self, *names: str) -> str:
        """Mean of x."""
        return self._named("mean of", names[0])

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/m."""
        return "1/m"
