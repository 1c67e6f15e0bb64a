"""Arithmetic, and functions of one number."""

from __future__ import annotations

import math

from miniflow.importers.pt2.builder import Builder, Operand, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    OPS,
    Add,
    Clip,
    Cos,
    Detach,
    Div,
    Exp,
    Greater,
    Less,
    Log,
    Max,
    Min,
    Mul,
    Pow,
    Sin,
    Sub,
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


@rule("detach")
def detach(b: Builder, x: Value) -> Value:
    """x, without a gradient."""
    return b.add(Detach, x)


@rule("sign", "sgn")
def sign(b: Builder, x: Value) -> Value:
    """1, 0 or -1; comparisons have no gradient."""
    return b.add(Sub, b.add(Greater, x, 0.0), b.add(Less, x, 0.0))
