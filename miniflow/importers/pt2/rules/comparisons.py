"""Comparisons, logic and choices: 1 for true, 0 for false."""

from __future__ import annotations

from miniflow.importers.pt2.builder import Builder, Operand, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Max,
    Mul,
    Op,
    Sub,
    Where,
)

_COMPARISONS: dict[str, type[Op]] = {
    "eq": Equal,
    "lt": Less,
    "le": LessOrEqual,
    "gt": Greater,
    "ge": GreaterOrEqual,
}


def _enter(aten: str, op: type[Op]) -> None:
    def compare(b: Builder, x: Value, other: Operand) -> Value:
        return b.add(op, x, other)

    rule(aten)(compare)


for _aten, _op in _COMPARISONS.items():
    _enter(_aten, _op)


@rule("ne", "logical_xor")
def ne(b: Builder, x: Value, other: Operand) -> Value:
    """1 where both differ."""
    return b.add(Sub, 1.0, b.add(Equal, x, other))


@rule("isnan")
def isnan(b: Builder, x: Value) -> Value:
    """1 where x is not equal to itself."""
    return b.add(Sub, 1.0, b.add(Equal, x, x))


@rule("logical_not")
def logical_not(b: Builder, x: Value) -> Value:
    """1 where x is 0."""
    return b.add(Equal, x, 0.0)


@rule("bitwise_not")
def bitwise_not(b: Builder, x: Value) -> Value:
    """Not, of true and false."""
    _check_truth(b, x)
    return b.add(Equal, x, 0.0)


@rule("logical_and", "bitwise_and", "__and__")
def logical_and(b: Builder, x: Value, other: Value) -> Value:
    """1 where both are true."""
    _check_truth(b, x, other)
    return b.add(Mul, x, other)


@rule("logical_or", "bitwise_or", "__or__")
def logical_or(b: Builder, x: Value, other: Value) -> Value:
    """1 where one is true."""
    _check_truth(b, x, other)
    return b.add(Max, x, other)


def _check_truth(b: Builder, *values: Value) -> None:
    if not all(b.is_truth(x) for x in values):
        raise Unsupported("numbers other than true and false")


@rule("where")
def where(b: Builder, condition: Value, x: Operand, other: Operand) -> Value:
    """x where the condition is true, else other."""
    return b.add(Where, condition, x, other)


@rule("masked_fill")
def masked_fill(b: Builder, x: Value, mask: Value, value: Operand) -> Value:
    """A number where the mask is true, else x."""
    return b.add(Where, mask, value, x)
