"""Sin, Cos and Erf: curves of elementary calculus and statistics.

Local gradients are their derivatives.
"""

from __future__ import annotations

import math

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.base import Array, Calls, ScalarRule, register
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.error_function import SLOPE_AT_0, erf_into


@register
class Sin(Elementwise):
    """The sine of an angle in radians."""

    role = "a sine scales the gradient by the cosine of its input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """sin(x)."""
        do(np.sin, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """cos(x)."""
        do(np.cos, inputs[0], out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """sin(x)."""
        return ScalarRule(ieee.sin, lambda g, _value, x: (g * ieee.cos(x),))

    def formula(self, *names: str) -> str:
        """sin(x)."""
        return f"sin({names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """cos(x)."""
        return f"cos({names[0]})"


@register
class Cos(Elementwise):
    """The cosine of an angle in radians."""

    role = "a cosine scales the gradient by minus the sine of its input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """cos(x)."""
        do(np.cos, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-sin(x)."""
        do(np.sin, inputs[0], out)
        do(np.negative, out, out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """cos(x)."""
        return ScalarRule(ieee.cos, lambda g, _value, x: (g * -ieee.sin(x),))

    def formula(self, *names: str) -> str:
        """cos(x)."""
        return f"cos({names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """-sin(x)."""
        return f"-sin({names[0]})"


@register
class Erf(Elementwise):
    """The error function, 2/√π ∫₀ˣ e^(-t²) dt."""

    role = "an error function scales the gradient by 2/√π·e^(-x^2): at most 1.1284, at 0"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """erf(x)."""
        do(erf_into, out, inputs[0])

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """2/√π e^(-x²)."""
        do(np.multiply, inputs[0], inputs[0], out)
        do(np.negative, out, out)
        do(np.exp, out, out)
        do(np.multiply, out, SLOPE_AT_0, out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """erf(x)."""
        return ScalarRule(math.erf, lambda g, _value, x: (g * (ieee.exp(-(x * x)) * SLOPE_AT_0),))

    def formula(self, *names: str) -> str:
        """erf(x)."""
        return f"erf({names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """2/√π e^(-x²)."""
        return f"{SLOPE_AT_0:.6g}·e^-({names[0]}^2)"
