"""Dropout: random entries set to 0, by a seed, so that a replay drops the same ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from miniflow.ops.base import Array, Attribute, Calls, is_integer, is_number, register
from miniflow.ops.broadcasting import Elementwise


@register
class Dropout(Elementwise):
    """Each entry is 0 with probability `rate`, else scaled by 1/(1-rate).

    Srivastava et al., JMLR 15, 2014, in the inverted form. The mask depends only on `seed` and on
    the SGD step.
    """

    attributes: ClassVar = {
        "rate": Attribute(0.5, "a number from 0 to below 1", lambda v: is_number(v) and 0 <= v < 1),
        "seed": Attribute(0, "an integer from 0", lambda v: is_integer(v) and v >= 0),
    }
    role = "dropout is a random gate: the gradient passes, scaled, where the entry was kept"

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x × mask."""
        mask = do.keep("mask", out.shape)
        do(self._draw, mask, do.sgd_step)
        do(np.multiply, inputs[0], mask, out)

    def _draw(self, mask: Array, sgd_step: Array) -> None:
        rate = float(self.attrs["rate"])
        rng = np.random.default_rng((self.attrs["seed"], int(sgd_step[0])))
        np.copyto(mask, (rng.random(mask.shape) >= rate) / (1.0 - rate))

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The mask."""
        do(np.multiply, grad, do.keep("mask", grad.shape), out)

    def formula(self, *names: str) -> str:
        """x × mask."""
        return f"{names[0]} × mask (rate {self.attrs['rate']:g})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The mask."""
        return "mask"
