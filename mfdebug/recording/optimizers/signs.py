"""Rprop: steps of a size of their own for each entry, by the signs of two gradients.

Written from the single-tensor function of `torch/optim/rprop.py`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import Arrays, Known, Settings, UnknownRuleError
from miniflow.ops.base import Array
from miniflow.training.rules import Rule

_AGREE, _DISAGREE, _ZERO = range(3)


class Rprop(Known):
    """Rprop: the size of a step grows while the sign of the gradient stays, and else shrinks."""

    letters: ClassVar = {"prev": "b", "step_size": "s"}

    def read(self, settings: Settings) -> None:
        """Take the two factors, and the limits of the size."""
        self.shrink, self.grow = settings.pair("etas")
        self.least, self.most = settings.pair("step_sizes")
        if settings.on("capturable"):
            raise UnknownRuleError
        self.constants |= {
            "shrink": self.shrink, "grow": self.grow, "least": self.least, "most": self.most
        }  # fmt: skip
        if self.t == 1 and not self.kept:
            self.kept = {"b": self._zeros, "s": np.full_like(self._zeros, self.rate)}

    def own_rules(self) -> tuple[Rule, ...]:
        """r ← g × b; s ← grow × s; p ← p - sign(g) × s, where the sign is that of before."""
        return self._rules_where(_AGREE)

    def _rules_where(self, case: int) -> tuple[Rule, ...]:
        size = ("{grow} × {s}", "{shrink} × {s}", "{s}")[case]
        step = () if case == _DISAGREE else ("-sign({g}) × {s}",)
        return (
            Rule("r", ("{g} × {b}",)),
            Rule("s", (f"min(max({size}, {{least}}), {{most}})",)),
            Rule("p", ("{p}", *step)),
        )

    @property
    def cases(self) -> tuple[tuple[Rule, ...], ...]:
        """Of entries whose two gradients agree in sign, do not, and where one of them is 0."""
        return tuple(self.directed(self._rules_where(case)) for case in (_AGREE, _DISAGREE, _ZERO))

    def case(self, new: Arrays) -> Array | None:
        """Return the number of the case of each entry."""
        return np.where(new["r"] < 0, _DISAGREE, np.where(new["r"] == 0, _ZERO, _AGREE))

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute s; p ← p - sign(g) × s, but where the sign has changed."""
        product = np.asarray(g * self.old("b"))
        factor = np.sign(product)
        factor[product > 0] = self.grow
        factor[product < 0] = self.shrink
        factor[product == 0] = 1
        kind = p.dtype.type
        size = np.asarray(self.old("s") * factor)
        size = np.minimum(np.maximum(size, kind(self.least)), kind(self.most))
        used = np.where(product < 0, kind(0), g)
        return {"r": product, "s": size, "b": used}, do.add_product(p, np.sign(used), size, -1.0)
