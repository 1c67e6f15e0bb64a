"""PyTorch's optimizers whose rules are known: by their settings, in symbols and computed.

Each is written from the single-tensor function of the module in `torch/optim` that has its name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from miniflow.ops.base import Array
from miniflow.training.rules import Rule

Arrays = dict[str, Array]


class UnknownRuleError(Exception):
    """A step that is not one of a known rule."""


class Settings:
    """The settings of a group of parameters.

    Its methods raise `UnknownRuleError` for what is not as expected.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnknownRuleError
        try:
            return float(value)
        except OverflowError:
            raise UnknownRuleError from None

    def pair(self, name: str) -> tuple[float, float]:
        """Return a pair of numbers."""
        value = self._given.get(name)
        if not isinstance(value, tuple) or len(value) != 2:
            raise UnknownRuleError
        first, second = (Settings({"": item}).number("") for item in value)
        return first, second

    def on(self, name: str, *, default: bool = False) -> bool:
        """Return whether something is switched on."""
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            raise UnknownRuleError
        return value


def rate_of(settings: Mapping[str, Any]) -> float:
    """Return the learning rate of a group, NaN if it has none."""
    try:
        return Settings(settings).number("lr")
    except UnknownRuleError:
        return math.nan


def is_plain_descent(optimizer: str, settings: Mapping[str, Any]) -> bool:
    """Whether PyTorch's optimizer of this name and settings moves against the gradient, no more."""
    changed = ("momentum", "weight_decay", "maximize")
    return optimizer == "SGD" and not any(settings.get(name) for name in changed)


class Known(ABC):
    """An optimizer with a group's settings; `t` is the number of the step, from 1.

    `letters` are those of what it keeps, by PyTorch's names; `kept` has what is there before the
    step. `constants` are the numbers of its rules. Raises `UnknownRuleError` for settings that it
    does not know.
    """

    letters: ClassVar[Mapping[str, str]]

    def __init__(self, settings: Settings, kept: Arrays, t: int, parameter: Array) -> None:
        self.kept, self.t = kept, t
        self._zeros = np.zeros_like(parameter)
        self.rate = settings.number("lr")
        self.decay = settings.number("weight_decay", 0.0)
        self.maximize = settings.on("maximize")
        self.constants: dict[str, float] = {"decay": self.decay}
        self.read(settings)

    @abstractmethod
    def read(self, settings: Settings) -> None:
        """Take what is needed of the settings, and add to the constants."""

    @abstractmethod
    def own_rules(self) -> tuple[Rule, ...]:
        """Return the assignments of a step for the gradient `g`; the last one is to `p`."""

    @abstractmethod
    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Return what is kept after the step, by letter, and the new parameter."""

    @property
    def added_decay(self) -> float:
        """The weight decay that is added to the gradient."""
        return self.decay

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The assignments of a step; the first may make `d` of the gradient `grad`."""
        if not self.maximize and not self.added_decay:
            return self.own_rules()
        terms: tuple[str, ...] = ("-{grad}" if self.maximize else "{grad}",)
        if self.added_decay:
            terms = (*terms, "{decay} × {p}")
        return (Rule("d", terms), *self.own_rules())

    def step(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Return what is kept after the step, by letter, and the new parameter."""
        if self.maximize:
            g = np.asarray(-g)
        if self.added_decay:
            g = do.add(g, p, self.added_decay)
        return self.run(do, p, g)

    def _start_at_zero(self, letters: str) -> None:
        """Let what is kept be zeros before the first step, when nothing is there."""
        if self.t == 1 and not any(letter in self.kept for letter in letters):
            self.kept = {**self.kept, **dict.fromkeys(letters, self._zeros)}

    def old(self, letter: str) -> Array:
        """Return what was kept before the step."""
        if letter not in self.kept:
            raise UnknownRuleError
        return self.kept[letter]


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


class Adam(Known):
    """Adam, with amsgrad and with a decay of its own as AdamW has it."""

    letters: ClassVar = {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "a"}
    decoupled: ClassVar[bool] = False

    def read(self, settings: Settings) -> None:
        """Take the betas, ε, amsgrad, and whose decay it is."""
        self.beta1, self.beta2 = settings.pair("betas")
        self.epsilon = settings.number("eps")
        self.amsgrad = settings.on("amsgrad")
        self.apart = settings.on("decoupled_weight_decay", default=self.decoupled)
        if settings.on("capturable") or settings.on("differentiable"):
            raise UnknownRuleError
        self.constants |= {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
        self._start_at_zero("mva" if self.amsgrad else "mv")

    @property
    def added_decay(self) -> float:
        """0 if the rule of `p` has the decay."""
        return 0.0 if self.apart else self.decay

    def own_rules(self) -> tuple[Rule, ...]:
        """m, v, their corrections; p ← p - lr × m̂ / (√v̂ + ε)."""
        own, change = "{p}", "-{lr} × {m̂} / (√{v̂} + {epsilon})"
        decayed = self.apart and bool(self.decay)
        terms = (own, "-{lr} × {decay} × {p}", change) if decayed else (own, change)
        largest = (Rule("a", ("max({a}, {v})",)),) if self.amsgrad else ()
        return (
            *_moments("beta1", "beta2"),
            *largest,
            Rule("m̂", ("{m} / (1 - {beta1}^{t})",)),
            Rule("v̂", (f"{{{'a' if self.amsgrad else 'v'}}} / (1 - {{beta2}}^{{t}})",)),
            Rule("p", terms),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m, v, their corrections; p ← p - lr × m̂ / (√v̂ + ε)."""
        if self.apart and self.decay:
            p = do.times(p, 1 - self.rate * self.decay)
        m = do.between(self.old("m"), g, 1 - self.beta1)
        v = do.add_product(do.times(self.old("v"), self.beta2), g, g, 1 - self.beta2)
        kept = {"m": m, "v": v}
        if self.amsgrad:
            kept["a"] = v = np.maximum(self.old("a"), v)
        root = do.over(np.asarray(np.sqrt(v)), (1 - self.beta2**self.t) ** 0.5)
        size = do.plus(root, self.epsilon)
        return kept, do.add_quotient(p, m, size, -(self.rate / (1 - self.beta1**self.t)))


class AdamW(Adam):
    """Adam with a decay of its own: of PyTorch before 2.7, whose settings do not say so."""

    decoupled: ClassVar[bool] = True


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


class Adamax(Known):
    """Adamax: Adam with the largest size of a gradient so far, which decays."""

    letters: ClassVar = {"exp_avg": "m", "exp_inf": "u"}

    def read(self, settings: Settings) -> None:
        """Take the betas and ε."""
        self.beta1, self.beta2 = settings.pair("betas")
        self.epsilon = settings.number("eps")
        if settings.on("capturable"):
            raise UnknownRuleError
        self.constants |= {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
        self._start_at_zero("mu")

    def own_rules(self) -> tuple[Rule, ...]:
        """m and u; p ← p - lr × m̂ / u."""
        return (
            Rule("m", ("{beta1} × {m}", "(1 - {beta1}) × {g}")),
            Rule("u", ("max({beta2} × {u}, |{g}| + {epsilon})",)),
            Rule("m̂", ("{m} / (1 - {beta1}^{t})",)),
            Rule("p", ("{p}", "-{lr} × {m̂} / {u}")),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m and u; p ← p - lr × m̂ / u."""
        m = do.between(self.old("m"), g, 1 - self.beta1)
        size = do.plus(np.asarray(np.abs(g)), self.epsilon)
        u = np.maximum(do.times(self.old("u"), self.beta2), size)
        return {"m": m, "u": u}, do.add_quotient(p, m, u, -(self.rate / (1 - self.beta1**self.t)))


KNOWN: Mapping[str, type[Known]] = {
    kind.__name__: kind for kind in (SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax)
}


def _moments(first: str, second: str) -> tuple[Rule, Rule]:
    return (
        Rule("m", (f"{{{first}}} × {{m}}", f"(1 - {{{first}}}) × {{g}}")),
        Rule("v", (f"{{{second}}} × {{v}}", f"(1 - {{{second}}}) × {{g}}^2")),
    )
