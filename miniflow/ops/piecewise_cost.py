"""Costs in pieces: Huber, quadratic near 0 and linear far out, and Hinge, 0 beyond a margin."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from miniflow.ops.base import Array, Attribute, Calls, is_number, register
from miniflow.ops.cost import PairCost


def _huber(out: Array, error: Array, y: Array, a: Array, delta: float) -> None:
    np.subtract(y, a, error)
    size = np.abs(error)
    square = 0.5 * error * error
    out[...] = np.where(size <= delta, square, delta * (size - 0.5 * delta)).mean()


def _huber_vjp(out: Array, grad: Array, error: Array, factor: float, delta: float) -> None:
    np.clip(error, -delta, delta, out=out)
    np.multiply(out, grad.reshape(()) * (factor / out.size), out)


@register
class Huber(PairCost):
    """The mean of e²/2 where |e| ≤ delta, else delta (|e| - delta/2), for the error e = y - a.

    P. J. Huber, Annals of Mathematical Statistics 35, 1964: target y, then prediction a.
    """

    attributes: ClassVar = {
        "delta": Attribute(1.0, "a number above 0", lambda value: is_number(value) and value > 0)
    }
    role = (
        "a Huber cost sends the error, {names[0]} - {names[1]}, cut off at ±{attrs[delta]:g}, "
        "over {m}, to {to[0]}, and the opposite to {to[1]}"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The mean of e²/2, or of delta (|e| - delta/2)."""
        y, a = (x.reshape(-1) for x in inputs)
        do(_huber, out, do.keep("error", y.shape), y, a, float(self.attrs["delta"]))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """min(max(e, -delta), delta)/m to y, its opposite to a."""
        error = do.keep("error", (out.size,))
        factor = -1.0 if input_index else 1.0
        do(_huber_vjp, out.reshape(-1), grad, error, factor, float(self.attrs["delta"]))

    def formula(self, *names: str) -> str:
        """Σ huber(y - a) / m."""
        return f"Σ huber({names[0]} - {names[1]}) / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """±min(max(e, -delta), delta)/m."""
        delta = f"{self.attrs['delta']:.6g}"
        sign = "-" if input_index else ""
        return f"{sign}min(max({names[0]} - {names[1]}, -{delta}), {delta})/m"


def _hinge(out: Array, y: Array, a: Array) -> None:
    out[...] = np.maximum(1.0 - y * a, 0.0).mean()


def _hinge_vjp(out: Array, grad: Array, y: Array, a: Array, other: Array) -> None:
    scale = grad.reshape(()) / out.size
    np.copyto(out, np.where(1.0 - y * a > 0, -other * scale, 0.0))


@register
class Hinge(PairCost):
    """The mean of max(0, 1 - y a): targets y of -1 or 1, then scores a.

    At the kink, y a = 1, the gradient is 0.
    """

    role = (
        "a hinge cost sends -{names[0]}/{m} to {to[1]} and -{names[1]}/{m} to {to[0]} "
        "where their product is below 1, else nothing"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ max(0, 1 - y a) / m."""
        do(_hinge, out, *(x.reshape(-1) for x in inputs))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-a/m to y and -y/m to a, where y a < 1."""
        pair = [x.reshape(-1) for x in inputs]
        do(_hinge_vjp, out.reshape(-1), grad, *pair, pair[1 - input_index])

    def formula(self, *names: str) -> str:
        """Σ max(0, 1 - y a) / m."""
        return f"Σ max(0, 1 - {names[0]}·{names[1]}) / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """-a/m or -y/m, where y a < 1."""
        return f"-{names[1 - input_index]}·[{names[0]}·{names[1]} < 1]/m"
