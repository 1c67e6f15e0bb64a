"""Correlations of tensors with kernels, and their gradients: what both convolutions are made of.

A convolution is a correlation. A transposed convolution is the gradient of one towards its input.
Which kernel of NumPy computes it fastest depends on the shapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from miniflow.ops import columns
from miniflow.ops.base import Array, Calls, Shape
from miniflow.ops.calls import contiguous
from miniflow.ops.windows import Slide, last_axes

# So many correlations instead of one that scatters what each place sends.
PHASES = 64


class Correlation:
    """A correlation of x (N, G·C, *spatial) with weights (G·O, C, *kernel) to (N, G·O, *places).

    In each of the G groups, an entry of the result is the sum of the products of the windows on C
    channels with a kernel; `slides` are the windows, by axis.
    """

    def __init__(self, weights: Shape, groups: int, slides: Sequence[Slide]) -> None:
        self._groups, self._slides = groups, tuple(slides)
        self._outputs, self._inputs = weights[0] // groups, weights[1]
        self._kernel = weights[2:]
        self._phases = math.prod(min(slide.stride, slide.size) for slide in slides)
        # Each window is one entry, and each entry a window.
        self._is_pointwise = all(
            slide.kernel == slide.stride == 1 and not slide.before and slide.count == slide.size
            for slide in slides
        )

    def forward(self, do: Calls, x: Array, weights: Array, bias: Array | None, out: Array) -> None:
        """List the calls that write the correlation, plus a bias (G·O), into `out`."""
        x, weights = contiguous(do, x), contiguous(do, weights)
        if self._is_pointwise:
            self._products(do, self._matrices(weights), x, bias, out)
        else:
            columns.correlate(do, x, self._by_group(weights), self._slides, bias, out)

    def to_input(
        self, do: Calls, grad: Array, weights: Array, bias: Array | None, out: Array
    ) -> None:
        """List the calls that write the gradient towards x, plus a bias (G·C), into `out`."""
        grad, weights = contiguous(do, grad), contiguous(do, weights)
        if self._is_pointwise:
            self._products(do, self._matrices(weights).swapaxes(1, 2), grad, bias, out)
        elif self._phases <= PHASES and any(slide.overlaps for slide in self._slides):
            self._by_phases(do, grad, weights, bias, out)
        else:
            columns.scatter(do, grad, self._matrices(weights), self._slides, bias, out)

    def _by_phases(
        self, do: Calls, grad: Array, weights: Array, bias: Array | None, out: Array
    ) -> None:
        """List the gradient towards each `stride`-th entry of x: that is a correlation too.

        An entry gets what the windows that had it send, of each kernel the last entry first.
        """
        kernels = self._by_group(weights).swapaxes(1, 2)
        for first in np.ndindex(*(min(slide.stride, slide.size) for slide in self._slides)):
            phases = [_phase(slide, at) for slide, at in zip(self._slides, first, strict=True)]
            found = [phase for phase in phases if phase is not None]
            steps = [slide.stride for slide in self._slides]
            part = [slice(at, None, step) for at, step in zip(first, steps, strict=True)]
            target = out[last_axes(*part)]
            if len(found) < len(phases):
                columns.begin(do, target, bias)
                continue
            met = kernels[last_axes(*(backwards for _, backwards in found))]
            columns.correlate(do, grad, met, [slide for slide, _ in found], bias, target)

    def to_weights(self, do: Calls, x: Array, grad: Array, out: Array) -> None:
        """List the calls that write the gradient towards the weights into `out`."""
        x, grad = contiguous(do, x), contiguous(do, grad)
        columns.weight_gradient(do, x, grad, self._slides, self._groups, out)

    def _by_group(self, weights: Array) -> Array:
        return weights.reshape(self._groups, self._outputs, self._inputs, *self._kernel)

    def _matrices(self, weights: Array) -> Array:
        return weights.reshape(self._groups, self._outputs, -1)

    def _products(
        self, do: Calls, matrices: Array, x: Array, bias: Array | None, out: Array
    ) -> None:
        """List the product of matrices for windows of one entry."""
        groups, rows, taken = matrices.shape
        entries = math.prod(x.shape[2:])
        by_group = out.reshape(len(x), groups, rows, entries)
        do(np.matmul, matrices, x.reshape(len(x), groups, taken, entries), by_group)
        if bias is not None:
            do(np.add, by_group, bias.reshape(groups, rows, 1), by_group)


def _phase(slide: Slide, first: int) -> tuple[Slide, slice] | None:
    """Return how windows slide over the gradient to give that of each `stride`-th entry of x.

    `first` is the first of those entries; the slice is the entries of the kernel that meet them,
    backwards. None if no entry of the kernel meets them.
    """
    common = math.gcd(slide.stride, slide.dilation)
    step, dilation = slide.stride // common, slide.dilation // common
    offset = first + slide.before
    tap = next(
        (
            t
            for t in range(min(step, slide.kernel))
            if (offset - t * slide.dilation) % slide.stride == 0
        ),
        None,
    )
    if tap is None:
        return None
    met = range(tap, slide.kernel, step)
    place = (offset - tap * slide.dilation) // slide.stride
    before = (len(met) - 1) * dilation - place
    count = len(range(first, slide.size, slide.stride))
    backwards = slice(met[-1], met[0] - 1 if met[0] else None, -step)
    return Slide(slide.count, len(met), 1, before, 0, dilation, count), backwards


def channel_sums(do: Calls, grad: Array, out: Array) -> None:
    """List the calls that write the sum of `grad` (N, C, ...) over all axes but C into `out`.

    Products with ones take 0.35 times as long as `grad.sum`.
    """
    grad = contiguous(do, grad)
    batch, channels = grad.shape[:2]
    by_sample = do.scratch((batch, channels))
    entries = math.prod(grad.shape[2:])
    ones = np.ones(entries, grad.dtype)
    do(np.matmul, grad.reshape(batch, channels, entries), ones, by_sample)
    do(np.ones(batch, grad.dtype).dot, by_sample, out)
