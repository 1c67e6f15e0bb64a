"""Powers and exponentials: x^p, e^x, the natural logarithm and the square root.

Local gradients are the derivatives of elementary calculus.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.base import Array, Attribute, Calls, ScalarRule, is_number, register
from miniflow.ops.broadcasting import Elementwise


def _power_base_gradient(out: Array, grad: Array, x: Array, p: Array | float) -> None:
    # A power of 0 is constant: without the test, x = 0 would give 0 * infinity.
    np.copyto(out, grad * np.where(np.equal(p, 0), 0.0, p * np.power(x, np.subtract(p, 1))))


def _power_exponent_gradient(out: Array, grad: Array, value: Array, x: Array) -> None:
    # 0 to any positive power is 0, so the derivative is 0, not 0 * log(0).
    np.copyto(out, grad * np.where(np.equal(value, 0), 0.0, value * np.log(x)))


@register
class Pow(Elementwise):
    """The first input raised to the second, or to the attribute `exponent`."""

    arity = (1, 2)
    attributes: ClassVar = {"exponent": Attribute(2.0, "a number", is_number)}
    role = "a power scales the gradient by {local[0]} towards {to[0]}"

    def _exponent(self, inputs: tuple[Array, ...]) -> Array | float:
        return inputs[1] if len(inputs) == 2 else float(self.attrs["exponent"])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x ** p."""
        do(np.power, inputs[0], self._exponent(inputs), out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """p x^(p-1) to the base, x^p log x to the exponent."""
        if input_index == 0:
            do(_power_base_gradient, out, grad, inputs[0], self._exponent(inputs))
        else:
            do(_power_exponent_gradient, out, grad, value, inputs[0])

    def _scalar_forward(self, x: float, p: float | None = None) -> float:
        return ieee.power(x, float(self.attrs["exponent"]) if p is None else p)

    def _scalar_vjp(
        self, g: float, value: float, x: float, p: float | None = None
    ) -> tuple[float, ...]:
        power = float(self.attrs["exponent"]) if p is None else p
        to_base = g * (power * ieee.power(x, power - 1.0)) if power else g * 0.0
        if p is None:
            return (to_base,)
        return to_base, g * (value * ieee.log(x)) if value else g * 0.0

    def scalar(self) -> ScalarRule:
        """x ** p."""
        return ScalarRule(self._scalar_forward, self._scalar_vjp)

    def formula(self, *names: str) -> str:
        """x^p."""
        return f"{names[0]}^{self._power(*names[1:])}"

    def _power(self, *name: str) -> str:
        """Return the exponent as text: the name of its node, or the number."""
        if name:
            return name[0]
        text = format(self.attrs["exponent"], "g")
        return text if text[0].isdigit() else f"({text})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """p x^(p-1), or x^p log x."""
        if input_index:
            return f"{name}·log {names[0]}"
        power = self._power(*names[1:])
        if len(names) == 2:
            return f"{power}·{names[0]}^({power}-1)"
        less = float(self.attrs["exponent"]) - 1.0
        if less in (-1.0, 0.0):
            return "1" if less == 0.0 else "0"
        if less == 1.0:
            return f"{power}·{names[0]}"
        return f"{power}·{names[0]}^{less:g}" if less > 0 else f"{power}·{names[0]}^({less:g})"


@register
class Exp(Elementwise):
    """e to the power of the input."""

    role = "an exponential scales the gradient by its own value"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """e ** x."""
        do(np.exp, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The value."""
        do(np.multiply, grad, value, out)

    def scalar(self) -> ScalarRule:
        """e ** x."""
        return ScalarRule(ieee.exp, lambda g, value, _x: (g * value,))

    def formula(self, *names: str) -> str:
        """e^x."""
        return f"e^{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The value."""
        return name


@register
class Log(Elementwise):
    """The natural logarithm."""

    role = "a logarithm divides the gradient by its input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """log x."""
        do(np.log, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1/x."""
        do(np.divide, grad, inputs[0], out)

    def scalar(self) -> ScalarRule:
        """log x."""
        return ScalarRule(ieee.log, lambda g, _value, x: (ieee.divide(g, x),))

    def formula(self, *names: str) -> str:
        """log x."""
        return f"log {names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/x."""
        return f"1/{names[0]}"


@register
class Sqrt(Elementwise):
    """The square root."""

    role = "a square root divides the gradient by twice its value"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """√x."""
        do(np.sqrt, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 / 2√x."""
        do(np.divide, grad, value, out)
        do(np.multiply, out, 0.5, out)

    def scalar(self) -> ScalarRule:
        """√x."""
        return ScalarRule(ieee.sqrt, lambda g, value, _x: (ieee.divide(g, value) * 0.5,))

    def formula(self, *names: str) -> str:
        """√x."""
        return f"√{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 / 2√x."""
        return f"1/(2·{name})"
