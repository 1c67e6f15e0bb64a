"""Conditions: the comparisons, which are 1 or 0; Where, which selects by one; Cast; and Detach.

A comparison and a cast are constant but for their jumps, and a condition only selects: no gradient
is sent to their inputs. Detach sends none by choice.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from miniflow.ops.base import Array, Attribute, Calls, ScalarRule, register
from miniflow.ops.broadcasting import Elementwise


class WithoutGradient(Elementwise):
    """Base of the ops that send nothing; `reason` says why."""

    reason: ClassVar[str] = ""

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """0."""
        do(out.fill, 0.0)

    def stops_gradient(self, input_index: int) -> str:
        """Nothing is sent to any input."""
        return self.reason

    def local(self, input_index: int, name: str, *names: str) -> str:
        """0."""
        return "0"


class Comparison(WithoutGradient):
    """Base of the comparisons: 1 where it is true, else 0; with NaN, never true."""

    arity = (2, 2)
    role = (
        "a comparison sends nothing to {names[0]} and {names[1]}: between its jumps it is constant"
    )
    reason = "a comparison sends no gradient"
    sign: ClassVar[str] = ""
    _array_rule: ClassVar[np.ufunc]
    _scalar_rule: ClassVar[Callable[[Any, Any], bool]]

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """1 where true, else 0."""
        true = do.keep("true", out.shape, np.bool_)
        do(type(self)._array_rule, inputs[0], inputs[1], true)
        do(np.copyto, out, true)

    def scalar(self) -> ScalarRule:
        """1 if true, else 0."""
        rule = type(self)._scalar_rule
        return ScalarRule(lambda x, y: float(rule(x, y)), lambda _g, _value, _x, _y: (0.0, 0.0))

    def formula(self, *names: str) -> str:
        """[x < y]."""
        return f"[{names[0]} {self.sign} {names[1]}]"


@register
class Equal(Comparison):
    """1 where the inputs are equal, else 0."""

    sign = "="
    _array_rule, _scalar_rule = np.equal, operator.eq


@register
class Less(Comparison):
    """1 where the first input is less than the second, else 0."""

    sign = "<"
    _array_rule, _scalar_rule = np.less, operator.lt


@register
class LessOrEqual(Comparison):
    """1 where the first input is less than the second or equal to it, else 0."""

    sign = "<="
    _array_rule, _scalar_rule = np.less_equal, operator.le


@register
class Greater(Comparison):
    """1 where the first input is greater than the second, else 0."""

    sign = ">"
    _array_rule, _scalar_rule = np.greater, operator.gt


@register
class GreaterOrEqual(Comparison):
    """1 where the first input is greater than the second or equal to it, else 0."""

    sign = ">="
    _array_rule, _scalar_rule = np.greater_equal, operator.ge


def _where_vjp(g: float, _value: float, c: float, _x: float, _y: float) -> tuple[float, ...]:
    return (0.0, g, 0.0) if c != 0 else (0.0, 0.0, g)


@register
class Where(Elementwise):
    """The second input where the first, the condition, is not 0; else the third.

    NaN is not 0. The condition gets no gradient.
    """

    arity = (3, 3)
    role = (
        "a where gate routes: the gradient goes to {to[1]} where {names[0]} is not 0, "
        "to {to[2]} where it is"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x where the condition is not 0, else y."""
        condition, x, y = inputs
        chosen = do.keep("chosen", condition.shape, np.bool_)
        do(np.not_equal, condition, 0.0, chosen)
        do(np.copyto, out, y)
        do(np.copyto, out, x, where=chosen)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """1 where the input was chosen; 0 to the condition."""
        if input_index < 2:
            do(out.fill, 0.0)
        else:
            do(np.copyto, out, grad)
        if input_index:
            chosen = do.keep("chosen", inputs[0].shape, np.bool_)
            do(np.copyto, out, grad if input_index == 1 else 0.0, where=chosen)

    def stops_gradient(self, input_index: int) -> str:
        """The condition gets nothing."""
        return "" if input_index else "a condition has no gradient"

    def scalar(self) -> ScalarRule:
        """x if the condition is not 0, else y."""
        return ScalarRule(lambda c, x, y: x if c != 0 else y, _where_vjp)

    def formula(self, *names: str) -> str:
        """x where the condition is not 0, else y."""
        return f"({names[1]} if {names[0]} else {names[2]})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 where the input was chosen."""
        if not input_index:
            return "0"
        return f"[{names[0]} {'!=' if input_index == 1 else '='} 0]"


def _is_true(x: float) -> float:
    return float(x != 0)


def _truncated(x: float) -> float:
    # NaN and infinity have no integer part.
    return float(math.trunc(x)) if math.isfinite(x) else x


@register
class Cast(WithoutGradient):
    """The numbers as integers, without their fraction, or as truths: 1 where they are not 0.

    They stay in the graph's float type. NaN and infinity stay as they are as integers, and are
    true.
    """

    attributes: ClassVar = {
        "to": Attribute(
            "integer", '"integer" or "boolean"', lambda value: value in ("integer", "boolean")
        )
    }
    reason = "a cast sends no gradient"
    role = "a cast sends nothing to {names[0]}: between its jumps it is constant"

    @property
    def _to_truths(self) -> bool:
        return bool(self.attrs["to"] == "boolean")

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """trunc(x), or 1 where x is not 0."""
        if not self._to_truths:
            do(np.trunc, inputs[0], out)
            return
        true = do.keep("true", out.shape, np.bool_)
        do(np.not_equal, inputs[0], 0.0, true)
        do(np.copyto, out, true)

    def scalar(self) -> ScalarRule:
        """trunc(x), or 1 where x is not 0."""
        rule = _is_true if self._to_truths else _truncated
        return ScalarRule(rule, lambda _g, _value, _x: (0.0,))

    def formula(self, *names: str) -> str:
        """[x != 0] or trunc(x)."""
        return f"[{names[0]} != 0]" if self._to_truths else f"trunc({names[0]})"


@register
class Detach(WithoutGradient):
    """The input itself, as a constant: the gradient stops here."""

    reason = "a detach stops the gradient"
    role = "a detach stops the gradient: {names[0]} counts as a constant"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x."""
        do(np.copyto, out, inputs[0])

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(operator.pos, lambda _g, _value, _x: (0.0,))
