"""Linear reductions: Sum, Mean and CumSum, which adds up to each entry.

The other reductions are in `statistics.py`; the maximum and the minimum in `extremes.py`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from miniflow.ops.axes import OverAxes
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


def _identity(x: float) -> float:
    return x


def _pass_gradient(g: float, _value: float, _x: float) -> tuple[float, ...]:
    return (g,)


@register
class Sum(OverAxes):
    """The sum of the entries along `axis` (all by default)."""

    role = "a sum distributes: every entry gets the same gradient"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ x."""
        self.reduce(do, np.add, inputs[0], out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient, copied to every entry that was summed."""
        do(np.copyto, out, self.with_ones(grad, out.shape))

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(_identity, _pass_gradient)

    def formula(self, *names: str) -> str:
        """Σ x."""
        return self.along(f"Σ {names[0]}")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1."""
        return "1"


@register
class Mean(OverAxes):
    """The mean of the entries along `axis` (all by default)."""

    role = "a mean distributes: every entry gets the gradient divided by their number"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ x / m."""
        self.reduce(do, np.add, inputs[0], out)
        do(np.multiply, out, 1.0 / max(self.count(inputs[0].shape), 1), out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient / m, copied to every entry."""
        m = max(self.count(out.shape), 1)
        do(np.multiply, self.with_ones(grad, out.shape), 1.0 / m, out)

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(_identity, _pass_gradient)

    def legend(self, *shapes: Shape) -> str:
        """m is the number of entries in each mean."""
        return f"m = {self.count(shapes[0])}, the number of entries in a mean"

    def formula(self, *names: str) -> str:
        """mean of x."""
        return self.along(f"mean of {names[0]}")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/m."""
        return "1/m"


@register
class CumSum(Op):
    """The sums of the first entries along `axis`: of one, of two, up to all."""

    attributes: ClassVar = {"axis": Attribute(0, "an integer", is_integer)}
    role = "a cumulative sum sends to each entry the sum of the gradients from its place on"

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape."""
        check_axis(self.attrs["axis"], shapes[0])
        return shapes[0]

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ x up to each entry."""
        do(np.add.accumulate, inputs[0], self.attrs["axis"], None, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """Σ of the gradient from each entry on."""
        axis = self.attrs["axis"]
        do(np.add.accumulate, np.flip(grad, axis), axis, None, np.flip(out, axis))

    def formula(self, *names: str) -> str:
        """cumulative Σ x."""
        axis = self.attrs["axis"]
        return f"cumulative Σ {names[0]}" + (f" along axis {axis}" if axis else "")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1."""
        return "1"
