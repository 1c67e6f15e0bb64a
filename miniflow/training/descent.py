"""Gradient descent: plain, and with a velocity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from miniflow.arguments import MOMENTUM
from miniflow.errors import GraphError
from miniflow.ops.base import Array, Calls
from miniflow.training.optimizer import Factors, Optimizer
from miniflow.training.rules import Rule


class SGD(Optimizer, frozen=True):
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

    @property
    def rules(self) -> tuple[Rule, ...]:
        """p ← p - lr × g."""
        return (Rule("p", ("{p}", "-{lr} × {g}")),)


class Momentum(Optimizer, frozen=True):
    """Gradient descent with a velocity: v ← momentum × v + g; p ← p - lr × v.

    With `nesterov`, p ← p - lr × (g + momentum × v). Sutskever et al., "On the importance of
    initialization and momentum", ICML 2013, in the form in which the learning rate multiplies the
    velocity. Raises `GraphError` for Nesterov's form without a momentum.
    """

    momentum: float = 0.9
    nesterov: bool = False
    keeps: ClassVar = ("velocity",)
    state_names: ClassVar = ("v",)
    ranges: ClassVar = {**Optimizer.ranges, "momentum": MOMENTUM}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise GraphError("Nesterov's form needs a momentum above 0", where="Momentum")

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """v = momentum × v + g; p - lr × v, or p - lr × (g + momentum × v)."""
        (v,) = state
        do(np.multiply, v, self.momentum, v)
        do(np.add, v, g, v)
        if self.nesterov:
            do(np.multiply, v, self.momentum, change)
            do(np.add, g, change, change)
            do(np.multiply, change, factors[0], change)
        else:
            do(np.multiply, v, factors[0], change)
        do(np.subtract, p, change, p)

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """v = momentum × v + g; p - lr × v, or p - lr × (g + momentum × v)."""
        state[0] = v = state[0] * self.momentum + g
        return p - (g + v * self.momentum if self.nesterov else v) * rate

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """lr × v, or lr × (g + momentum × v)."""
        v = state[0]
        return np.asarray((g + v * self.momentum if self.nesterov else v) * rate)

    @property
    def constants(self) -> Mapping[str, float]:
        """The momentum."""
        return {"momentum": self.momentum}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """v ← momentum × v + g; p ← p - lr × v."""
        used = "-{lr} × ({g} + {momentum} × {v})" if self.nesterov else "-{lr} × {v}"
        return (Rule("v", ("{momentum} × {v}", "{g}")), Rule("p", ("{p}", used)))
