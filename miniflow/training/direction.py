"""What an optimizer receives in place of a gradient: accumulated, clipped, with weight decay.

The gradients that are shown stay as backward computed them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from miniflow.ops.base import Array, Calls
from miniflow.training.rules import Rule
from miniflow.training.settings import Settings

# PyTorch's `clip_grad_norm_` adds it to the norm.
NORM_EPSILON = 1e-6


class Direction(Settings, frozen=True):
    """The mean gradient of `passes` passes, clipped by value or by norm, + weight_decay × p."""

    weight_decay: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    passes: int = 1

    @property
    def plain(self) -> bool:
        """Whether it is the gradient itself."""
        return self == Direction()

    # As calls ----------------------------------------------------------------------------

    def mean_calls(self, do: Calls, g: Array, accumulated: Array, out: Array) -> None:
        """(accumulated + g) / passes."""
        do(np.add, accumulated, g, out)
        do(np.multiply, out, 1.0 / self.passes, out)

    def piece_calls(
        self,
        do: Calls,
        p: Array,
        g: Array,
        accumulated: Array | None,
        scale: Array,
        out: Array,
        scratch: Array,
    ) -> None:
        """List the calls that write it to `out`; `scale` is what `scale_calls` computed."""
        if accumulated is not None:
            self.mean_calls(do, g, accumulated, out)
            g = out
        if self.clip_value is not None:
            do(np.minimum, g, self.clip_value, out=out)
            do(np.maximum, out, -self.clip_value, out=out)
            g = out
        elif self.clip_norm is not None:
            do(np.multiply, g, scale, out)
            g = out
        if self.weight_decay:
            do(np.multiply, p, self.weight_decay, scratch)
            do(np.add, g, scratch, out)

    def scale_calls(
        self,
        do: Calls,
        gradients: Sequence[Array],
        accumulated: Sequence[Array] | None,
        scale: Array,
    ) -> None:
        """List the calls that compute `scale`, 0-d, from all gradients, given as flat arrays."""
        assert self.clip_norm is not None
        sums = do.scratch((len(gradients),))
        for i, g in enumerate(gradients):
            square = do.scratch(g.shape)
            if accumulated is not None:
                self.mean_calls(do, g, accumulated[i], square)
                g = square
            do(np.multiply, g, g, square)
            do(np.add.reduce, square, axis=0, out=sums[i, ...])
        do(_fill_scale, scale, sums, self.clip_norm)

    # On Python floats --------------------------------------------------------------------

    def mean(self, g: float, accumulated: float) -> float:
        """(accumulated + g) / passes."""
        return (accumulated + g) * (1.0 / self.passes)

    def of(self, p: float, g: float, accumulated: float, scale: float) -> float:
        """Return it for one float."""
        if self.passes > 1:
            g = self.mean(g, accumulated)
        if self.clip_value is not None:
            # NaN as the first argument stays NaN, as in NumPy.
            g = min(g, self.clip_value)
            g = max(g, -self.clip_value)
        elif self.clip_norm is not None:
            g = g * scale
        return g + p * self.weight_decay if self.weight_decay else g

    # As text -----------------------------------------------------------------------------

    @property
    def constants(self) -> Mapping[str, float]:
        """The constants of the rules, by their names."""
        limit = self.clip_value if self.clip_norm is None else self.clip_norm
        return {
            "decay": self.weight_decay,
            "passes": float(self.passes),
            "limit": math.inf if limit is None else limit,
        }

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The assignments that lead from the gradient `grad` to what the optimizer receives."""
        if self.plain:
            return ()
        rules: list[Rule] = []
        g = "{grad}"
        if self.passes > 1:
            g = "({a} + {grad}) / {passes}"
        if self.clip_value is not None:
            g = f"max(-{{limit}}, min({{limit}}, {g}))"
        elif self.clip_norm is not None:
            rules.append(Rule("s", ("min(1, {limit} / ({norm} + {epsilon_norm}))",)))
            g = f"{{s}} × {f'({g})' if self.passes > 1 else g}"
        decay = ("{decay} × {p}",) if self.weight_decay else ()
        return (*rules, Rule("d", (g, *decay)))


def _fill_scale(scale: Array, sums: Array, limit: float) -> None:
    scale.fill(scale_of(float(np.add.reduce(sums)), limit))


def scale_of(square_sum: float, limit: float) -> float:
    """Return the factor of all gradients, limit / (norm + 1e-6), 1 at most; NaN of NaN.

    `square_sum` is the sum of the squares of all of them: PyTorch's `clip_grad_norm_`.
    """
    scale = limit / (math.sqrt(square_sum) + NORM_EPSILON)
    return min(scale, 1.0)
