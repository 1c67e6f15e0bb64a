"""Optimizers with a learning rate for each entry: the gradient divided by its usual size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from miniflow.arguments import BETA, EPSILON
from miniflow.ops import ieee
from miniflow.ops.base import Array, Calls
from miniflow.training.optimizer import Factors, Optimizer
from miniflow.training.rules import Rule


class Adam(Optimizer, frozen=True):
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

    @property
    def constants(self) -> Mapping[str, float]:
        """β₁, β₂ and ε."""
        return {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """m and v; then p ← p - lr × m̂ / (√v̂ + ε), with the bias-corrected m̂ and v̂."""
        return (
            Rule("m", ("{beta1} × {m}", "(1 - {beta1}) × {g}")),
            Rule("v", ("{beta2} × {v}", "(1 - {beta2}) × {g}^2")),
            Rule("m̂", ("{m} / (1 - {beta1}^{t})",)),
            Rule("v̂", ("{v} / (1 - {beta2}^{t})",)),
            Rule("p", ("{p}", "-{lr} × {m̂} / (√{v̂} + {epsilon})")),
        )


class AdamW(Adam, frozen=True, kw_only=True):
    """Adam with decoupled weight decay: p ← p - lr × λ × p, then Adam's update.

    Loshchilov and Hutter, arXiv:1711.05101, algorithm 2, with the learning rate as the multiplier
    of the decay, as PyTorch has it.
    """

    weight_decay: float = 0.01
    decoupled: ClassVar[bool] = True

    def _shrink(self, out: Array, rate: Array) -> None:
        out.fill(1.0 - float(rate) * self.weight_decay)

    def factors(self, do: Calls, rate: Array) -> Factors:
        """Adam's factors, and 1 - lr × λ."""
        shrink = do.keep("shrink", ())
        do(self._shrink, shrink, rate)
        return (*super().factors(do, rate), shrink)

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """(1 - lr × λ) × p, then Adam's update."""
        do(np.multiply, p, factors[2], p)
        super().piece_calls(do, p, g, state, factors[:2], change)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """(1 - lr × λ) × p, then Adam's update."""
        shrunk = p * (1.0 - rate * self.weight_decay)
        return super().update_scalar(shrunk, g, state, rate, sgd_step)

    @property
    def constants(self) -> Mapping[str, float]:
        """Adam's, and λ."""
        return {**super().constants, "weight_decay": self.weight_decay}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Adam's rules, with the decay as another term of the last."""
        *moments, last = super().rules
        own, change = last.terms
        return (*moments, Rule("p", (own, "-{lr} × {weight_decay} × {p}", change)))


class RMSProp(Optimizer, frozen=True):
    """The gradient divided by the root of its mean square: Hinton, Coursera lecture 6e, 2012.

    v ← β × v + (1 - β) × g²; p ← p - lr × g / (√v + ε), as PyTorch has it.
    """

    beta: float = 0.99
    epsilon: float = 1e-8
    keeps: ClassVar = ("mean_square",)
    state_names: ClassVar = ("v",)
    ranges: ClassVar = {**Optimizer.ranges, "beta": BETA, "epsilon": EPSILON}

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """v, then p - lr × g / (√v + ε)."""
        (v,) = state
        do(np.multiply, v, self.beta, v)
        do(np.multiply, g, g, change)
        do(np.multiply, change, 1.0 - self.beta, change)
        do(np.add, v, change, v)
        _divided_calls(do, p, g, v, self.epsilon, factors[0], change)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """v, then p - lr × g / (√v + ε)."""
        state[0] = state[0] * self.beta + g * g * (1.0 - self.beta)
        return p - ieee.divide(g, math.sqrt(state[0]) + self.epsilon) * rate

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """lr × g / (√v + ε)."""
        return _divided(g, state[0], self.epsilon, rate)

    @property
    def constants(self) -> Mapping[str, float]:
        """β and ε."""
        return {"beta": self.beta, "epsilon": self.epsilon}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """v ← β × v + (1 - β) × g²; p ← p - lr × g / (√v + ε)."""
        return (Rule("v", ("{beta} × {v}", "(1 - {beta}) × {g}^2")), _divided_rule())


class Adagrad(Optimizer, frozen=True):
    """The gradient divided by the root of the sum of its squares: Duchi et al., JMLR 12, 2011.

    v ← v + g²; p ← p - lr × g / (√v + ε).
    """

    epsilon: float = 1e-10
    keeps: ClassVar = ("square_sum",)
    state_names: ClassVar = ("v",)
    ranges: ClassVar = {**Optimizer.ranges, "epsilon": EPSILON}

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """v, then p - lr × g / (√v + ε)."""
        (v,) = state
        do(np.multiply, g, g, change)
        do(np.add, v, change, v)
        _divided_calls(do, p, g, v, self.epsilon, factors[0], change)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """v, then p - lr × g / (√v + ε)."""
        state[0] += g * g
        return p - ieee.divide(g, math.sqrt(state[0]) + self.epsilon) * rate

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """lr × g / (√v + ε)."""
        return _divided(g, state[0], self.epsilon, rate)

    @property
    def constants(self) -> Mapping[str, float]:
        """ε."""
        return {"epsilon": self.epsilon}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """v ← v + g²; p ← p - lr × g / (√v + ε)."""
        return (Rule("v", ("{v}", "{g}^2")), _divided_rule())


def _divided(g: Array, v: Array, epsilon: float, rate: float) -> Array:
    """lr × g / (√v + ε)."""
    with np.errstate(all="ignore"):
        return np.asarray(g / (np.sqrt(v) + epsilon) * rate)


def _divided_calls(
    do: Calls, p: Array, g: Array, v: Array, epsilon: float, rate: Array, change: Array
) -> None:
    """p - lr × g / (√v + ε)."""
    do(np.sqrt, v, change)
    do(np.add, change, epsilon, change)
    do(np.divide, g, change, change)
    do(np.multiply, change, rate, change)
    do(np.subtract, p, change, p)


def _divided_rule() -> Rule:
    return Rule("p", ("{p}", "-{lr} × {g} / (√{v} + {epsilon})"))
