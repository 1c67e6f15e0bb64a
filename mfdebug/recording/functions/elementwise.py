"""Arithmetic and functions of one number; the operators of Python have names of their own."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Operand, Value
from miniflow.importers.pt2.rules import elementwise as aten
from miniflow.ops import Div, Pow

same_as_aten(
    "neg negative:neg exp log sqrt sin cos tan erf reciprocal abs absolute:abs sigmoid tanh "
    "square rsqrt log1p expm1 log2 sign sgn add iadd:add radd:add sub subtract:sub isub:sub rsub "
    "mul multiply:mul imul:mul rmul:mul div divide:div true_divide:div truediv:div idiv:div "
    "itruediv:div pow ipow:pow addcmul addcdiv lerp detach maximum minimum clamp clip:clamp "
    "clamp_min:clamp where masked_fill"
)


@function("rdiv", "rtruediv")
def divided_by(b: Builder, x: Value, other: Operand) -> Value:
    """Other / x."""
    return b.add(Div, other, x)


@function("rpow")
def to_the_power(b: Builder, x: Value, other: Operand) -> Value:
    """Other to the power of x."""
    return b.add(Pow, other, x)


@function("clamp_max")
def clamp_max(b: Builder, x: Value, max: Operand) -> Value:  # noqa: A002
    """x, at most a limit."""
    return aten.clamp(b, x, None, max)


@function("float", "double", "contiguous", "clone", "alias", "requires_grad_", "type_as", "cpu")
def same(_: Builder, x: Value, *_others: Any, **_how: Any) -> Value:
    """x itself, or in another precision."""
    return x
