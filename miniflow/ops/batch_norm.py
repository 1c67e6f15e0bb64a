"""Batch normalization: a mean and a variance for each channel of a batch, and of all batches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Attribute, Calls, Shape, is_number, register, shape_text
from miniflow.ops.channel_norms import ByChannel
from miniflow.ops.norms import EPS, Grid


@register
class BatchNorm(ByChannel):
    """Mean 0 and variance 1 in each channel of the batch. S. Ioffe and C. Szegedy, ICML 2015.

    In training each forward pass also moves the running mean and variance towards those of the
    batch: running ← (1 - momentum) × running + momentum × batch, with the unbiased variance. With
    `training` false, the running ones normalise, and stay as they are.
    """

    attributes: ClassVar = {
        "training": Attribute(True, "true or false", lambda value: isinstance(value, bool)),
        "momentum": Attribute(
            0.1, "a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1
        ),
        "eps": EPS,
    }
    lasts: ClassVar = {"running_mean": 0.0, "running_var": 1.0}

    role = (
        "a batch norm sends to {to[0]} the gradient without what moves the mean or the variance "
        "of its channel, over its deviation"
    )

    @property
    def reads_lasting(self) -> bool:
        """Only in inference."""
        return not self.attrs["training"]

    def lasting_shape(self, *shapes: Shape) -> Shape:
        """One number for each channel."""
        return shapes[0][1:2]

    def weight_shape(self, *shapes: Shape) -> Shape:
        """The number of channels."""
        shape = super().weight_shape(*shapes)
        if self.attrs["training"] and self.weight_grid(*shapes).summed < 2:
            raise ShapeError(
                f"x of shape {shape_text(shapes[0])} has one number for each channel: their "
                "variance is not defined",
                hint='a larger batch, or "training": false',
            )
        return shape

    def grid(self, *shapes: Shape) -> Grid:
        """A mean for each channel."""
        return self.weight_grid(*shapes)

    def normal_calls(self, do: Calls, grid: Grid, x: Array, normal: Array, scratch: Array) -> None:
        """By the batch's statistics, which move the running ones; in inference by the running."""
        running_mean, running_var = (
            do.last(name, (grid.kept,), start) for name, start in self.lasts.items()
        )
        if not self.attrs["training"]:
            do(np.subtract, grid.of(x), grid.spread(running_mean), grid.of(normal))
            self.scale_calls(do, grid, normal, running_var, normal)
            return
        super().normal_calls(do, grid, x, normal, scratch)
        mean, variance = (do.keep(name, (grid.kept,)) for name in ("mean", "variance"))
        batch, count = do.scratch((grid.kept,)), grid.summed
        self._follow_calls(do, running_mean, mean, batch)
        do(np.multiply, variance, count / (count - 1), batch)
        self._follow_calls(do, running_var, batch, batch)

    def _follow_calls(self, do: Calls, running: Array, present: Array, change: Array) -> None:
        """List the calls of running ← (1 - momentum) × running + momentum × present."""
        momentum = float(self.attrs["momentum"])
        do(np.multiply, running, 1.0 - momentum, running)
        do(np.multiply, present, momentum, change)
        do(np.add, running, change, running)

    def spread_text(self, name: str) -> str:
        """Of the running variance in inference."""
        if self.attrs["training"]:
            return super().spread_text(name)
        return f"√(running variance + {self.attrs['eps']:g})"

    def normal_text(self, entry: str, name: str) -> str:
        """With the running mean in inference."""
        if self.attrs["training"]:
            return super().normal_text(entry, name)
        return f"({entry} - running mean)/{self.spread_text(name)}"

    def legend(self, *shapes: Shape) -> str:
        """Which entries have one mean."""
        return "mean and variance over the batch" if self.attrs["training"] else ""
