"""Pools: the greatest entry, or the mean, of each window on each channel.

The adaptive pools share each axis out among a given number of windows. A pool over all spatial axes
is the adaptive one of size 1; `Mean` and `Max` with axes give the same without those axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Attribute, Calls, Shape, is_integer, register
from miniflow.ops.extremes import route_along
from miniflow.ops.windows import (
    SIZES,
    STRIDE,
    Share,
    Slide,
    Windowed,
    check_taps,
    is_sizes,
    taps,
    taps_by_entry,
)

Axes = Sequence[Slide | Share]
BOOL = "true or false"


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


class Pool(Windowed):
    """Base of the pools: what they do with the entries of each window."""

    kind: ClassVar[str]

    def axes(self, shape: Shape) -> Axes:
        """Return the windows along each spatial axis of an input of `shape`."""
        raise NotImplementedError

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, *spatial) gives (N, C, *places)."""
        axes = self.axes(shapes[0])
        if not all(axis.is_whole for axis in axes):
            check_taps(axes)
        return (*shapes[0][:2], *(axis.count for axis in axes))

    def sizes_text(self) -> str:
        """Return the sizes of the windows, or how many there are."""
        raise NotImplementedError

    def formula(self, *names: str) -> str:
        """The greatest entry or the mean of each window."""
        return f"{self.kind} of {self.sizes_text()} of {names[0]}"


class SlidingPool(Pool):
    """A pool whose windows slide, by default by their own size."""

    attributes: ClassVar = {
        "kernel": SIZES,
        "stride": Attribute(
            None, f"{STRIDE.takes}, or null for the kernel's", lambda v: v is None or is_sizes(v)
        ),
        "padding": Windowed.attributes["padding"],
        "dilation": Windowed.attributes["dilation"],
        "ceil_mode": Attribute(False, BOOL, _is_bool),
    }

    def each(self, key: str, axes: int) -> list[Any]:
        """The kernel stands for a stride that is not given."""
        return super().each("kernel" if key == "stride" and self.attrs[key] is None else key, axes)

    def axes(self, shape: Shape) -> list[Slide]:
        """Each window has an entry: none has padding only."""
        spatial = self.spatial(shape)
        kernel = self.each("kernel", len(spatial))
        found = self.slides(spatial, kernel, ceil=self.attrs["ceil_mode"])
        for axis, slide in enumerate(found, 2):
            if (place := slide.empty_place()) is not None:
                raise ShapeError(
                    f"the window at place {place} of axis {axis} has nothing but padding: "
                    f"{slide.kernel} entries{slide.apart}, padding {slide.before} + {slide.after}",
                )
        return found

    def sizes_text(self) -> str:
        """`each 2x2 window`."""
        kernel = self.attrs["kernel"]
        text = str(kernel) if is_integer(kernel) else "x".join(map(str, kernel))
        return f"each window of {text}"


class AdaptivePool(Pool):
    """A pool with a given number of windows on each axis, which share it out."""

    attributes: ClassVar = {"size": Attribute(1, SIZES.takes, is_sizes)}

    def axes(self, shape: Shape) -> list[Share]:
        """`size` windows on each axis."""
        spatial = self.spatial(shape)
        for axis, size in enumerate(spatial, 2):
            if not size:
                raise ShapeError(f"axis {axis} has no entries")
        counts = self.each("size", len(spatial))
        return [Share(size, count) for size, count in zip(spatial, counts, strict=True)]

    def sizes_text(self) -> str:
        """`each of 3x3 windows`."""
        size = self.attrs["size"]
        text = f"{size} windows an axis" if is_integer(size) else "x".join(map(str, size))
        if size == 1 or (not is_integer(size) and set(size) == {1}):
            return "each channel"
        return f"each of {text}" if is_integer(size) else f"each of {text} windows"


class Greatest(Pool):
    """The greatest entry of each window; on a tie the first gets the whole gradient."""

    kind = "max"
    role = (
        "a max pool routes: the greatest entry of each window gets its whole gradient (on a tie, "
        "the first), the others 0"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The maximum, one entry of all windows after the other."""
        self._select(do, out, inputs[0])

    def _select(self, do: Calls, out: Array, x: Array) -> None:
        axes = self.axes(x.shape)
        if all(axis.is_whole for axis in axes):
            do(np.maximum.reduce, x, tuple(range(2, x.ndim)), None, out, True)
            return
        do(out.fill, -math.inf)
        for places, entries in taps(axes):
            do(np.maximum, out[places], x[entries], out=out[places])

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient, sent to the first of the greatest entries of each window.

        Contributions to an entry are added in the order of its windows, as PyTorch does. The
        winner is that of the inputs, also where the value was overridden afterwards.
        """
        (x,), axes = inputs, self.axes(inputs[0].shape)
        best = do.keep("best", value.shape)
        self._select(do, best, x)
        if all(axis.is_whole for axis in axes):
            kept: tuple[Array, ...] = tuple(np.indices(x.shape[:2], sparse=True))
            do(route_along, out, grad, x, best, tuple(range(2, x.ndim)), kept)
            return
        decided = do.keep("decided", value.shape, np.bool_)
        do(decided.fill, False)
        winners = []
        for number, (places, entries) in enumerate(taps(axes)):
            undecided = decided[places]
            won = do.keep(f"won by tap {number}", undecided.shape, np.bool_)
            do(np.equal, x[entries], best[places], won)
            do(np.greater, won, undecided, won)
            do(np.logical_or, won, undecided, undecided)
            winners.append(won)
        overlap = any(axis.overlaps for axis in axes)
        do(out.fill, 0.0)
        for number, places, entries in taps_by_entry(axes):
            if overlap:
                do(np.add, out[entries], grad[places], out[entries], where=winners[number])
            else:
                do(np.copyto, out[entries], grad[places], where=winners[number])

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1 where this entry won."""
        return f"[{names[0]} won]"


class Average(Pool):
    """The mean of each window."""

    kind = "mean"
    role = (
        "an average pool distributes: each entry of a window gets its gradient divided by the "
        "number of entries, summed over the windows that had it"
    )

    def counts(self, axes: Axes) -> Array:
        """Return the number of entries of the mean at each place."""
        padding = bool(self.attrs.get("count_include_pad", False))
        found: Array = np.ones((), np.float64)
        for axis in axes:
            along = [axis.counted(place, padding=padding) for place in range(axis.count)]
            found = np.multiply.outer(found, np.array(along, np.float64))
        return found

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The sum of each window, divided by the number of its entries."""
        (x,), axes = inputs, self.axes(inputs[0].shape)
        if all(axis.is_whole for axis in axes):
            do(np.add.reduce, x, tuple(range(2, x.ndim)), None, out, True)
        else:
            do(out.fill, 0.0)
            for places, entries in taps(axes):
                do(np.add, out[places], x[entries], out[places])
        do(np.divide, out, self.counts(axes).astype(out.dtype), out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient divided by the number of entries, added to each of them."""
        axes = self.axes(out.shape)
        shares = do.scratch(grad.shape)
        do(np.divide, grad, self.counts(axes).astype(out.dtype), shares)
        if all(axis.is_whole for axis in axes):
            do(np.copyto, out, shares)
            return
        do(out.fill, 0.0)
        for _, places, entries in taps_by_entry(axes):
            do(np.add, out[entries], shares[places], out[entries])

    def legend(self, *shapes: Shape) -> str:
        """m is the number of entries in a window, which can depend on the window."""
        counts = self.counts(self.axes(shapes[0]))
        if counts.min() == counts.max():
            return f"m = {int(counts.flat[0])}, the number of entries in a window"
        return "m = the number of entries in its window"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1/m."""
        return "1/m"


@register
class MaxPool(Greatest, SlidingPool):
    """The greatest entry of each window of x (N, C, *spatial), on each channel.

    Windows slide by `stride`, by default by their own size. Padding is never the greatest. With
    `ceil_mode`, a last window may exceed the padding if it begins before it.
    """


@register
class AveragePool(Average, SlidingPool):
    """The mean of each window of x (N, C, *spatial), on each channel.

    Windows slide by `stride`, by default by their own size. With `count_include_pad`, the zeros of
    the padding are entries of the mean; what exceeds the padding in `ceil_mode` never is.
    """

    attributes: ClassVar = {
        **SlidingPool.attributes,
        "count_include_pad": Attribute(True, BOOL, _is_bool),
    }


@register
class AdaptiveMaxPool(Greatest, AdaptivePool):
    """The greatest entries of `size` windows on each axis of x (N, C, *spatial), by channel.

    Windows share an axis out: the one at place i of n has the entries from ⌊i·m/n⌋ to below
    ⌈(i + 1)·m/n⌉ of m. With size 1, the greatest entry of each channel.
    """


@register
class AdaptiveAveragePool(Average, AdaptivePool):
    """The means of `size` windows on each axis of x (N, C, *spatial), by channel.

    Windows share an axis out: the one at place i of n has the entries from ⌊i·m/n⌋ to below
    ⌈(i + 1)·m/n⌉ of m. With size 1, the mean of each channel: a global average pool.
    """
