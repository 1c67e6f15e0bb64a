"""The table of PyTorch's functions: by name, what makes the nodes of a call.

A maker takes a builder and the call's arguments by the names that PyTorch gives them, where `self`
and `input` are called `x`. Most are the rules of ATen ops, by which models are read from files:
`miniflow/importers/pt2/rules`. Functions that write to their first argument have the rule of the
function whose name has no underscore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from miniflow.importers.pt2.rules import RULES
from miniflow.ops import (
    Abs,
    Add,
    BinaryCrossEntropy,
    Cos,
    Detach,
    Div,
    Erf,
    Exp,
    Log,
    MatMul,
    Mean,
    Mul,
    Neg,
    Op,
    Reciprocal,
    ReLU,
    Sigmoid,
    SigmoidCrossEntropy,
    Sin,
    Softmax,
    SoftmaxCrossEntropy,
    Sqrt,
    Sub,
    Sum,
    Tanh,
    Transpose,
    Where,
)

FUNCTIONS: dict[str, Callable[..., Any]] = {}

# Functions that are one op of ours, whatever their arguments, and have a sign or a health rule.
KIN: dict[str, type[Op]] = {
    "abs": Abs,
    "add": Add,
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_cross_entropy_with_logits": SigmoidCrossEntropy,
    "bmm": MatMul,
    "cos": Cos,
    "cross_entropy": SoftmaxCrossEntropy,
    "detach": Detach,
    "div": Div,
    "erf": Erf,
    "exp": Exp,
    "log": Log,
    "matmul": MatMul,
    "mean": Mean,
    "mm": MatMul,
    "mul": Mul,
    "neg": Neg,
    "reciprocal": Reciprocal,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "sin": Sin,
    "softmax": Softmax,
    "sqrt": Sqrt,
    "sub": Sub,
    "sum": Sum,
    "t": Transpose,
    "T": Transpose,
    "tanh": Tanh,
    "where": Where,
}

Function = TypeVar("Function", bound=Callable[..., Any])


def function(*names: str) -> Callable[[Function], Function]:
    """Enter a maker for the functions `names`."""

    def enter(make: Function) -> Function:
        for name in names:
            FUNCTIONS[name] = make
        return make

    return enter


def same_as_aten(names: str) -> None:
    """Enter the rules of ATen ops for functions with their names and arguments.

    A name such as `subtract:sub` is that of a function, and of the op that it is.
    """
    for each in names.split():
        name, _, aten = each.partition(":")
        FUNCTIONS[name] = RULES[aten or name].make


def kin_of(name: str) -> type[Op] | None:
    """Return the op that a function is, if it is one of `KIN`."""
    return KIN.get(name) or KIN.get(name.removesuffix("_"))


def maker_of(name: str) -> Callable[..., Any] | None:
    """Return the maker of a function, or None if it is not in the table."""
    return FUNCTIONS.get(name) or FUNCTIONS.get(name.removesuffix("_"))
