"""Adafactor: of the squares of a matrix, what is kept are the means of its rows and columns.

Written from the single-tensor function of `torch/optim/_adafactor.py`.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import Arrays, Known, Settings, UnknownRuleError
from miniflow.ops.base import Array
from miniflow.training.rules import Rule

# How many times more a result may differ than that of an entry alone.
SUMMED = 8


class Adafactor(Known):
    """Adafactor, at a rate that follows the size of the parameter."""

    letters: ClassVar = {"row_var": "r", "col_var": "c", "variance": "v"}

    @classmethod
    def shape_of(cls, letter: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what is kept for a parameter: a number for a row, or a column."""
        if letter == "v" or len(shape) < 2:
            return shape
        return (*shape[:-1], 1) if letter == "r" else (*shape[:-2], 1, shape[-1])

    def read(self, settings: Settings) -> None:
        """Take the share of the newest squares, the limits, and from which size on it clips."""
        fall = settings.number("beta2_decay")
        epsilon = float(np.finfo(self._zeros.dtype).eps)
        self.epsilon, self.least_size = settings.pair("eps", missing=epsilon)
        self.most = settings.number("d")
        if not self.most > 0 or not self._zeros.size:
            raise UnknownRuleError
        try:
            self.fresh = float(self.t) ** fall
        except ArithmeticError:
            raise UnknownRuleError from None
        self.constants |= {"fresh": self.fresh, "least": self.epsilon**2}
        shape = self._zeros.shape
        self.matrix = len(shape) > 1
        if self.t == 1 and not self.kept:
            self.kept = {
                letter: np.zeros(self.shape_of(letter, shape), self._zeros.dtype)
                for letter in ("rc" if self.matrix else "v")
            }

    @property
    def added_decay(self) -> float:
        """0: the rule of `p` has the decay."""
        return 0.0

    @property
    def legend(self) -> str:
        """What the letters are that other entries of the gradient have a share in."""
        over = "" if self.most == 1 else f" over {self.most:g}"
        rate = (
            f"the rate {{alpha}} is the root mean square of the parameter, at least "
            f"{self.least_size:g}, times the smaller of lr and 1/√t; "
            f"{{clip}} is the root mean square of {{u}}{over}, at least 1"
        )
        if not self.matrix:
            return rate
        means = (
            "{q} and {k} are the means of the squared gradient in its row and in its column, "
            "{z} is the mean of {r}"
        )
        return f"{means}; {rate}"

    def own_rules(self) -> tuple[Rule, ...]:
        """r and c, or v; u ← g / √v; p ← p - α × u / clip."""
        decay = ("-{lr} × {decay} × {p}",) if self.decay else ()
        kept: tuple[Rule, ...] = (Rule("v", ("(1 - {fresh}) × {v}", "{fresh} × {g}^2")),)
        if self.matrix:
            kept = (
                Rule("r", ("(1 - {fresh}) × {r}", "{fresh} × {q}")),
                Rule("c", ("(1 - {fresh}) × {c}", "{fresh} × {k}")),
                Rule("v", ("{r} × {c} / {z}",)),
            )
        return (
            *kept,
            Rule("u", ("{g} / √max({v}, {least})",)),
            Rule("p", ("{p}", *decay, "-{alpha} × {u} / {clip}")),
        )

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute r and c, or v; u ← g / √v; p ← p - α × u / clip."""
        kind = p.dtype.type
        rate = min(self.rate, 1 / self.t**0.5)
        alpha = max(self.least_size, _norm(p) / p.size**0.5) * rate
        if self.decay:
            p = do.times(p, 1 - self.rate * self.decay)
        if self.matrix:
            new = self._means(do, g)
            v = np.asarray(new["r"] * new["c"] / new["z"])
        else:
            v = do.between(self.old("v"), np.asarray(g * g), self.fresh)
            new = {}
        root = np.sqrt(np.maximum(v, kind(self.epsilon * self.epsilon)))
        u = np.asarray(kind(1) / root * g)
        clip = max(1.0, _norm(u) / (u.size**0.5 * self.most))
        self.constants |= {"alpha": alpha, "clip": clip}
        return {**new, "v": v, "u": u}, do.add(p, u, -alpha / clip)

    def rounding(self, new: Arrays, before: Array, after: Array) -> Array:
        """Return more than for one entry alone: kernels add up squares in orders of their own."""
        return SUMMED * super().rounding(new, before, after)

    def _means(self, do: Floats, g: Array) -> Arrays:
        """Return the means of the squares, as they are now (q, k, z) and as they are kept."""
        found: Arrays = {}
        for letter, now, axis in (("r", "q", -1), ("c", "k", -2)):
            norm = np.sqrt(np.square(g, dtype=np.float64).sum(axis, keepdims=True))
            found[now] = do.over(np.square(norm.astype(g.dtype)), g.shape[axis])
            found[letter] = do.between(self.old(letter), found[now], self.fresh)
        mean = found["r"].mean(-2, keepdims=True, dtype=np.float64).astype(g.dtype)
        return {**found, "z": np.maximum(mean, g.dtype.type(self.epsilon))}


def _norm(x: Array) -> float:
    """Return the root of the sum of squares, as a number of the array's type."""
    return float(x.dtype.type(math.sqrt(float(np.square(x, dtype=np.float64).sum()))))
