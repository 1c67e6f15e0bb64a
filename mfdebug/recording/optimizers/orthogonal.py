"""Muon: descent along a momentum of which all directions are made about equally large.

Written from the single-tensor function of `torch/optim/_muon.py`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import Arrays, Known, Settings, UnknownRuleError
from miniflow.ops.base import Array
from miniflow.training.rules import Rule

# Products of numbers in an iteration that is computed again.
MOST_PRODUCTS = 5e8
# Between two numbers of bfloat16, as a part of the larger one.
_BFLOAT = 2.0**-8
_TOO_LARGE = "its rule is not shown, as the matrix is too large to be computed again"


class Muon(Known):
    """Muon, on matrices."""

    letters: ClassVar = {"momentum_buffer": "m"}

    def read(self, settings: Settings) -> None:
        """Take the momentum, the iteration and its number of steps, and how the rate is scaled."""
        self.momentum, self.nesterov = settings.number("momentum"), settings.on("nesterov")
        self.epsilon, self.iterations = settings.number("eps"), settings.number("ns_steps")
        self.coefficients = settings.numbers("ns_coefficients", 3)
        scaled = settings.text("adjust_lr_fn")
        if self._zeros.ndim != 2 or not 0 <= self.iterations < 100:
            raise UnknownRuleError
        rows, columns = self._zeros.shape
        if scaled == "match_rms_adamw":
            self.scale = 0.2 * math.sqrt(max(rows, columns))
        elif scaled in ("", "original"):
            self.scale = math.sqrt(max(1, rows / max(columns, 1)))
        else:
            raise UnknownRuleError
        self.constants |= {"momentum": self.momentum, "scale": self.scale}
        self._made: Array | None = None
        self._start_at_zero("m")

    @property
    def added_decay(self) -> float:
        """0: the rule of `p` has the decay."""
        return 0.0

    @property
    def legend(self) -> str:
        """What is computed from all entries at once."""
        of = "{u}" if self.nesterov else "{m}"
        return (
            f"{{o}} is its number in the orthogonalised matrix of {of}, "
            f"by {self.iterations:.0f} steps of Newton and Schulz in bfloat16"
        )

    def own_rules(self) -> tuple[Rule, ...]:
        """m ← momentum × m + (1 - momentum) × g; p ← p - lr × o."""
        mixed = "{momentum} × {m}", "(1 - {momentum}) × {g}"
        used = (Rule("u", mixed),) if self.nesterov else ()
        decay = ("-{lr} × {decay} × {p}",) if self.decay else ()
        change = "-{lr} × {o}" if self.scale == 1 else "-{lr} × {scale} × {o}"
        return (Rule("m", mixed), *used, Rule("p", ("{p}", *decay, change)))

    def run(self, do: Floats, p: Array, g: Array) -> tuple[Arrays, Array]:
        """Compute m, the orthogonalised matrix o, and p ← p - lr × o."""
        m = do.between(self.old("m"), g, 1 - self.momentum)
        u = do.between(g, m, self.momentum) if self.nesterov else m
        if self._made is None:
            self._made = self._orthogonalised(u).astype(p.dtype)
        shrunk = do.times(p, 1 - self.rate * self.decay)
        new = {"m": m, "u": u, "o": self._made}
        return new, do.add(shrunk, self._made, -(self.rate * self.scale))

    def rounding(self, new: Arrays, before: Array, after: Array) -> Array:
        """Return more by two numbers of bfloat16: kernels add up in orders of their own."""
        largest = float(np.abs(new["o"]).max(initial=0.0))
        bfloat = 2 * _BFLOAT * largest * abs(self.rate * self.scale)
        return np.asarray(super().rounding(new, before, after) + before.dtype.type(bfloat))

    def _orthogonalised(self, x: Array) -> Array:
        """Return the matrix that the Newton-Schulz iteration makes of one, as float32."""
        short, long = sorted(x.shape)
        if self.iterations * short * short * (2 * long + short) > MOST_PRODUCTS:
            raise UnknownRuleError(_TOO_LARGE)
        turned = x.shape[0] > x.shape[1]
        a, b, c = self.coefficients
        made = _bfloat(x.T if turned else x)
        norm = _bfloat(np.sqrt(np.square(made, dtype=np.float64).sum()))
        made = _bfloat(made / np.maximum(norm, _bfloat(np.float64(self.epsilon))))
        for _ in range(int(self.iterations)):
            wide = made.astype(np.float64)
            square = _bfloat(wide @ wide.T).astype(np.float64)
            mixed = _bfloat(b * square + c * (square @ square)).astype(np.float64)
            made = _bfloat(a * wide + mixed @ wide)
        return made.T if turned else made


def _bfloat(x: Any) -> Array:
    """Return numbers rounded to those of bfloat16, ties to even, as float32."""
    bits = np.atleast_1d(np.asarray(x, np.float32)).view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = (bits + (np.uint32(0x7FFF) + even)) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32).reshape(np.shape(x))
