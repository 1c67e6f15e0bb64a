"""Elementwise arithmetic: add, subtract, multiply, divide, negate and the reciprocal.

Local gradients are the derivatives of elementary calculus; the names of the roles (add
distributes, multiply swaps) are those of Stanford's CS231n notes on backpropagation.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.base import Array, Calls, ScalarRule, Targets, register, series
from miniflow.ops.broadcasting import Elementwise, broadcast_shape, unbroadcast


def _sum(*xs: float) -> float:
    # From left to right: from Python 3.12 on, sum() compensates for rounding; arrays do not.
    return reduce(operator.add, xs)


def _distribute(g: float, _y: float, *xs: float) -> tuple[float, ...]:
    return (g,) * len(xs)


@register
class Add(Elementwise):
    """The elementwise sum of its inputs."""

    arity = (1, None)
    role = "an add gate distributes: every input gets the gradient unchanged"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x + y + ..., from left to right."""
        if len(inputs) == 1:
            do(np.copyto, out, inputs[0])
            return
        do(np.add, inputs[0], inputs[1], out)
        for x in inputs[2:]:
            do(np.add, out, x, out)

    def all_local_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """1."""
        for _, out in targets:
            do(np.copyto, out, grad)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """The gradient, summed where an input was broadcast; it needs no copy."""
        for _, out in targets:
            unbroadcast(do, grad, out)

    def scalar(self) -> ScalarRule:
        """x + y + ...; the gradient goes to every input."""
        forward = operator.add if len(self.inbound_nodes) == 2 else _sum
        return ScalarRule(forward, _distribute)

    def formula(self, *names: str) -> str:
        """x + y."""
        return series(names, " + ")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1."""
        return "1"


@register
class Sub(Elementwise):
    """The first input minus the second."""

    arity = (2, 2)
    role = "a subtract gate distributes, with the sign flipped for the second input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x - y."""
        do(np.subtract, inputs[0], inputs[1], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 to x, -1 to y."""
        do(
            np.negative if input_index else np.copyto,
            *((grad, out) if input_index else (out, grad)),
        )

    def scalar(self) -> ScalarRule:
        """x - y."""
        return ScalarRule(operator.sub, lambda g, _value, _x, _y: (g, -g))

    def formula(self, *names: str) -> str:
        """x - y."""
        return f"{names[0]} - {names[1]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 or -1."""
        return "-1" if input_index else "1"


def _product(*xs: float) -> float:
    return math.prod(xs)


def _products_of_others(g: float, _y: float, *xs: float) -> tuple[float, ...]:
    # In the order of the array rule: (g × inputs before) × (inputs after, from the last one on).
    after = list(accumulate(reversed(xs[1:]), operator.mul))
    *before, last = accumulate(xs[:-1], operator.mul, initial=g)
    return (*map(operator.mul, before, reversed(after)), last)


def _swap(g: float, _value: float, x: float, y: float) -> tuple[float, float]:
    return g * y, g * x


@register
class Mul(Elementwise):
    """The elementwise product of its inputs."""

    arity = (1, None)
    role = "a multiply gate swaps: each input gets the gradient times the other input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x * y * ..., from left to right."""
        if len(inputs) == 1:
            do(np.copyto, out, inputs[0])
            return
        do(np.multiply, inputs[0], inputs[1], out)
        for x in inputs[2:]:
            do(np.multiply, out, x, out)

    def all_local_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """The product of the inputs before, times the product of the inputs after.

        Not value / x, which fails where x is 0. Each product grows by one factor per input, so the
        number of calls is linear.
        """
        after = _products_after(do, inputs)
        before, passed, last = grad, 0, len(inputs) - 1
        for input_index, out in targets:
            # With no inputs after it, the last factor is multiplied directly into `out`.
            for x in inputs[passed : input_index - (input_index == last > 0)]:
                product = do.scratch(grad.shape) if before is grad else before
                do(np.multiply, before, x, product)
                before, passed = product, passed + 1
            if input_index < last:
                do(np.multiply, before, after[input_index], out)
            elif last:
                do(np.multiply, before, inputs[last - 1], out)
            else:
                do(np.copyto, out, grad)

    def scalar(self) -> ScalarRule:
        """x * y * ...; each input gets the product of the others."""
        if len(self.inbound_nodes) == 2:
            return ScalarRule(operator.mul, _swap)
        return ScalarRule(_product, _products_of_others)

    def formula(self, *names: str) -> str:
        """x × y."""
        return series(names, " × ")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The product of the other inputs."""
        return series(names[:input_index] + names[input_index + 1 :], " × ") or "1"


def _products_after(do: Calls, inputs: Sequence[Array]) -> list[Array]:
    """Return, for each input but the last, the product of the inputs after it; list the calls."""
    products = list(inputs[-1:])
    for x in reversed(inputs[1:-1]):
        product = do.scratch(broadcast_shape(x.shape, products[-1].shape))
        do(np.multiply, x, products[-1], product)
        products.append(product)
    return products[::-1]


def _divide_vjp(g: float, value: float, _x: float, y: float) -> tuple[float, float]:
    return ieee.divide(g, y), -g * ieee.divide(value, y)


@register
class Div(Elementwise):
    """The first input divided by the second."""

    arity = (2, 2)
    role = (
        "a divide gate scales: by 1/{names[1]} towards {to[0]}, "
        "by -{name}/{names[1]} towards {to[1]}"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x / y."""
        do(np.divide, inputs[0], inputs[1], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1/y and -value/y."""
        if input_index == 0:
            do(np.divide, grad, inputs[1], out)
        else:
            do(np.divide, value, inputs[1], out)
            do(np.multiply, grad, out, out)
            do(np.negative, out, out)

    def scalar(self) -> ScalarRule:
        """x / y."""
        return ScalarRule(ieee.divide, _divide_vjp)

    def formula(self, *names: str) -> str:
        """x / y."""
        return f"{names[0]} / {names[1]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/y and -value/y."""
        return f"-{name}/{names[1]}" if input_index else f"1/{names[1]}"


@register
class Neg(Elementwise):
    """The input with its sign flipped."""

    role = "a negation flips the gradient's sign"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """-x."""
        do(np.negative, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-1."""
        do(np.negative, grad, out)

    def scalar(self) -> ScalarRule:
        """-x."""
        return ScalarRule(operator.neg, lambda g, _value, _x: (-g,))

    def formula(self, *names: str) -> str:
        """-x."""
        return f"-{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """-1."""
        return "-1"


def _reciprocal_vjp(g: float, value: float, _x: float) -> tuple[float]:
    return (g * -(value * value),)


@register
class Reciprocal(Elementwise):
    """1 divided by the input."""

    role = "a reciprocal scales the gradient by minus the square of its value"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """1 / x."""
        do(np.reciprocal, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-value²."""
        do(np.multiply, value, value, out)
        do(np.negative, out, out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """1 / x."""
        return ScalarRule(lambda x: ieee.divide(1.0, x), _reciprocal_vjp)

    def formula(self, *names: str) -> str:
        """1 / x."""
        return f"1 / {names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """-value²."""
        return f"-{name}^2"
