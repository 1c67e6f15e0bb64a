"""Extremes: the maximum, the minimum, the absolute value, max(x, -x), and Clip, which uses both.

Each is linear on both sides of a kink; the docstrings say what the gradient is at the kink itself.
"Max routes" is the wording of Stanford's CS231n notes on backpropagation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import GraphError
from miniflow.node import Node
from miniflow.ops.axes import KEEPDIMS, OverAxes, is_axes
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    ScalarRule,
    Shape,
    Targets,
    check_axis,
    is_integer,
    is_number,
    register,
    series,
)
from miniflow.ops.broadcasting import Elementwise, broadcast_shape


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


def _wins(x: Array, best: Array, decided: Array) -> Array:
    """Return where `x` is the first input that equals the best, and mark it in `decided`."""
    wins: Array = np.equal(x, best) & ~decided
    decided |= wins
    return wins


def _route(out: Array, grad: Array, x: Array, best: Array, decided: Array) -> None:
    np.copyto(out, np.where(_wins(x, best, decided), grad, 0.0))


def _scalar_rule(select: Callable[..., float]) -> ScalarRule:
    def value(*xs: float) -> float:
        return math.nan if any(x != x for x in xs) else select(xs)

    def route(g: float, _value: float, *xs: float) -> tuple[float, ...]:
        best = value(*xs)
        # NaN equals nothing, so it sends nothing back, as in the array rule.
        winner = next((input_index for input_index, x in enumerate(xs) if x == best), -1)
        return tuple(g if input_index == winner else 0.0 for input_index in range(len(xs)))

    return ScalarRule(value, route)


def route_along(
    out: Array, grad: Array, x: Array, best: Array, axes: tuple[int, ...], kept: tuple[Array, ...]
) -> None:
    """Write `grad` to the first entry along `axes` that equals the best, 0 to the others.

    `grad` and `best` have size 1 at the axes; `kept` are the subscripts of the other axes.
    """
    order = (*(axis for axis in range(x.ndim) if axis not in axes), *axes)
    wins = np.equal(x, best).transpose(order)
    along = wins.shape[len(kept) :]
    first = wins.reshape(*wins.shape[: len(kept)], -1).argmax(-1)
    winners = (*kept, *np.unravel_index(first, along))
    out.fill(0.0)
    # NaN equals nothing: it wins nothing.
    sent = np.where(wins[winners], grad.reshape(first.shape), 0.0)
    out.transpose(order)[winners] = sent


class Selection(Elementwise, OverAxes):
    """Base of Max and Min: elementwise over the inputs, or over axes of one; the winner gets all.

    Without an `axis` it is elementwise. The winner is that of the inputs, also where the value was
    overridden afterwards.
    """

    arity = (1, None)
    attributes: ClassVar = {
        "axis": Attribute(
            None,
            'an integer, a list of integers, "all", or null for the elementwise op',
            lambda value: value is None or value == "all" or is_axes(value),
        ),
        "keepdims": KEEPDIMS,
    }
    ufunc: ClassVar[np.ufunc]

    def _set_up(self, nodes: list[Node], name: str | None, attributes: Mapping[str, Any]) -> None:
        if attributes.get("axis") is not None and len(nodes) != 1:
            raise GraphError(
                f"{type(self).__name__} along an axis takes 1 input, not {len(nodes)}",
                where=name or "",
            )
        super()._set_up(nodes, name, attributes)

    @property
    def is_elementwise(self) -> bool:
        """Whether it compares its inputs, not the entries of one input along axes."""
        return self.attrs["axis"] is None

    def output_shape(self, *shapes: Shape) -> Shape:
        """The broadcast shape, or the shape without the reduced axes."""
        return broadcast_shape(*shapes) if self.is_elementwise else self.reduced_shape(shapes[0])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """max(x, y, ...)."""
        self._select(do, out, inputs)

    def _select(self, do: Calls, out: Array, inputs: Sequence[Array]) -> None:
        if not self.is_elementwise:
            self.reduce(do, self.ufunc, inputs[0], out)
            return
        do(np.copyto, out, inputs[0])
        for x in inputs[1:]:
            do(self.ufunc, out, x, out=out)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """The gradient, sent to the winner."""
        if self.is_elementwise:
            super().backward_calls(do, targets, grad, value, inputs)
            return
        x, best = inputs[0], do.keep("best", value.shape, value.dtype)
        self._select(do, best, inputs)
        axes = self.axes(x.shape)
        sizes = [n for axis, n in enumerate(x.shape) if axis not in axes]
        kept = tuple(np.indices(sizes, sparse=True))
        of_axes = self.with_ones(grad, x.shape), x, self.with_ones(best, x.shape), axes, kept
        for _, out in targets:
            do(route_along, out, *of_axes)

    def all_local_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """1 for the first input that equals the best, 0 for the others."""
        best, decided = do.keep("best", value.shape), do.keep("decided", value.shape, np.bool_)
        self._select(do, best, inputs)
        do(decided.fill, False)
        passed = 0
        for input_index, out in targets:
            for x in inputs[passed:input_index]:
                do(_wins, x, best, decided)
            do(_route, out, grad, inputs[input_index], best, decided)
            passed = input_index + 1

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 where this input won."""
        return f"[{names[input_index]} won]"

    def formula(self, *names: str) -> str:
        """max(x, y)."""
        function = type(self).__name__.lower()
        if not self.is_elementwise:
            return self.along(f"{function} of {names[0]}")
        return f"{function}({series(names, ', ')})"


@register
class Max(Selection):
    """The elementwise maximum of its inputs, or the maximum along `axis`; on a tie the first."""

    role = "a max gate routes: the winner gets the whole gradient (on a tie, the first), others 0"
    ufunc = np.maximum

    def scalar(self) -> ScalarRule:
        """max(x, y, ...)."""
        return _scalar_rule(max)


@register
class Min(Selection):
    """The elementwise minimum of its inputs, or the minimum along `axis`; on a tie the first."""

    role = "a min gate routes: the winner gets the whole gradient (on a tie, the first), others 0"
    ufunc = np.minimum

    def scalar(self) -> ScalarRule:
        """min(x, y, ...)."""
        return _scalar_rule(min)


@register
class ArgMax(Op):
    """The index along `axis` of the greatest entry, the first on a tie; it has no gradient.

    A NaN counts as the greatest. The index is a whole number in the graph's float type.
    """

    attributes: ClassVar = {
        "axis": Attribute(-1, "an integer", is_integer),
        "keepdims": KEEPDIMS,
    }
    role = "an index moves in jumps: {to[0]} gets no gradient"

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape without the axis, or with size 1 there."""
        check_axis(self.attrs["axis"], shapes[0])
        axis = self.attrs["axis"] % len(shapes[0])
        ones = (1,) * bool(self.attrs["keepdims"])
        return (*shapes[0][:axis], *ones, *shapes[0][axis + 1 :])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The first greatest entry's index."""
        found = do.keep("found", out.shape, np.intp)
        do(inputs[0].argmax, self.attrs["axis"], found, keepdims=bool(self.attrs["keepdims"]))
        do(np.copyto, out, found)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """0."""
        do(out.fill, 0.0)

    def stops_gradient(self, input_index: int) -> str:
        """An index sends nothing."""
        return "an argmax sends no gradient"

    def formula(self, *names: str) -> str:
        """argmax of x."""
        return f"argmax of {names[0]} along axis {self.attrs['axis']}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """0."""
        return "0"


def _is_limit(value: Any) -> bool:
    return value is None or (is_number(value) and not math.isnan(value))


@register
class Clip(Elementwise):
    """The input, at least `low` and at most `high`; at the limits themselves the gradient passes.

    The sub-gradient at a limit is the choice of PyTorch's `clamp`.
    """

    attributes: ClassVar = {
        "low": Attribute(None, "a number, or null for no limit", _is_limit),
        "high": Attribute(None, "a number, or null for no limit", _is_limit),
    }
    role = "a clip is a gate: the gradient passes where the input was within the limits"

    def _set_up(self, nodes: list[Node], name: str | None, attributes: Any) -> None:
        super()._set_up(nodes, name, attributes)
        low, high = self._limits()
        if low > high:
            raise GraphError(
                f"attribute 'low' of Clip, {low:g}, is above 'high', {high:g}", where=name or ""
            )

    def _limits(self) -> tuple[float, float]:
        low, high = self.attrs["low"], self.attrs["high"]
        return -math.inf if low is None else float(low), math.inf if high is None else float(high)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """min(max(x, low), high)."""
        low, high = self._limits()
        do(np.maximum, inputs[0], low, out=out)
        do(np.minimum, out, high, out=out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 where low ≤ x ≤ high."""
        low, high = self._limits()
        passes, below = (do.keep(name, grad.shape, np.bool_) for name in ("passes", "below"))
        do(np.greater_equal, inputs[0], low, passes)
        do(np.less_equal, inputs[0], high, below)
        do(np.logical_and, passes, below, passes)
        do(np.multiply, grad, passes, out)

    def scalar(self) -> ScalarRule:
        """min(max(x, low), high)."""
        low, high = self._limits()
        return ScalarRule(
            lambda x: x if x != x else min(max(x, low), high),
            lambda g, _value, x: (g * (low <= x <= high),),
        )

    def formula(self, *names: str) -> str:
        """min(max(x, low), high)."""
        text, (low, high) = names[0], self._limits()
        if low > -math.inf:
            text = f"max({text}, {low:.6g})"
        return f"min({text}, {high:.6g})" if high < math.inf else text

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 where low ≤ x ≤ high."""
        x, (low, high) = names[0], self._limits()
        below = f"{low:.6g} <= " if low > -math.inf else ""
        above = f" <= {high:.6g}" if high < math.inf else ""
        return f"[{below}{x}{above}]" if below or above else "1"
