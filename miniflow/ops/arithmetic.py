"""Elementwise arithmetic: add, subtract, multiply, divide, powers, exp, log, max and min.

Local gradients are the derivatives of elementary calculus; the names of the roles (add
distributes, max routes, multiply swaps) are those of Stanford's CS231n notes on backpropagation.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from typing import ClassVar

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Elementwise,
    ScalarRule,
    Targets,
    broadcast_shape,
    is_number,
    register,
    series,
    unbroadcast,
)


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


def _power_base_gradient(out: Array, grad: Array, x: Array, p: Array | float) -> None:
    # A power of 0 is constant: without the test, x = 0 would give 0 * infinity.
    np.copyto(out, grad * np.where(np.equal(p, 0), 0.0, p * np.power(x, np.subtract(p, 1))))


def _power_exponent_gradient(out: Array, grad: Array, value: Array, x: Array) -> None:
    # 0 to any positive power is 0, so the derivative is 0, not 0 * log(0).
    np.copyto(out, grad * np.where(np.equal(value, 0), 0.0, value * np.log(x)))


@register
class Pow(Elementwise):
    """The first input raised to the second, or to the attribute `exponent`."""

    arity = (1, 2)
    attributes: ClassVar = {"exponent": Attribute(2.0, "a number", is_number)}
    role = "a power scales the gradient by {local[0]} towards {to[0]}"

    def _exponent(self, inputs: tuple[Array, ...]) -> Array | float:
        return inputs[1] if len(inputs) == 2 else float(self.attrs["exponent"])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x ** p."""
        do(np.power, inputs[0], self._exponent(inputs), out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """p x^(p-1) to the base, x^p log x to the exponent."""
        if input_index == 0:
            do(_power_base_gradient, out, grad, inputs[0], self._exponent(inputs))
        else:
            do(_power_exponent_gradient, out, grad, value, inputs[0])

    def _scalar_forward(self, x: float, p: float | None = None) -> float:
        return ieee.power(x, float(self.attrs["exponent"]) if p is None else p)

    def _scalar_vjp(
        self, g: float, value: float, x: float, p: float | None = None
    ) -> tuple[float, ...]:
        power = float(self.attrs["exponent"]) if p is None else p
        to_base = g * (power * ieee.power(x, power - 1.0)) if power else g * 0.0
        if p is None:
            return (to_base,)
        return to_base, g * (value * ieee.log(x)) if value else g * 0.0

    def scalar(self) -> ScalarRule:
        """x ** p."""
        return ScalarRule(self._scalar_forward, self._scalar_vjp)

    def formula(self, *names: str) -> str:
        """x^p."""
        return f"{names[0]}^{self._power(*names[1:])}"

    def _power(self, *name: str) -> str:
        """Return the exponent as text: the name of its node, or the number."""
        if name:
            return name[0]
        text = format(self.attrs["exponent"], "g")
        return text if text[0].isdigit() else f"({text})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """p x^(p-1), or x^p log x."""
        if input_index:
            return f"{name}·log {names[0]}"
        power = self._power(*names[1:])
        if len(names) == 2:
            return f"{power}·{names[0]}^({power}-1)"
        less = float(self.attrs["exponent"]) - 1.0
        if less in (-1.0, 0.0):
            return "1" if less == 0.0 else "0"
        if less == 1.0:
            return f"{power}·{names[0]}"
        return f"{power}·{names[0]}^{less:g}" if less > 0 else f"{power}·{names[0]}^({less:g})"


@register
class Exp(Elementwise):
    """e to the power of the input."""

    role = "an exponential scales the gradient by its own value"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """e ** x."""
        do(np.exp, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The value."""
        do(np.multiply, grad, value, out)

    def scalar(self) -> ScalarRule:
        """e ** x."""
        return ScalarRule(ieee.exp, lambda g, value, _x: (g * value,))

    def formula(self, *names: str) -> str:
        """e^x."""
        return f"e^{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The value."""
        return name


@register
class Log(Elementwise):
    """The natural logarithm."""

    role = "a logarithm divides the gradient by its input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """log x."""
        do(np.log, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1/x."""
        do(np.divide, grad, inputs[0], out)

    def scalar(self) -> ScalarRule:
        """log x."""
        return ScalarRule(ieee.log, lambda g, _value, x: (ieee.divide(g, x),))

    def formula(self, *names: str) -> str:
        """log x."""
        return f"log {names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/x."""
        return f"1/{names[0]}"


@register
class Sqrt(Elementwise):
    """The square root."""

    role = "a square root divides the gradient by twice its value"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """√x."""
        do(np.sqrt, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 / 2√x."""
        do(np.divide, grad, value, out)
        do(np.multiply, out, 0.5, out)

    def scalar(self) -> ScalarRule:
        """√x."""
        return ScalarRule(ieee.sqrt, lambda g, value, _x: (ieee.divide(g, value) * 0.5,))

    def formula(self, *names: str) -> str:
        """√x."""
        return f"√{names[0]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 / 2√x."""
        return f"1/(2·{name})"


def _sign(x: float) -> float:
    return x if math.isnan(x) else float((x > 0) - (x < 0))


@register
class Abs(Elementwise):
    """The absolute value; at the kink, x = 0, the gradient is 0."""

    role = "an absolute value passes the gradient with the sign of its input"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """|x|."""
        do(np.absolute, inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The sign of x."""
        do(np.sign, inputs[0], out)
        do(np.multiply, grad, out, out)

    def scalar(self) -> ScalarRule:
        """|x|."""
        return ScalarRule(abs, lambda g, _value, x: (g * _sign(x),))

    def formula(self, *names: str) -> str:
        """|x|."""
        return f"|{names[0]}|"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The sign of x."""
        return f"sign({names[0]})"


def _wins(x: Array, value: Array, decided: Array) -> Array:
    """Return where `x` is the first input that equals the value, and mark it in `decided`."""
    wins: Array = np.equal(x, value) & ~decided
    decided |= wins
    return wins


def _route(out: Array, grad: Array, x: Array, value: Array, decided: Array) -> None:
    np.copyto(out, np.where(_wins(x, value, decided), grad, 0.0))


def _route_scalar(g: float, value: float, *xs: float) -> tuple[float, ...]:
    # NaN equals nothing, so a NaN value sends nothing back, as in the array rule.
    winner = next((input_index for input_index, x in enumerate(xs) if x == value), -1)
    return tuple(g if input_index == winner else 0.0 for input_index in range(len(xs)))


def _max_or_nan(*xs: float) -> float:
    return math.nan if any(x != x for x in xs) else max(xs)


def _min_or_nan(*xs: float) -> float:
    return math.nan if any(x != x for x in xs) else min(xs)


class _Selection(Elementwise):
    """Base of Max and Min: the winner gets the whole gradient."""

    arity = (1, None)

    def all_local_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """1 for the first input that equals the value, 0 for the others."""
        decided, passed = do.keep("decided", value.shape, np.bool_), 0
        do(decided.fill, False)
        for input_index, out in targets:
            for x in inputs[passed:input_index]:
                do(_wins, x, value, decided)
            do(_route, out, grad, inputs[input_index], value, decided)
            passed = input_index + 1

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 where this input won."""
        return f"[{names[input_index]} won]"

    def formula(self, *names: str) -> str:
        """max(x, y)."""
        return f"{type(self).__name__.lower()}({series(names, ', ')})"


@register
class Max(_Selection):
    """The elementwise maximum of its inputs; on a tie the first input wins."""

    role = "a max gate routes: the winner gets the whole gradient (on a tie, the first), others 0"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """max(x, y, ...)."""
        do(np.copyto, out, inputs[0])
        for x in inputs[1:]:
            do(np.maximum, out, x, out=out)

    def scalar(self) -> ScalarRule:
        """max(x, y, ...)."""
        return ScalarRule(_max_or_nan, _route_scalar)


@register
class Min(_Selection):
    """The elementwise minimum of its inputs; on a tie the first input wins."""

    role = "a min gate routes: the winner gets the whole gradient (on a tie, the first), others 0"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """min(x, y, ...)."""
        do(np.copyto, out, inputs[0])
        for x in inputs[1:]:
            do(np.minimum, out, x, out=out)

    def scalar(self) -> ScalarRule:
        """min(x, y, ...)."""
        return ScalarRule(_min_or_nan, _route_scalar)
