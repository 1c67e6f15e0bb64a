"""Adam and what came of it: optimizers that keep the mean of the gradient and of its square.

Each is written from the single-tensor function of the module in `torch/optim` that has its name.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import Arrays, Known, Settings, UnknownRuleError
from miniflow.ops.base import Array
from miniflow.training.rules import Rule


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

    def descends(self, *changes: str) -> Rule:
        """Return the rule of `p` with these changes, after the decay of its own."""
        decay = ("-{lr} × {decay} × {p}",) if self.apart and self.decay else ()
        return Rule("p", ("{p}", *decay, *changes))

    def decayed(self, do: Floats, p: Array) -> Array:
        """Return the parameter after the decay of its own."""
        return do.times(p, 1 - self.rate * self.decay) if self.apart and self.decay else p

    def moments(self, do: Floats, g: Array) -> tuple[Array, Array]:
        """Return the new means of the gradient and of its square."""
        m = do.between(self.old("m"), g, 1 - self.beta1)
        v = do.add_product(do.times(self.old("v"), self.beta2), g, g, 1 - self.beta2)
        return m, v

    def own_rules(self) -> tuple[Rule, ...]:
        """m, v, their corrections; p ← p - lr × m̂ / (√v̂ + ε)."""
        largest = (Rule("a", ("max({a}, {v})",)),) if self.amsgrad else ()
        return (
            *_moments("beta1", "beta2"),
            *largest,
            Rule("m̂", ("{m} / (1 - {beta1}^{t})",)),
            Rule("v̂", (f"{{{'a' if self.amsgrad else 'v'}}} / (1 - {{beta2}}^{{t}})",)),
            self.descends("-{lr} × {m̂} / (√{v̂} + {epsilon})"),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m, v, their corrections; p ← p - lr × m̂ / (√v̂ + ε)."""
        p = self.decayed(do, p)
        m, v = self.moments(do, g)
        kept = {"m": m, "v": v}
        if self.amsgrad:
            kept["a"] = v = np.maximum(self.old("a"), v)
        root = do.over(np.asarray(np.sqrt(v)), (1 - self.beta2**self.t) ** 0.5)
        size = do.plus(root, self.epsilon)
        return kept, do.add_quotient(p, m, size, -(self.rate / (1 - self.beta1**self.t)))


class AdamW(Adam):
    """Adam with a decay of its own: of PyTorch before 2.7, whose settings do not say so."""

    decoupled: ClassVar[bool] = True


class NAdam(Adam):
    """Adam with Nesterov's momentum, which grows from step to step."""

    letters: ClassVar = {"exp_avg": "m", "exp_avg_sq": "v"}

    def read(self, settings: Settings) -> None:
        """Take what Adam has, and how the momentum grows."""
        super().read(settings)
        growth = settings.number("momentum_decay")
        now, then = (
            self.beta1 * (1 - 0.5 * 0.96 ** (step * growth)) for step in (self.t, self.t + 1)
        )
        before = self.scalars.get("mu_product")
        if before is None and self.t > 1:
            raise UnknownRuleError
        kind = np.float32 if before is None else before.dtype.type
        product = float(kind(1 if before is None else before) * kind(now))
        # The shares of the gradient and of its mean.
        self.constants |= {"fresh": (1 - now) / (1 - product), "mean": then / (1 - product * then)}

    def own_rules(self) -> tuple[Rule, ...]:
        """m, v and its correction; p ← p - lr × (fresh × g + mean × m) / (√v̂ + ε)."""
        size = "(√{v̂} + {epsilon})"
        return (
            *_moments("beta1", "beta2"),
            Rule("v̂", ("{v} / (1 - {beta2}^{t})",)),
            self.descends(
                f"-{{lr}} × {{fresh}} × {{g}} / {size}", f"-{{lr}} × {{mean}} × {{m}} / {size}"
            ),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m and v; p ← p - lr × (fresh × g + mean × m) / (√v̂ + ε)."""
        p = self.decayed(do, p)
        m, v = self.moments(do, g)
        size = do.plus(np.asarray(np.sqrt(do.over(v, 1 - self.beta2**self.t))), self.epsilon)
        p = do.add_quotient(p, g, size, -self.rate * self.constants["fresh"])
        return {"m": m, "v": v}, do.add_quotient(p, m, size, -self.rate * self.constants["mean"])


class RAdam(Adam):
    """Adam whose rate is rectified, and which does not divide by √v in its first steps."""

    letters: ClassVar = {"exp_avg": "m", "exp_avg_sq": "v"}

    def read(self, settings: Settings) -> None:
        """Take what Adam has, and compute by what the rate is rectified."""
        super().read(settings)
        try:
            most = 2 / (1 - self.beta2) - 1
            length = most - 2 * self.t * self.beta2**self.t / (1 - self.beta2**self.t)
            self.divides = length > 5
            if self.divides:
                share = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
                self.constants |= {"rectified": share**0.5}
        except ArithmeticError:
            raise UnknownRuleError from None

    def own_rules(self) -> tuple[Rule, ...]:
        """m, v; p ← p - lr × m̂, or p - lr × rectified × m̂ × √(1 - β2^t) / (√v + ε)."""
        change = "-{lr} × {m̂}"
        if self.divides:
            root = "√(1 - {beta2}^{t}) / (√{v} + {epsilon})"
            change = f"-{{lr}} × {{rectified}} × {{m̂}} × {root}"
        return (
            *_moments("beta1", "beta2"),
            Rule("m̂", ("{m} / (1 - {beta1}^{t})",)),
            self.descends(change),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m and v, and p by the rule that holds at this step."""
        p = self.decayed(do, p)
        m, v = self.moments(do, g)
        change = do.times(do.over(m, 1 - self.beta1**self.t), self.rate)
        if self.divides:
            size = do.plus(np.asarray(np.sqrt(v)), self.epsilon)
            root = do.times(np.asarray(1 / size), (1 - self.beta2**self.t) ** 0.5)
            change = do.times(np.asarray(change * root), self.constants["rectified"])
        return {"m": m, "v": v}, np.asarray(p - change)


class SparseAdam(Adam):
    """Adam on the rows to which a gradient came; all others are left as they are."""

    letters: ClassVar = {"exp_avg": "m", "exp_avg_sq": "v"}

    def own_rules(self) -> tuple[Rule, ...]:
        """m, v and the correction of m; p ← p - lr × m̂ × √(1 - β2^t) / (√v + ε)."""
        return (
            *_moments("beta1", "beta2"),
            Rule("m̂", ("{m} / (1 - {beta1}^{t})",)),
            self.descends("-{lr} × {m̂} × √(1 - {beta2}^{t}) / (√{v} + {epsilon})"),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m, v and p in the rows with a gradient."""
        m, v = self.old("m"), self.old("v")
        new_m = np.asarray(m + do.times(np.asarray(g - m), 1 - self.beta1))
        new_v = np.asarray(v + do.times(np.asarray(g * g - v), 1 - self.beta2))
        size = do.plus(np.asarray(np.sqrt(new_v)), self.epsilon)
        rate = self.rate * math.sqrt(1 - self.beta2**self.t) / (1 - self.beta1**self.t)
        new_p = np.asarray(p + do.times(np.asarray(new_m / size), -rate))
        left = self.left(g)
        assert left is not None
        kept = {"m": np.where(left, m, new_m), "v": np.where(left, v, new_v)}
        return kept, np.where(left, p, new_p)

    def left(self, g: Array) -> Array | None:
        """Return the entries of the rows without a gradient."""
        rows = (g != 0).any(axis=tuple(range(1, g.ndim)), keepdims=True)
        return np.broadcast_to(~rows, g.shape)


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


def _moments(first: str, second: str) -> tuple[Rule, Rule]:
    return (
        Rule("m", (f"{{{first}}} × {{m}}", f"(1 - {{{first}}}) × {{g}}")),
        Rule("v", (f"{{{second}}} × {{v}}", f"(1 - {{{second}}}) × {{g}}^2")),
    )
