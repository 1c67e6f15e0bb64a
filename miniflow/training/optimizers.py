"""Optimizers: the rules that update parameters from gradients.

An optimizer lists calls, as an op does, over a block of parameters: the whole block in training,
the part of one parameter when a debugger steps. Every operation is elementwise, so both give the
same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miniflow.arguments import BETA, EPSILON, LEARNING_RATE, MOMENTUM, Range, check_fields
from miniflow.ops import ieee
from miniflow.ops.base import Array, Calls

Factors = tuple[Array, ...]

# A piece of this many bytes stays in the processor's cache from one call to the next. With
# 5,800,000 parameters Adam takes 0.66 times as long as in one piece; smaller pieces make SGD, which
# has two calls per piece, slower than one piece.
PIECE_BYTES = 512 * 1024


@dataclass(frozen=True)
class Optimizer:
    """Base of the optimizers: a learning rate, and state for each parameter.

    `keeps` names the arrays kept from one SGD step to the next, each of the parameter's shape;
    `state_names` are their letters in the formula; `ranges` are the ranges of the fields. Raises
    `GraphError` for a field out of its range.
    """

    learning_rate: float = 0.01
    keeps: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ()
    ranges: ClassVar[Mapping[str, Range]] = {"learning_rate": LEARNING_RATE}

    def __post_init__(self) -> None:
        check_fields(self, self.ranges)

    def update_calls(
        self, do: Calls, parameters: Array, gradients: Array, state: list[Array], rate: Array
    ) -> None:
        """List the calls that update flat `parameters` in place, a piece at a time.

        `rate`, a 0-d array, holds the current learning rate.
        """
        factors = self.factors(do, rate)
        piece = max(1, PIECE_BYTES // parameters.itemsize)
        change = do.scratch((piece,))
        for start in range(0, parameters.size, piece):
            part = slice(start, start + piece)
            p, g = parameters[part], gradients[part]
            self.piece_calls(do, p, g, [s[part] for s in state], factors, change[: p.size])

    def factors(self, do: Calls, rate: Array) -> Factors:
        """Return the factors of an SGD step, as 0-d arrays; list the calls that compute them."""
        return (rate,)

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """List the calls for one piece; `change` is scratch of the piece's size."""
        raise NotImplementedError

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """Return the updated value of one Python float; update `state` in place."""
        raise NotImplementedError

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """Return what the last update subtracted from a parameter, of its shape.

        `g` is the gradient and `state` the state as the update of `sgd_step` left it.
        """
        raise NotImplementedError

    def formula(self, name: str, gradient: str) -> tuple[str, ...]:
        """Return the assignments of an update, in order, for the parameter called `name`."""
        raise NotImplementedError


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: p ← p - lr × g."""

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """p - lr × g."""
        do(np.multiply, g, factors[0], change)
        do(np.subtract, p, change, p)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """p - lr × g."""
        return p - g * rate

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """lr × g."""
        return np.asarray(g * rate)

    def formula(self, name: str, gradient: str) -> tuple[str, ...]:
        """w ← w - lr × g."""
        return (f"{name} ← {name} - lr × {gradient}",)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with a velocity: v ← momentum × v + g; p ← p - lr × v.

    Sutskever et al., "On the importance of initialization and momentum", ICML 2013, in the form
    in which the learning rate multiplies the velocity.
    """

    momentum: float = 0.9
    keeps: ClassVar = ("velocity",)
    state_names: ClassVar = ("v",)
    ranges: ClassVar = {**Optimizer.ranges, "momentum": MOMENTUM}

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """v = momentum × v + g; p - lr × v."""
        (v,) = state
        do(np.multiply, v, self.momentum, v)
        do(np.add, v, g, v)
        do(np.multiply, v, factors[0], change)
        do(np.subtract, p, change, p)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """v = momentum × v + g; p - lr × v."""
        state[0] = state[0] * self.momentum + g
        return p - state[0] * rate

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """lr × v."""
        return np.asarray(state[0] * rate)

    def formula(self, name: str, gradient: str) -> tuple[str, ...]:
        """v ← momentum × v + g; w ← w - lr × v."""
        return (f"v ← {self.momentum:g} × v + {gradient}", f"{name} ← {name} - lr × v")


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: Kingma and Ba, arXiv:1412.6980, algorithm 1."""

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    keeps: ClassVar = ("first_moment", "second_moment")
    state_names: ClassVar = ("m", "v")
    ranges: ClassVar = {**Optimizer.ranges, "beta1": BETA, "beta2": BETA, "epsilon": EPSILON}

    def _corrections(self, sgd_step: int) -> tuple[float, float]:
        t = sgd_step + 1
        return 1.0 / (1.0 - self.beta1**t), 1.0 / (1.0 - self.beta2**t)

    def _fill(self, scale: Array, correction: Array, rate: Array, sgd_step: Array) -> None:
        first, second = self._corrections(int(sgd_step[0]))
        scale[...] = rate * first
        correction[...] = second

    def factors(self, do: Calls, rate: Array) -> Factors:
        """lr / (1 - β₁ᵗ) and 1 / (1 - β₂ᵗ)."""
        scale, correction = do.keep("scale", ()), do.keep("correction", ())
        do(self._fill, scale, correction, rate, do.sgd_step)
        return scale, correction

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """m and v, then p - lr × m̂ / (√v̂ + ε)."""
        m, v = state
        scale, correction = factors
        do(np.multiply, m, self.beta1, m)
        do(np.multiply, g, 1.0 - self.beta1, change)
        do(np.add, m, change, m)
        do(np.multiply, v, self.beta2, v)
        do(np.multiply, g, g, change)
        do(np.multiply, change, 1.0 - self.beta2, change)
        do(np.add, v, change, v)
        do(np.multiply, v, correction, change)
        do(np.sqrt, change, change)
        do(np.add, change, self.epsilon, change)
        do(np.divide, m, change, change)
        do(np.multiply, change, scale, change)
        do(np.subtract, p, change, p)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """m and v, then p - lr × m̂ / (√v̂ + ε)."""
        first, second = self._corrections(sgd_step)
        state[0] = state[0] * self.beta1 + g * (1.0 - self.beta1)
        state[1] = state[1] * self.beta2 + g * g * (1.0 - self.beta2)
        size = math.sqrt(state[1] * second) + self.epsilon
        return p - ieee.divide(state[0], size) * (rate * first)

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """lr × m̂ / (√v̂ + ε)."""
        first, second = self._corrections(sgd_step)
        with np.errstate(all="ignore"):
            size = np.sqrt(state[1] * second) + self.epsilon
            return np.asarray(state[0] / size * (rate * first))

    def formula(self, name: str, gradient: str) -> tuple[str, ...]:
        """m and v; then w ← w - lr × m̂ / (√v̂ + ε), with the bias-corrected m̂ and v̂."""
        return (
            f"m ← {self.beta1:g} × m + (1 - {self.beta1:g}) × {gradient}",
            f"v ← {self.beta2:g} × v + (1 - {self.beta2:g}) × ({gradient})²",
            f"{name} ← {name} - lr × m̂ / (√v̂ + {self.epsilon:g})",
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam}
