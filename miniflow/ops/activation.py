"""Activation functions: squashing, gating and normalising ops."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    ScalarRule,
    Shape,
    check_axis,
    is_integer,
    is_number,
    register,
)
from miniflow.ops.broadcasting import Elementwise


@register
class Sigmoid(Elementwise):
    """σ(x) = 1 / (1 + e⁻ˣ).

    e⁻ˣ overflows to infinity for x below about -709 (-88 in float32); 1/(1+∞) is then exactly 0,
    the correct result, so overflow needs no special case.
    """

    role = "a sigmoid scales the gradient by {local[0]}: at most 1/4, almost nothing when saturated"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """1 / (1 + e⁻ˣ)."""
        do(np.negative, inputs[0], out)
        do(np.exp, out, out)
        do(np.add, out, 1.0, out)
        do(np.reciprocal, out, out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """s (1 - s)."""
        do(np.subtract, 1.0, value, out)
        do(np.multiply, out, value, out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """σ(x)."""
        return ScalarRule(ieee.sigmoid, lambda g, s, _x: (g * ((1.0 - s) * s),))

    def formula(self, *names: str) -> str:
        """σ(x)."""
        return f"σ({names[0]})"

    def definition(self, *names: str) -> str:
        """1 / (1 + e⁻ˣ)."""
        return f"1/(1 + e^-{names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """s (1 - s)."""
        return f"{name}(1-{name})"


@register
class Tanh(Elementwise):
    """The hyperbolic tangent, tanh(x)."""

    role = "a tanh scales the gradient by 1 - value^2: 1 at the middle, 0 when saturated"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """tanh(x)."""
        do(np.tanh, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 - value²."""
        do(np.multiply, value, value, out)
        do(np.subtract, 1.0, out, out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """tanh(x)."""
        return ScalarRule(math.tanh, lambda g, value, _x: (g * (1.0 - value * value),))

    def formula(self, *names: str) -> str:
        """tanh(x)."""
        return f"tanh({names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 - value²."""
        return f"(1-{name}^2)"


def _relu(x: float) -> float:
    return x if x > 0 or x != x else 0.0


@register
class ReLU(Elementwise):
    """max(x, 0); at the kink, x = 0, the gradient is 0."""

    role = "a ReLU is a gate: the gradient passes where the input was above 0, and stops elsewhere"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """max(x, 0)."""
        do(np.maximum, inputs[0], 0.0, out=out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 where x > 0."""
        passes = do.keep("passes", grad.shape, np.bool_)
        do(np.greater, inputs[0], 0.0, passes)
        do(np.multiply, grad, passes, out)

    def scalar(self) -> ScalarRule:
        """max(x, 0)."""
        return ScalarRule(_relu, lambda g, _value, x: (g * (x > 0),))

    def formula(self, *names: str) -> str:
        """max(x, 0)."""
        return f"max({names[0]}, 0)"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 where x > 0."""
        return f"[{names[0]} > 0]"


class TwoSided(Elementwise):
    """An elementwise op with one formula above 0 and another one below."""

    def branch(self, *names: str, above: bool) -> str:
        """Return the formula on one side of 0."""
        raise NotImplementedError

    def formula(self, *names: str) -> str:
        """Both sides."""
        above, below = (self.branch(*names, above=above) for above in (True, False))
        return f"({above} if {names[0]} > 0 else {below})"


def _leaky(out: Array, x: Array, slope: float) -> None:
    np.copyto(out, np.where(x > 0, x, slope * x))


def _leaky_vjp(out: Array, grad: Array, x: Array, slope: float) -> None:
    np.copyto(out, np.where(x > 0, grad, slope * grad))


@register
class LeakyReLU(TwoSided):
    """x for x > 0, else `slope` × x."""

    attributes: ClassVar = {"slope": Attribute(0.01, "a number", is_number)}
    role = "a leaky ReLU lets the gradient pass above 0, and {attrs[slope]:g} of it below"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x, or slope × x."""
        do(_leaky, out, inputs[0], float(self.attrs["slope"]))

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1, or slope."""
        do(_leaky_vjp, out, grad, inputs[0], float(self.attrs["slope"]))

    def scalar(self) -> ScalarRule:
        """x, or slope × x."""
        slope = float(self.attrs["slope"])
        return ScalarRule(
            lambda x: x if x > 0 else slope * x,
            lambda g, _value, x: (g if x > 0 else slope * g,),
        )

    def branch(self, *names: str, above: bool) -> str:
        """x, or slope × x."""
        return names[0] if above else f"{self.attrs['slope']:g}·{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1, or slope."""
        return f"[1 if {names[0]} > 0 else {self.attrs['slope']:g}]"


def _hard_sigmoid(x: float, slope: float, offset: float) -> float:
    y = slope * x + offset
    return y if y != y else min(max(y, 0.0), 1.0)


@register
class HardSigmoid(Elementwise):
    """min(max(slope x + offset, 0), 1), a sigmoid of straight lines.

    At the kinks, where the value is 0 or 1, the gradient is 0.
    """

    attributes: ClassVar = {
        "slope": Attribute(1 / 6, "a number", is_number),
        "offset": Attribute(0.5, "a number", is_number),
    }
    role = "a hard sigmoid lets {attrs[slope]:g} of the gradient pass between 0 and 1, else nothing"

    def _constants(self) -> tuple[float, float]:
        return float(self.attrs["slope"]), float(self.attrs["offset"])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """min(max(slope x + offset, 0), 1)."""
        slope, offset = self._constants()
        do(np.multiply, inputs[0], slope, out)
        do(np.add, out, offset, out)
        do(np.maximum, out, 0.0, out=out)
        do(np.minimum, out, 1.0, out=out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """slope where 0 < value < 1."""
        passes, below = (do.keep(key, grad.shape, np.bool_) for key in ("passes", "below"))
        do(np.greater, value, 0.0, passes)
        do(np.less, value, 1.0, below)
        do(np.logical_and, passes, below, passes)
        do(np.multiply, grad, self._constants()[0], out)
        do(np.multiply, out, passes, out)

    def scalar(self) -> ScalarRule:
        """min(max(slope x + offset, 0), 1)."""
        slope, offset = self._constants()
        return ScalarRule(
            lambda x: _hard_sigmoid(x, slope, offset),
            lambda g, value, _x: (g * slope * (0.0 < value < 1.0),),
        )

    def formula(self, *names: str) -> str:
        """min(max(slope x + offset, 0), 1)."""
        slope, offset = self._constants()
        return f"min(max({slope:.6g}·{names[0]} + {offset:.6g}, 0), 1)"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """slope where 0 < value < 1."""
        return f"[{self._constants()[0]:.6g} if 0 < {name} < 1 else 0]"


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(ieee.exp(-abs(x))) if x == x else x


def _softplus_vjp(out: Array, grad: Array, x: Array) -> None:
    np.copyto(out, grad / (1.0 + np.exp(-x)))


@register
class Softplus(Elementwise):
    """log(1 + eˣ), a smooth ReLU; computed as logaddexp(0, x), which cannot overflow."""

    role = "a softplus scales the gradient by the sigmoid of its input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """log(1 + eˣ)."""
        do(np.logaddexp, 0.0, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """σ(x)."""
        do(_softplus_vjp, out, grad, inputs[0])

    def scalar(self) -> ScalarRule:
        """log(1 + eˣ)."""
        return ScalarRule(_softplus, lambda g, _value, x: (g * ieee.sigmoid(x),))

    def formula(self, *names: str) -> str:
        """log(1 + eˣ)."""
        return f"log(1 + e^{names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """σ(x)."""
        return f"σ({names[0]})"


def softmax_into(out: Array, x: Array, axis: int) -> None:
    """Write softmax(x) into `out`; the maximum is subtracted first, so nothing overflows."""
    np.subtract(x, x.max(axis, keepdims=True, initial=-np.inf), out)
    np.exp(out, out)
    np.divide(out, out.sum(axis, keepdims=True), out)


def _softmax_vjp(out: Array, grad: Array, value: Array, axis: int) -> None:
    np.copyto(out, value * (grad - (grad * value).sum(axis, keepdims=True)))


@register
class Softmax(Op):
    """eˣ / Σ eˣ along `axis`: positive numbers that sum to 1."""

    attributes: ClassVar = {"axis": Attribute(-1, "an integer", is_integer)}
    role = (
        "a softmax sends to each entry its probability times (its own gradient - the mean of the "
        "gradients along the axis, weighted by the probabilities)"
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape."""
        check_axis(self.attrs["axis"], shapes[0])
        return shapes[0]

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """eˣ / Σ eˣ."""
        do(softmax_into, out, inputs[0], self.attrs["axis"])

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """s (grad - Σ grad s)."""
        do(_softmax_vjp, out, grad, value, self.attrs["axis"])

    def formula(self, *names: str) -> str:
        """softmax(x)."""
        return f"softmax({names[0]})"

    def definition(self, *names: str) -> str:
        """eˣ / Σ eˣ."""
        return f"e^{names[0]} / Σ e^{names[0]}"


def log_softmax_into(out: Array, x: Array, axis: int) -> None:
    """Write log softmax(x) into `out`, finite also where a probability rounds to 0."""
    np.subtract(x, x.max(axis, keepdims=True, initial=-np.inf), out)
    np.subtract(out, np.log(np.exp(out).sum(axis, keepdims=True)), out)


def _log_softmax_vjp(out: Array, grad: Array, value: Array, axis: int) -> None:
    np.copyto(out, grad - np.exp(value) * grad.sum(axis, keepdims=True))


@register
class LogSoftmax(Op):
    """x - log Σ eˣ along `axis`: the logarithms of the probabilities of a softmax."""

    attributes: ClassVar = {"axis": Attribute(-1, "an integer", is_integer)}
    role = (
        "a log softmax sends to each entry its own gradient minus its probability times "
        "the sum of the gradients along the axis"
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape."""
        check_axis(self.attrs["axis"], shapes[0])
        return shapes[0]

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x - log Σ eˣ."""
        do(log_softmax_into, out, inputs[0], self.attrs["axis"])

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """grad - eᵛ Σ grad."""
        do(_log_softmax_vjp, out, grad, value, self.attrs["axis"])

    def formula(self, *names: str) -> str:
        """log softmax(x)."""
        return f"log softmax({names[0]})"

    def definition(self, *names: str) -> str:
        """x - log Σ eˣ."""
        return f"{names[0]} - log Σ e^{names[0]}"
