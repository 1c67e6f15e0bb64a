"""Arithmetic, functions of one number, and activations."""

from __future__ import annotations

import math

from miniflow.importers.pt2.builder import Builder, Operand, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    GELU,
    OPS,
    Add,
    Clip,
    Cos,
    Detach,
    Div,
    Dropout,
    Elu,
    Exp,
    HardSigmoid,
    LeakyReLU,
    Log,
    LogSoftmax,
    Max,
    Min,
    Mul,
    Neg,
    Pow,
    PRelu,
    ReLU,
    Reshape,
    Sigmoid,
    Sin,
    Softmax,
    Softplus,
    Split,
    Sub,
    Tanh,
)

_UNARY = {
    "neg": "Neg",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "erf": "Erf",
    "reciprocal": "Reciprocal",
    "abs": "Abs",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "silu": "SiLU",
    "selu": "Selu",
}


def _enter_unary(aten: str, op: str) -> None:
    def unary(b: Builder, x: Value) -> Value:
        return b.add(OPS[op], x)

    rule(aten)(unary)


for _aten, _op in _UNARY.items():
    _enter_unary(_aten, _op)


def times(b: Builder, x: Operand, factor: Operand) -> Operand:
    """Return x × factor; x itself if the factor is the number 1."""
    return x if isinstance(factor, int | float) and factor == 1 else b.add(Mul, x, factor)


@rule("add")
def add(b: Builder, x: Operand, other: Operand, alpha: Operand = 1) -> Value:
    """x + alpha × other."""
    return b.add(Add, x, times(b, other, alpha))


@rule("sub", "subtract")
def sub(b: Builder, x: Operand, other: Operand, alpha: Operand = 1) -> Value:
    """x - alpha × other."""
    return b.add(Sub, x, times(b, other, alpha))


@rule("rsub")
def rsub(b: Builder, x: Operand, other: Operand, alpha: Operand = 1) -> Value:
    """Other - alpha × x."""
    return b.add(Sub, other, times(b, x, alpha))


@rule("mul", "multiply")
def mul(b: Builder, x: Operand, other: Operand) -> Value:
    """x × other."""
    return b.add(Mul, x, other)


@rule("div", "divide", "true_divide")
def div(b: Builder, x: Operand, other: Operand, rounding_mode: str | None = None) -> Value:
    """x / other."""
    if rounding_mode is not None:
        raise Unsupported(f"rounding_mode={rounding_mode!r}")
    return b.add(Div, x, other)


@rule("addcmul")
def addcmul(b: Builder, x: Value, tensor1: Value, tensor2: Value, value: Operand = 1) -> Value:
    """x + value × tensor1 × tensor2."""
    return b.add(Add, x, times(b, b.add(Mul, tensor1, tensor2), value))


@rule("addcdiv")
def addcdiv(b: Builder, x: Value, tensor1: Value, tensor2: Value, value: Operand = 1) -> Value:
    """x + value × tensor1 / tensor2."""
    return b.add(Add, x, times(b, b.add(Div, tensor1, tensor2), value))


@rule("lerp")
def lerp(b: Builder, x: Value, end: Value, weight: Operand) -> Value:
    """x + weight × (end - x)."""
    return b.add(Add, x, b.add(Mul, b.add(Sub, end, x), weight))


@rule("pow")
def power(b: Builder, x: Operand, exponent: Operand) -> Value:
    """x to the power of a number, or of another tensor."""
    if isinstance(exponent, int | float):
        return b.add(Pow, x, exponent=float(exponent))
    return b.add(Pow, x, exponent)


@rule("square")
def square(b: Builder, x: Value) -> Value:
    """x²."""
    return b.add(Pow, x, exponent=2.0)


@rule("rsqrt")
def rsqrt(b: Builder, x: Value) -> Value:
    """1 / √x."""
    return b.add(Pow, x, exponent=-0.5)


@rule("log1p")
def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x)."""
    return b.add(Log, b.add(Add, x, 1.0))


@rule("expm1")
def expm1(b: Builder, x: Value) -> Value:
    """eˣ - 1."""
    return b.add(Sub, b.add(Exp, x), 1.0)


@rule("log2")
def log2(b: Builder, x: Value) -> Value:
    """The logarithm to base 2."""
    return b.add(Mul, b.add(Log, x), 1 / math.log(2))


@rule("tan")
def tan(b: Builder, x: Value) -> Value:
    """sin x / cos x."""
    return b.add(Div, b.add(Sin, x), b.add(Cos, x))


@rule("maximum")
def maximum(b: Builder, x: Value, other: Value) -> Value:
    """The greater of both."""
    return b.add(Max, x, other)


@rule("minimum")
def minimum(b: Builder, x: Value, other: Value) -> Value:
    """The smaller of both."""
    return b.add(Min, x, other)


@rule("clamp", "clip", "clamp_min", "clamp_max")
def clamp(
    b: Builder,
    x: Value,
    min: Operand | None = None,  # noqa: A002
    max: Operand | None = None,  # noqa: A002
) -> Value:
    """x between two limits: numbers, or tensors."""
    if all(isinstance(limit, int | float | None) for limit in (min, max)):
        return b.add(Clip, x, low=min, high=max)
    if min is not None:
        x = b.add(Max, x, min)
    return x if max is None else b.add(Min, x, max)


@rule("hardtanh")
def hardtanh(b: Builder, x: Value, min_val: float = -1.0, max_val: float = 1.0) -> Value:
    """x between two limits; at the limits themselves the gradient is 0, unlike that of a clamp."""
    above = b.add(ReLU, x) if min_val == 0 else b.add(Max, min_val, x)
    return b.add(Min, max_val, above)


@rule("relu6")
def relu6(b: Builder, x: Value) -> Value:
    """x between 0 and 6."""
    return hardtanh(b, x, 0.0, 6.0)


@rule("hardsigmoid")
def hardsigmoid(b: Builder, x: Value) -> Value:
    """x/6 + 1/2, between 0 and 1."""
    return b.add(HardSigmoid, x)


@rule("hardswish")
def hardswish(b: Builder, x: Value) -> Value:
    """x × hardsigmoid(x)."""
    return b.add(Mul, x, b.add(HardSigmoid, x))


@rule("leaky_relu")
def leaky_relu(b: Builder, x: Value, negative_slope: float = 0.01) -> Value:
    """x, below 0 times a slope."""
    return b.add(LeakyReLU, x, slope=negative_slope)


@rule("elu")
def elu(
    b: Builder, x: Value, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Value:
    """x, below 0 alpha × (eˣ - 1), times a scale."""
    if input_scale != 1:
        raise Unsupported(f"input_scale={input_scale}")
    return _scaled(b, b.add(Elu, x, alpha=alpha), scale)


@rule("prelu", "_prelu_kernel")
def prelu(b: Builder, x: Value, weight: Value) -> Value:
    """x, below 0 times a slope that is learned, one for each channel."""
    channels = math.prod(b.shape(weight))
    axes = len(b.shape(x))
    shape = [1] * axes
    if channels > 1 and axes > 1:
        shape[1] = channels
    slope = weight if len(b.shape(weight)) == axes else b.add(Reshape, weight, shape=shape)
    return b.add(PRelu, x, slope)


@rule("gelu")
def gelu(b: Builder, x: Value, approximate: str = "none") -> Value:
    """x Φ(x), or its approximation by tanh."""
    return b.add(GELU, x, form="erf" if approximate == "none" else approximate)


@rule("softplus")
def softplus(b: Builder, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    """log(1 + e^(beta x)) / beta. Above the threshold ATen takes x: a difference below 1e-8."""
    return _scaled(b, b.add(Softplus, times(b, x, beta)), 1 / beta)


def _scaled(b: Builder, x: Value, factor: float) -> Value:
    return x if factor == 1 else b.add(Mul, x, factor)


@rule("log_sigmoid", "log_sigmoid_forward")
def log_sigmoid(b: Builder, x: Value) -> tuple[Value, None]:
    """-log(1 + e⁻ˣ)."""
    return b.add(Neg, b.add(Softplus, b.add(Neg, x))), None


@rule("mish")
def mish(b: Builder, x: Value) -> Value:
    """x tanh(log(1 + eˣ))."""
    return b.add(Mul, x, b.add(Tanh, b.add(Softplus, x)))


@rule("glu")
def glu(b: Builder, x: Value, dim: int = -1) -> Value:
    """The first half times σ(the second half)."""
    first, second = (b.add(Split, x, parts=2, part=part, axis=dim) for part in (0, 1))
    return b.add(Mul, first, b.add(Sigmoid, second))


@rule("softmax", "_softmax")
def softmax(
    b: Builder, x: Value, dim: int, dtype: int | None = None, half_to_float: bool = False
) -> Value:
    """eˣ / Σ eˣ along an axis."""
    return b.add(Softmax, x, axis=dim)


@rule("log_softmax", "_log_softmax")
def log_softmax(
    b: Builder, x: Value, dim: int, dtype: int | None = None, half_to_float: bool = False
) -> Value:
    """x - log Σ eˣ along an axis."""
    return b.add(LogSoftmax, x, axis=dim)


@rule("dropout", "native_dropout", "feature_dropout", folds=False)
def dropout(b: Builder, x: Value, p: float, train: bool | None = True) -> tuple[Value, None]:
    """x × a random mask in training, with miniflow's random numbers; else x."""
    return (x if train is False or p == 0 else b.add(Dropout, x, rate=p)), None


@rule("detach")
def detach(b: Builder, x: Value) -> Value:
    """x, without a gradient."""
    return b.add(Detach, x)
