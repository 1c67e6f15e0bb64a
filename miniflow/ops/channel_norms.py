"""Norms of x (N, C, *spatial) with a weight for each channel: GroupNorm and InstanceNorm.

The sums over the spatial axes of grad and of grad × x̂, a number for each channel of each x[n], are
enough for all three gradients: x, weight and bias take 7 passes over the arrays instead of 11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Shape,
    Targets,
    is_integer,
    register,
    shape_text,
)
from miniflow.ops.norms import EPS, Grid, Normalization
from miniflow.text.lists import counted


class ByChannel(Normalization):
    """A norm of x (N, C, *spatial) with a weight and a bias for each channel, axis 1."""

    # The fewest axes of x, with their names.
    least: ClassVar[tuple[int, str]] = (2, "(N, C, ...)")

    def weight_shape(self, *shapes: Shape) -> Shape:
        """The number of channels."""
        least, axes = self.least
        if len(shapes[0]) < least:
            raise ShapeError(f"it takes x {axes}; x has shape {shape_text(shapes[0])}")
        return shapes[0][1:2]

    def weight_grid(self, *shapes: Shape) -> Grid:
        """A weight for each channel."""
        n, channels, *spatial = shapes[0]
        return Grid(n, channels, math.prod(spatial))

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """To x the three terms, to the weight Σ grad × x̂, to the bias Σ grad."""
        sums = _RowSums(do, self.weight_grid(*(x.shape for x in inputs)), grad)
        for input_index, out in targets:
            if input_index == 0:
                self._input_calls(do, sums, out, inputs)
            else:
                sums.by_channel.sum_calls(do, sums.of(along=input_index == 1), out)

    def _input_calls(self, do: Calls, sums: _RowSums, out: Array, inputs: Sequence[Array]) -> None:
        """List the calls of (g - mean of g - x̂ × mean of g·x̂) × scale; g × scale in inference."""
        grid, grad = self.grid(*(x.shape for x in inputs)), sums.grad
        rows, channels = sums.rows, sums.by_channel
        # How the numbers of rows are reduced to one for each mean.
        small = Grid(grid.outer, grid.kept, grid.inner // rows.inner)
        own = do.scratch((rows.kept,))
        do(np.copyto, small.of(own), small.spread(do.keep("scale", (grid.kept,))))
        if len(inputs) > 1:
            do(np.multiply, channels.of(own), inputs[1], channels.of(own))
        do(np.multiply, rows.of(grad), rows.spread(own), rows.of(out))
        if self.reads_lasting:
            return
        scaled, mean = do.scratch((rows.kept,)), do.scratch((grid.kept,))

        def mean_calls(of_rows: Array) -> None:
            # Scaled as `grad` is above: of one entry alone, the difference is exactly 0.
            do(np.multiply, of_rows, own, scaled)
            small.sum_calls(do, scaled, mean)
            do(np.divide, mean, float(grid.summed), mean)

        normal, product = do.keep("normal", grad.shape), do.scratch(grad.shape)
        mean_calls(sums.of(along=True))
        do(np.multiply, grid.of(normal), grid.spread(mean), grid.of(product))
        do(np.subtract, out, product, out)
        mean_calls(sums.of(along=False))
        do(np.subtract, grid.of(out), grid.spread(mean), grid.of(out))


class _RowSums:
    """The sums over the spatial axes of grad, and of grad × x̂; each is computed once.

    `rows` has a row for each channel of each x[n].
    """

    def __init__(self, do: Calls, channels: Grid, grad: Array) -> None:
        self.grad, self._do = grad, do
        self.rows = Grid(1, channels.outer * channels.kept, channels.inner)
        self.by_channel = Grid(channels.outer, channels.kept, 1)
        self._sums: dict[bool, Array] = {}

    def of(self, *, along: bool) -> Array:
        """Return the sums of grad, `along` x̂ if wanted; list the calls that compute them."""
        if along not in self._sums:
            do, summed = self._do, self.grad
            if along:
                summed = do.scratch(self.grad.shape)
                do(np.multiply, self.grad, do.keep("normal", self.grad.shape), summed)
            self._sums[along] = do.scratch((self.rows.kept,))
            self.rows.sum_calls(do, summed, self._sums[along])
        return self._sums[along]


@register
class GroupNorm(ByChannel):
    """Mean 0 and variance 1 in each group of channels of each x[n]. Y. Wu and K. He, ECCV 2018."""

    attributes: ClassVar = {
        "groups": Attribute(1, "an integer from 1", lambda value: is_integer(value) and value >= 1),
        "eps": EPS,
    }
    role = (
        "a group norm sends to {to[0]} the gradient without what moves the mean or the variance "
        "of a group, over its deviation"
    )

    def weight_shape(self, *shapes: Shape) -> Shape:
        """The number of channels, a multiple of the number of groups."""
        shape, groups = super().weight_shape(*shapes), self.attrs["groups"]
        if shape[0] % groups:
            raise ShapeError(
                f"{counted(shape[0], 'channel')} cannot be divided into {groups} equal groups"
            )
        return shape

    def grid(self, *shapes: Shape) -> Grid:
        """A mean for each group of each x[n]."""
        n, channels, inner = self.weight_grid(*shapes)
        groups = self.attrs["groups"]
        return Grid(1, n * groups, channels // groups * inner)

    def legend(self, *shapes: Shape) -> str:
        """Which entries have one mean."""
        size, groups = shapes[0][1] // self.attrs["groups"], self.attrs["groups"]
        channels = counted(size, "channel")
        return f"mean and variance over {channels}: {counted(groups, 'group')}"


@register
class InstanceNorm(ByChannel):
    """Mean 0 and variance 1 in each channel of each x[n]. D. Ulyanov et al., arXiv:1607.08022."""

    least = (3, "(N, C, and at least one axis more)")
    role = (
        "an instance norm sends to {to[0]} the gradient without what moves the mean or the "
        "variance of a channel, over its deviation"
    )

    def grid(self, *shapes: Shape) -> Grid:
        """A mean for each channel of each x[n]."""
        n, channels, inner = self.weight_grid(*shapes)
        return Grid(1, n * channels, inner)

    def legend(self, *shapes: Shape) -> str:
        """Which entries have one mean."""
        return "mean and variance over the spatial axes"
