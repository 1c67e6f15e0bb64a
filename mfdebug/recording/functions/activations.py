"""Activations: functions of `torch.nn.functional`, and those of tensors with their names."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import function
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules import activations as aten
from miniflow.ops import Abs, Add, Div, ReLU, Selu, SiLU, Sub, Tanh


@function("relu")
def relu(b: Builder, x: Value, inplace: bool = False) -> Value:
    """x above 0."""
    return b.add(ReLU, x)


@function("silu", "swish")
def silu(b: Builder, x: Value, inplace: bool = False) -> Value:
    """x σ(x)."""
    return b.add(SiLU, x)


@function("selu")
def selu(b: Builder, x: Value, inplace: bool = False) -> Value:
    """The self-normalizing exponential unit."""
    return b.add(Selu, x)


@function("gelu")
def gelu(b: Builder, x: Value, approximate: str = "none") -> Value:
    """x Φ(x), or its approximation by tanh."""
    return aten.gelu(b, x, approximate)


@function("leaky_relu")
def leaky_relu(b: Builder, x: Value, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    """x, below 0 times a slope."""
    return aten.leaky_relu(b, x, negative_slope)


@function("elu")
def elu(b: Builder, x: Value, alpha: float = 1.0, inplace: bool = False) -> Value:
    """x, below 0 alpha × (eˣ - 1)."""
    return aten.elu(b, x, alpha)


@function("celu")
def celu(b: Builder, x: Value, alpha: float = 1.0, inplace: bool = False) -> Value:
    """x, below 0 alpha × (e^(x/alpha) - 1)."""
    return aten.celu(b, x, alpha)


@function("prelu")
def prelu(b: Builder, x: Value, weight: Value) -> Value:
    """x, below 0 times a slope that is learned."""
    return aten.prelu(b, x, weight)


@function("hardtanh")
def hardtanh(
    b: Builder, x: Value, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Value:
    """x between two limits."""
    return aten.hardtanh(b, x, min_val, max_val)


@function("relu6")
def relu6(b: Builder, x: Value, inplace: bool = False) -> Value:
    """x between 0 and 6."""
    return aten.relu6(b, x)


@function("hardsigmoid")
def hardsigmoid(b: Builder, x: Value, inplace: bool = False) -> Value:
    """x/6 + 1/2, between 0 and 1."""
    return aten.hardsigmoid(b, x)


@function("hardswish")
def hardswish(b: Builder, x: Value, inplace: bool = False) -> Value:
    """x × hardsigmoid(x)."""
    return aten.hardswish(b, x)


@function("mish")
def mish(b: Builder, x: Value, inplace: bool = False) -> Value:
    """x tanh(log(1 + eˣ))."""
    return aten.mish(b, x)


@function("softplus")
def softplus(b: Builder, x: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    """log(1 + e^(beta x)) / beta."""
    return aten.softplus(b, x, beta, threshold)


@function("logsigmoid", "log_sigmoid")
def logsigmoid(b: Builder, x: Value) -> Value:
    """log σ(x)."""
    return aten.log_sigmoid(b, x)[0]


@function("softsign")
def softsign(b: Builder, x: Value) -> Value:
    """x / (1 + |x|)."""
    return b.add(Div, x, b.add(Add, 1.0, b.add(Abs, x)))


@function("tanhshrink")
def tanhshrink(b: Builder, x: Value) -> Value:
    """x - tanh(x)."""
    return b.add(Sub, x, b.add(Tanh, x))


@function("glu")
def glu(b: Builder, x: Value, dim: int = -1) -> Value:
    """The first half times σ(the second half)."""
    return aten.glu(b, x, dim)


@function("softmax")
def softmax(
    b: Builder, x: Value, dim: int | None = None, _stacklevel: Any = None, dtype: Any = None
) -> Value:
    """eˣ / Σ eˣ along an axis."""
    return aten.softmax(b, x, _axis(dim))


@function("log_softmax")
def log_softmax(
    b: Builder, x: Value, dim: int | None = None, _stacklevel: Any = None, dtype: Any = None
) -> Value:
    """x - log Σ eˣ along an axis."""
    return aten.log_softmax(b, x, _axis(dim))


def _axis(dim: int | None) -> int:
    if dim is None:
        raise Unsupported("an axis that is not named")
    return dim


@function("dropout", "feature_dropout", "dropout1d", "dropout2d", "dropout3d")
def dropout(
    b: Builder, x: Value, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Value:
    """x itself, where nothing is dropped; `dropped.py` finds what was, in a pass."""
    if training and p:
        raise Unsupported("random numbers that PyTorch has drawn")
    return x


@function("alpha_dropout")
def alpha_dropout(
    b: Builder, x: Value, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Value:
    """x itself, where nothing is dropped: what PyTorch draws is not known."""
    return dropout(b, x, p, training, inplace)
