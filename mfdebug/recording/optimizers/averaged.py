"""ASGD: descent at a rate that falls, and an average of the parameters beside them.

Written from the single-tensor function of `torch/optim/asgd.py`.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import Arrays, Known, Settings, UnknownRuleError
from miniflow.ops.base import Array
from miniflow.training.rules import Rule


class ASGD(Known):
    """ASGD. The average is not shown: no step uses it."""

    letters: ClassVar = {}

    def read(self, settings: Settings) -> None:
        """Take λ, and the rate that the step before has left, or the first one."""
        self.shrink, power = settings.number("lambd"), settings.number("alpha")
        if settings.on("capturable") or settings.on("differentiable"):
            raise UnknownRuleError
        kept = self.scalars.get("eta")
        if kept is None and self.t > 1:
            raise UnknownRuleError
        self.eta = float(np.float32(self.rate) if kept is None else kept)
        self.constants |= {"lambda": self.shrink, "eta": self.eta, "power": power}
        try:
            falling = self.rate / (1 + self.shrink * self.rate * (self.t - 1)) ** power
        except (ArithmeticError, TypeError):
            raise UnknownRuleError from None
        # Not if a scheduler has changed the learning rate since the step before.
        self.falls = isinstance(falling, float) and math.isclose(falling, self.eta, rel_tol=1e-6)

    def own_rules(self) -> tuple[Rule, ...]:
        """η ← lr / (1 + λ × lr × (t - 1))^α; p ← p - λ × η × p - η × g."""
        if not self.falls:
            change = "-{lambda} × {eta} × {p}", "-{eta} × {g}"
            return (Rule("p", ("{p}", *change)),)
        return (
            Rule("η", ("{lr} / (1 + {lambda} × {lr} × ({t} - 1))^{power}",)),
            Rule("p", ("{p}", "-{lambda} × {η} × {p}", "-{η} × {g}")),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute p ← p - λ × η × p - η × g."""
        shrunk = do.times(p, 1 - self.shrink * self.eta)
        new = {"η": np.full_like(p, self.eta)} if self.falls else {}
        return new, do.add(shrunk, g, -self.eta)
