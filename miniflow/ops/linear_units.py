"""Linear units: the input, scaled by a gate (SiLU, GELU) or by its sign (Elu, Selu, PRelu).

ReLU and LeakyReLU, the oldest of them, are in `activation`.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.activation import TwoSided
from miniflow.ops.base import Array, Attribute, Calls, ScalarRule, is_number, register
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.error_function import erf_into


def _silu(x: float) -> float:
    return x * ieee.sigmoid(x)


def _silu_vjp(g: float, _value: float, x: float) -> tuple[float]:
    gate = ieee.sigmoid(x)
    return (g * ((x * (1.0 - gate) + 1.0) * gate),)


@register
class SiLU(Elementwise):
    """x σ(x), also called swish: Hendrycks and Gimpel, arXiv:1606.08415, section 4."""

    role = "a SiLU scales the gradient by about 1 well above 0, about 0 well below"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x σ(x)."""
        gate = do.keep("gate", out.shape)
        do(np.negative, inputs[0], gate)
        do(np.exp, gate, gate)
        do(np.add, gate, 1.0, gate)
        do(np.reciprocal, gate, gate)
        do(np.multiply, inputs[0], gate, out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """σ(x) (1 + x (1 - σ(x)))."""
        gate = do.keep("gate", grad.shape)
        do(np.subtract, 1.0, gate, out)
        do(np.multiply, inputs[0], out, out)
        do(np.add, out, 1.0, out)
        do(np.multiply, out, gate, out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """x σ(x)."""
        return ScalarRule(_silu, _silu_vjp)

    def formula(self, *names: str) -> str:
        """x σ(x)."""
        return f"{names[0]}·σ({names[0]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """σ(x) (1 + x (1 - σ(x)))."""
        x = names[0]
        return f"σ({x})(1 + {x}(1 - σ({x})))"


_TANH_SCALE = math.sqrt(2.0 / math.pi)
_TANH_CUBIC = 0.044715
_ROOT_HALF = math.sqrt(0.5)
_NORMAL_PEAK = 1.0 / math.sqrt(2.0 * math.pi)


def _gelu_tanh(out: Array, x: Array) -> None:
    np.copyto(out, 0.5 * x * (1.0 + np.tanh(_TANH_SCALE * (x + _TANH_CUBIC * x**3))))


def _gelu_tanh_vjp(out: Array, grad: Array, x: Array) -> None:
    t = np.tanh(_TANH_SCALE * (x + _TANH_CUBIC * x**3))
    slope = _TANH_SCALE * (1.0 + 3.0 * _TANH_CUBIC * x**2)
    np.copyto(out, grad * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t**2) * slope))


@register
class GELU(Elementwise):
    """The Gaussian error linear unit, x Φ(x), in one of two forms.

    Form "erf" is 0.5 x (1 + erf(x/√2)); form "tanh", its approximation, is
    0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): Hendrycks and Gimpel, arXiv:1606.08415, section 2.
    """

    attributes: ClassVar = {
        "form": Attribute("tanh", '"tanh" or "erf"', lambda value: value in ("tanh", "erf"))
    }
    role = "a GELU scales the gradient by about 1 well above 0, about 0 well below"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """0.5 x (1 + tanh(...)), or 0.5 x (1 + erf(x/√2))."""
        if self.attrs["form"] == "tanh":
            do(_gelu_tanh, out, inputs[0])
            return
        gate = do.keep("gate", out.shape)
        do(np.multiply, inputs[0], _ROOT_HALF, gate)
        do(erf_into, gate, gate)
        do(np.add, gate, 1.0, gate)
        do(np.multiply, gate, 0.5, gate)
        do(np.multiply, inputs[0], gate, out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """gelu'(x); in the form "erf", Φ(x) + x φ(x)."""
        if self.attrs["form"] == "tanh":
            do(_gelu_tanh_vjp, out, grad, inputs[0])
            return
        do(np.multiply, inputs[0], inputs[0], out)
        do(np.multiply, out, -0.5, out)
        do(np.exp, out, out)
        do(np.multiply, out, _NORMAL_PEAK, out)
        do(np.multiply, inputs[0], out, out)
        do(np.add, do.keep("gate", grad.shape), out, out)
        do(np.multiply, grad, out, out)

    def formula(self, *names: str) -> str:
        """gelu(x)."""
        return f"gelu({names[0]})"

    def definition(self, *names: str) -> str:
        """0.5 x (1 + tanh(...)), or 0.5 x (1 + erf(x/√2))."""
        x = names[0]
        if self.attrs["form"] == "erf":
            return f"0.5·{x}(1 + erf({x}/√2))"
        scale, cubic = f"{_TANH_SCALE:.6g}", f"{_TANH_CUBIC:g}"
        return f"0.5·{x}(1 + tanh({scale}({x} + {cubic}·{x}^3)))"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """gelu'(x)."""
        return f"gelu'({names[0]})"


class _ExponentialUnit(TwoSided):
    """Base of Elu and Selu: scale × (x for x > 0, else alpha (eˣ - 1))."""

    def _constants(self) -> tuple[float, float]:
        """Return scale and alpha."""
        raise NotImplementedError

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """scale × (x, or alpha (eˣ - 1))."""
        scale, alpha = self._constants()
        above = do.scratch(out.shape)
        do(np.maximum, inputs[0], 0.0, out=above)
        do(np.minimum, inputs[0], 0.0, out=out)
        do(np.expm1, out, out)
        do(np.multiply, out, alpha, out)
        do(np.add, above, out, out)
        if scale != 1.0:
            do(np.multiply, out, scale, out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """scale × (1, or alpha eˣ)."""
        scale, alpha = self._constants()
        passes = do.keep("passes", grad.shape, np.bool_)
        do(np.greater, inputs[0], 0.0, passes)
        do(np.minimum, inputs[0], 0.0, out=out)
        do(np.exp, out, out)
        do(np.multiply, out, scale * alpha, out)
        do(np.copyto, out, scale, where=passes)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """scale × (x, or alpha (eˣ - 1))."""
        scale, alpha = self._constants()
        below = scale * alpha

        def forward(x: float) -> float:
            return (x if x > 0 else alpha * math.expm1(x)) * scale

        def vjp(g: float, _value: float, x: float) -> tuple[float]:
            return (g * (scale if x > 0 else below * ieee.exp(x)),)

        return ScalarRule(forward, vjp)

    def branch(self, *names: str, above: bool) -> str:
        """scale × x, or scale × alpha (eˣ - 1)."""
        scale, alpha = self._constants()
        if above:
            return names[0] if scale == 1.0 else f"{scale:.6g}·{names[0]}"
        power = f"e^{names[0]} - 1"
        return power if scale * alpha == 1.0 else f"{scale * alpha:.6g}({power})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """scale × (1, or alpha eˣ)."""
        scale, alpha = self._constants()
        below = scale * alpha
        power = f"e^{names[0]}" if below == 1.0 else f"{below:.6g}·e^{names[0]}"
        return f"[{scale:.6g} if {names[0]} > 0 else {power}]"


@register
class Elu(_ExponentialUnit):
    """x for x > 0, else alpha (eˣ - 1): Clevert et al., arXiv:1511.07289.

    At the kink, x = 0, the gradient is that of the lower side, alpha.
    """

    attributes: ClassVar = {"alpha": Attribute(1.0, "a number", is_number)}
    role = "an ELU lets the gradient pass above 0, and {attrs[alpha]:g}·e^x of it below"

    def _constants(self) -> tuple[float, float]:
        return 1.0, float(self.attrs["alpha"])


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@register
class Selu(_ExponentialUnit):
    """An ELU scaled so that it keeps mean 0 and variance 1: Klambauer et al., arXiv:1706.02515.

    At the kink, x = 0, the gradient is that of the lower side, 1.75810.
    """

    role = "a SELU scales the gradient by 1.0507 above 0, and by 1.7581·e^x below"

    def _constants(self) -> tuple[float, float]:
        return _SELU_SCALE, _SELU_ALPHA


def _prelu(out: Array, x: Array, slope: Array) -> None:
    np.copyto(out, np.where(x > 0, x, slope * x))


def _prelu_vjp(input_index: int, out: Array, grad: Array, x: Array, slope: Array) -> None:
    if input_index:
        np.copyto(out, np.where(x > 0, 0.0, grad * x))
    else:
        np.copyto(out, np.where(x > 0, grad, grad * slope))


def _prelu_scalar_vjp(g: float, _value: float, x: float, slope: float) -> tuple[float, float]:
    return (g, 0.0) if x > 0 else (g * slope, g * x)


@register
class PRelu(TwoSided):
    """x for x > 0, else slope × x, with a slope that is learned: He et al., arXiv:1502.01852.

    The slope broadcasts to x like any operand, from the right. At the kink, x = 0, the gradient is
    that of the lower side.
    """

    arity = (2, 2)
    role = (
        "a PReLU lets the gradient pass to {to[0]} above 0, and {names[1]} of it below; "
        "to the slope {to[1]} it sends {names[0]} of it below"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x, or slope × x."""
        do(_prelu, out, *inputs)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 or slope to x, 0 or x to the slope."""
        do(_prelu_vjp, input_index, out, grad, *inputs)

    def scalar(self) -> ScalarRule:
        """x, or slope × x."""
        return ScalarRule(lambda x, slope: x if x > 0 else slope * x, _prelu_scalar_vjp)

    def branch(self, *names: str, above: bool) -> str:
        """x, or slope × x."""
        return names[0] if above else f"{names[1]}·{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 or slope, 0 or x."""
        x, slope = names
        return f"[0 if {x} > 0 else {x}]" if input_index else f"[1 if {x} > 0 else {slope}]"
