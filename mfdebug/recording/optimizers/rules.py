"""PyTorch's optimizers whose rules are known: by their settings, in symbols and computed.

Each is written from the single-tensor function of the module in `torch/optim` that has its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mfdebug.recording.optimizers.averaged import ASGD
from mfdebug.recording.optimizers.factored import Adafactor
from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import Arrays, Known, Settings
from mfdebug.recording.optimizers.moments import Adam, Adamax, AdamW, NAdam, RAdam, SparseAdam
from mfdebug.recording.optimizers.orthogonal import Muon
from mfdebug.recording.optimizers.signs import Rprop
from miniflow.ops.base import Array
from miniflow.training.rules import Rule


class SGD(Known):
    """Descent, with a momentum: the first step sets the velocity to the gradient."""

    letters: ClassVar = {"momentum_buffer": "v"}

    def read(self, settings: Settings) -> None:
        """Take the momentum, its dampening, and whether it is Nesterov's."""
        self.momentum = settings.number("momentum", 0.0)
        self.dampening = settings.number("dampening", 0.0)
        self.nesterov = settings.on("nesterov")
        self.constants |= {"momentum": self.momentum, "dampening": self.dampening}

    def own_rules(self) -> tuple[Rule, ...]:
        """v ← momentum × v + (1 - dampening) × g; p ← p - lr × v."""
        if not self.momentum:
            return (Rule("p", ("{p}", "-{lr} × {g}")),)
        new = "(1 - {dampening}) × {g}" if self.dampening else "{g}"
        velocity = ("{momentum} × {v}", new) if "v" in self.kept else ("{g}",)
        used = "-{lr} × ({g} + {momentum} × {v})" if self.nesterov else "-{lr} × {v}"
        return Rule("v", velocity), Rule("p", ("{p}", used))

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute v ← momentum × v + (1 - dampening) × g; p ← p - lr × v."""
        if not self.momentum:
            return {}, do.add(p, g, -self.rate)
        v = g
        if "v" in self.kept:
            v = do.add(do.times(self.kept["v"], self.momentum), g, 1 - self.dampening)
        used = do.add(g, v, self.momentum) if self.nesterov else v
        return {"v": v}, do.add(p, used, -self.rate)


class RMSprop(Known):
    """RMSprop, centered or not, with or without a momentum."""

    letters: ClassVar = {"square_avg": "v", "grad_avg": "m", "momentum_buffer": "b"}

    def read(self, settings: Settings) -> None:
        """Take alpha, ε, the momentum, and whether it is centered."""
        self.alpha, self.epsilon = settings.number("alpha"), settings.number("eps")
        self.momentum = settings.number("momentum", 0.0)
        self.centered = settings.on("centered")
        self.constants |= {
            "alpha": self.alpha, "epsilon": self.epsilon, "momentum": self.momentum
        }  # fmt: skip
        letters = "v" + "m" * self.centered + "b" * (self.momentum > 0)
        self._start_at_zero(letters)

    def own_rules(self) -> tuple[Rule, ...]:
        """v ← α × v + (1 - α) × g^2; p ← p - lr × g / (√v + ε)."""
        rules = [Rule("v", ("{alpha} × {v}", "(1 - {alpha}) × {g}^2"))]
        square = "{v}"
        if self.centered:
            rules.append(Rule("m", ("{alpha} × {m}", "(1 - {alpha}) × {g}")))
            square = "({v} - {m}^2)"
        change = f"{{g}} / (√{square} + {{epsilon}})"
        if self.momentum > 0:
            rules.append(Rule("b", ("{momentum} × {b}", change)))
            change = "{b}"
        return (*rules, Rule("p", ("{p}", f"-{{lr}} × {change}")))

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute v ← α × v + (1 - α) × g^2; p ← p - lr × g / (√v + ε)."""
        v = do.add_product(do.times(self.old("v"), self.alpha), g, g, 1 - self.alpha)
        kept, square = {"v": v}, v
        if self.centered:
            kept["m"] = m = do.between(self.old("m"), g, 1 - self.alpha)
            square = do.add_product(v, m, m, -1.0)
        size = do.plus(np.asarray(np.sqrt(square)), self.epsilon)
        if self.momentum > 0:
            b = do.add_quotient(do.times(self.old("b"), self.momentum), g, size, 1.0)
            return {**kept, "b": b}, do.add(p, b, -self.rate)
        return kept, do.add_quotient(p, g, size, -self.rate)


class Adagrad(Known):
    """Adagrad, whose rate may fall."""

    letters: ClassVar = {"sum": "v"}

    def read(self, settings: Settings) -> None:
        """Take ε, and how the rate falls."""
        self.fall, self.epsilon = settings.number("lr_decay", 0.0), settings.number("eps")
        self.constants |= {"fall": self.fall, "epsilon": self.epsilon}

    def own_rules(self) -> tuple[Rule, ...]:
        """v ← v + g^2; p ← p - lr × g / (√v + ε)."""
        rate = "{lr} / (1 + ({t} - 1) × {fall})" if self.fall else "{lr}"
        return (
            Rule("v", ("{v}", "{g}^2")),
            Rule("p", ("{p}", f"-{rate} × {{g}} / (√{{v}} + {{epsilon}})")),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute v ← v + g^2; p ← p - lr × g / (√v + ε)."""
        v = do.add_product(self.old("v"), g, g, 1.0)
        size = do.plus(np.asarray(np.sqrt(v)), self.epsilon)
        rate = self.rate / (1 + (self.t - 1) * self.fall)
        return {"v": v}, do.add_quotient(p, g, size, -rate)


class Adadelta(Known):
    """Adadelta: the change is the gradient times a quotient of usual sizes."""

    letters: ClassVar = {"square_avg": "v", "acc_delta": "a"}

    def read(self, settings: Settings) -> None:
        """Take rho and ε."""
        self.rho, self.epsilon = settings.number("rho"), settings.number("eps")
        self.constants |= {"rho": self.rho, "epsilon": self.epsilon}
        self._start_at_zero("va")

    def own_rules(self) -> tuple[Rule, ...]:
        """v and a; p ← p - lr × √(a + ε) / √(v + ε) × g."""
        return (
            Rule("v", ("{rho} × {v}", "(1 - {rho}) × {g}^2")),
            Rule("Δ", ("√({a} + {epsilon}) / √({v} + {epsilon}) × {g}",)),
            Rule("a", ("{rho} × {a}", "(1 - {rho}) × {Δ}^2")),
            Rule("p", ("{p}", "-{lr} × {Δ}")),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute v and a; p ← p - lr × √(a + ε) / √(v + ε) × g."""
        v = do.add_product(do.times(self.old("v"), self.rho), g, g, 1 - self.rho)
        size = np.asarray(np.sqrt(do.plus(v, self.epsilon)))
        change = np.asarray(np.sqrt(do.plus(self.old("a"), self.epsilon)) / size * g)
        a = do.add_product(do.times(self.old("a"), self.rho), change, change, 1 - self.rho)
        return {"v": v, "a": a, "Δ": change}, do.add(p, change, -self.rate)


KNOWN: Mapping[str, type[Known]] = {
    kind.__name__: kind
    for kind in (
        *(SGD, RMSprop, Adagrad, Adadelta),
        *(Adam, AdamW, NAdam, RAdam, SparseAdam, Adamax),
        *(Adafactor, ASGD, Muon, Rprop),
    )
}
