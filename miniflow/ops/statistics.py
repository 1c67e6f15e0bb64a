"""Reductions that are not linear: Var, Norm, LogSumExp and Prod.

Their gradients are the derivatives of elementary calculus; the docstrings say what they are where
there is no derivative.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from miniflow.ops import ieee
from miniflow.ops.axes import OverAxes
from miniflow.ops.base import Array, Attribute, Calls, ScalarRule, Shape, register


@register
class Var(OverAxes):
    """The variance along `axis`: Σ (x - mean)² / m, divided by m - 1 if it is `unbiased`.

    The unbiased variance of one entry is 0/0: NaN.
    """

    attributes: ClassVar = {
        **OverAxes.attributes,
        "unbiased": Attribute(False, "true or false", lambda value: isinstance(value, bool)),
    }
    role = "a variance sends to each entry {local[0]}: how far it is from the mean"

    def scale(self, shape: Shape) -> float:
        """Return 1/m, or 1/(m - 1) if unbiased; NaN for 1/0, as 0/0 of the sum."""
        below = self.count(shape) - bool(self.attrs["unbiased"])
        return 1.0 / below if below > 0 else math.nan

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ (x - mean)² / m."""
        x = inputs[0]
        away = do.keep("away", x.shape)
        square = do.scratch(x.shape)
        mean = self.with_ones(out, x.shape)
        self.reduce(do, np.add, x, out)
        do(np.multiply, out, 1.0 / max(self.count(x.shape), 1), out)
        do(np.subtract, x, mean, away)
        do(np.multiply, away, away, square)
        self.reduce(do, np.add, square, out)
        do(np.multiply, out, self.scale(x.shape), out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """2 (x - mean) / m."""
        scaled = do.scratch(grad.shape)
        do(np.multiply, grad, 2.0 * self.scale(out.shape), scaled)
        do(np.multiply, do.keep("away", out.shape), self.with_ones(scaled, out.shape), out)

    def scalar(self) -> ScalarRule:
        """0, as an entry alone is its own mean."""
        scale = self.scale(())
        return ScalarRule(
            lambda x: (x - x) * (x - x) * scale,
            lambda g, _value, x: ((x - x) * (g * (2.0 * scale)),),
        )

    def legend(self, *shapes: Shape) -> str:
        """m is the number of entries in each mean."""
        return f"m = {self.count(shapes[0])}, the number of entries in a mean"

    def formula(self, *names: str) -> str:
        """Σ(x - mean of x)² / m."""
        return self.along(f"Σ({names[0]} - mean of {names[0]})^2 / {self._below}")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """2(x - mean of x)/m."""
        return f"2({names[0]} - mean of {names[0]})/{self._below}"

    @property
    def _below(self) -> str:
        return "(m-1)" if self.attrs["unbiased"] else "m"


def _direction(out: Array, grad: Array, value: Array, x: Array) -> None:
    np.divide(x, value, out)
    np.copyto(out, 0.0, where=np.equal(value, 0.0))
    np.multiply(out, grad, out)


@register
class Norm(OverAxes):
    """The length √Σ x² along `axis` (of all entries by default).

    At 0, where it has no derivative, the gradient is 0: the choice of PyTorch, a subgradient.
    """

    role = "a norm sends the gradient in the direction of its input, {local[0]}, and 0 at length 0"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """√Σ x²."""
        square = do.scratch(inputs[0].shape)
        do(np.multiply, inputs[0], inputs[0], square)
        self.reduce(do, np.add, square, out)
        do(np.sqrt, out, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """x / norm, and 0 where the norm is 0."""
        shape = out.shape
        do(_direction, out, self.with_ones(grad, shape), self.with_ones(value, shape), inputs[0])

    def scalar(self) -> ScalarRule:
        """|x|."""
        return ScalarRule(
            lambda x: ieee.sqrt(x * x),
            lambda g, value, x: ((ieee.divide(x, value) if value else 0.0) * g,),
        )

    def formula(self, *names: str) -> str:
        """√Σ x²."""
        return self.along(f"√(Σ {names[0]}^2)")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """x / norm."""
        return f"{names[0]}/{name}"


def _log_sum_exp(out: Array, x: Array, axes: tuple[int, ...]) -> None:
    most = x.max(axes, keepdims=True, initial=-np.inf)
    # Of an infinite maximum nothing can be subtracted: infinity - infinity is NaN.
    shift = np.where(np.isinf(most), 0.0, most)
    np.add(shift, np.log(np.exp(x - shift).sum(axes, keepdims=True)), out)


def _shares(out: Array, grad: Array, value: Array, x: Array) -> None:
    np.subtract(x, value, out)
    np.exp(out, out)
    # e^-∞ / Σ e^-∞ is 0/0; nothing moves the value, so each share is 0.
    np.copyto(out, 0.0, where=np.equal(value, -np.inf))
    np.multiply(out, grad, out)


def _share(g: float, value: float, x: float) -> tuple[float, ...]:
    return ((0.0 if value == -math.inf else ieee.exp(x - value)) * g,)


@register
class LogSumExp(OverAxes):
    """log Σ eˣ along `axis`, a smooth maximum; the greatest entry is subtracted first.

    Nothing overflows. Where all entries are -infinity the value is -infinity, the gradient 0.
    """

    role = "a log-sum-exp sends to each entry its softmax probability {local[0]}"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """log Σ eˣ."""
        x = inputs[0]
        do(_log_sum_exp, self.with_ones(out, x.shape), x, self.axes(x.shape))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """e^(x - value), the softmax."""
        shape = out.shape
        do(_shares, out, self.with_ones(grad, shape), self.with_ones(value, shape), inputs[0])

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(lambda x: x, _share)

    def formula(self, *names: str) -> str:
        """log Σ eˣ."""
        return self.along(f"log Σ e^{names[0]}")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """e^(x - value)."""
        return f"e^({names[0]} - {name})"


def _products_of_others(out: Array, x: Array, axes: tuple[int, ...]) -> None:
    """Write the product of the other entries along `axes`: of those before times of those after.

    Not the value over the entry, which is 0/0 at 0. Linear in the number of entries.
    """
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    order = (*kept, *axes)
    moved = x.transpose(order)
    flat = moved.reshape(math.prod(moved.shape[: len(kept)]), -1)
    others = np.ones_like(flat)
    np.multiply.accumulate(flat[:, :-1], 1, out=others[:, 1:])
    after = np.multiply.accumulate(flat[:, :0:-1], 1)[:, ::-1]
    others[:, :-1] *= after
    np.copyto(out.transpose(order), others.reshape(moved.shape))


@register
class Prod(OverAxes):
    """The product of the entries along `axis` (all by default)."""

    role = "a product sends to each entry the gradient times the product of the other entries"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Π x."""
        self.reduce(do, np.multiply, inputs[0], out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The product of the others."""
        do(_products_of_others, out, inputs[0], self.axes(out.shape))
        do(np.multiply, out, self.with_ones(grad, out.shape), out)

    def scalar(self) -> ScalarRule:
        """x."""
        return ScalarRule(lambda x: x, lambda g, _value, _x: (g,))

    def formula(self, *names: str) -> str:
        """Π x."""
        return self.along(f"Π {names[0]}")

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The product of the others."""
        return f"Π of the others of {names[0]}"
