"""Activations."""

from __future__ import annotations

import math

from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules.elementwise import times
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    GELU,
    Dropout,
    Elu,
    HardSigmoid,
    LeakyReLU,
    LogSoftmax,
    Max,
    Min,
    Mul,
    Neg,
    PRelu,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Softplus,
    Split,
    Tanh,
)


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
    return (x if train is False or p == 0 else dropped(b, x, p)), None


def dropped(b: Builder, x: Value, rate: float) -> Value:
    """Return x × a random mask."""
    b.note("The model is in training: what its dropout draws is not what PyTorch draws.")
    return b.add(Dropout, x, rate=rate)


@rule("celu")
def celu(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """x, below 0 alpha × (e^(x/alpha) - 1)."""
    return _scaled(b, b.add(Elu, times(b, x, 1 / alpha)), alpha)
