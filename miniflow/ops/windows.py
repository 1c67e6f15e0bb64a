"""Windows that slide over the spatial axes of a tensor (N, C, *spatial).

Their sizes, places, padding and errors are the same for convolutions and pools. Along an axis, the
window at place o has the entries o·stride - before + t·dilation, for t from 0 below its size.
(V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285, 2016.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from miniflow import limits
from miniflow.errors import ShapeError
from miniflow.ops.base import Attribute, Op, Shape, is_integer, shape_text
from miniflow.text.lists import counted

# Which places of the windows along one axis, and the entries of the axis that they have there.
Tap = tuple[slice, slice]
# Subscripts of the last axes of an array.
Places = tuple[Any, ...]
SPATIAL_AXES = 3


def _is_each(value: Any, least: int) -> bool:
    """Whether `value` is an integer of at least `least`, or a list of those."""
    numbers = value if isinstance(value, list | tuple) else [value]
    return bool(numbers) and all(is_integer(n) and n >= least for n in numbers)


def is_sizes(value: Any) -> bool:
    """Whether `value` is a positive integer, or a list of them."""
    return _is_each(value, 1)


def _is_padding(value: Any) -> bool:
    if _is_each(value, 0):
        return True
    return isinstance(value, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 and _is_each(pair, 0) for pair in value
    )


_SIZES = "a positive integer, or a list with one for each spatial axis"
SIZES = Attribute(2, _SIZES, is_sizes)
STRIDE = Attribute(1, _SIZES, is_sizes)
DILATION = Attribute(1, _SIZES, is_sizes)
WHOLE_SIZES = Attribute(
    0,
    "an integer from 0, or a list with one for each spatial axis",
    lambda value: _is_each(value, 0),
)
PADDING = Attribute(
    0,
    "an integer from 0, or a list with one for each spatial axis, or with a pair [begin, end] each",
    _is_padding,
)


@dataclass(frozen=True)
class Slide:
    """A window that slides along an axis of `size` entries, with `count` places.

    `before` and `after` are the padding, which can exceed the axis by less than a window.
    """

    size: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    count: int = 1

    @property
    def reach(self) -> int:
        """The entries from the first of a window to its last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def apart(self) -> str:
        """How far a window's entries are from each other, in words, if they are not adjacent."""
        return f" that are {self.dilation} apart" if self.dilation > 1 else ""

    @property
    def overlaps(self) -> bool:
        """Whether an entry can be in several windows."""
        return self.stride < self.reach

    @property
    def is_whole(self) -> bool:
        """Whether there is one window, of exactly the entries of the axis."""
        return self.count == 1 and self.kernel == self.size and not self.before

    def tap(self, t: int) -> Tap | None:
        """Return the places whose windows' entry `t` is on the axis, and those entries."""
        offset = t * self.dilation - self.before
        first = max(0, -(offset // self.stride))
        last = min(self.count - 1, (self.size - 1 - offset) // self.stride)
        if first > last:
            return None
        start = first * self.stride + offset
        end = start + (last - first) * self.stride + 1
        return slice(first, last + 1), slice(start, end, self.stride)

    def taps(self) -> list[Tap]:
        """Return each tap, in the order of a window's entries."""
        numbers: Iterable[int] = range(self.kernel)
        if self.kernel > self.size * self.count:
            # Most are on the padding.
            places = range(self.count)
            numbers = sorted({self.tap_at(o, i) for o in places for i in self.window(o)})
        return [found for t in numbers if (found := self.tap(t)) is not None]

    @property
    def most_taps(self) -> int:
        """As many taps as there can be."""
        return min(self.kernel, self.size * self.count)

    def window(self, place: int) -> range:
        """Return the entries of the axis that are in the window at a place."""
        start = place * self.stride - self.before
        first = max(0, -(start // self.dilation))
        last = min(self.kernel - 1, (self.size - 1 - start) // self.dilation)
        return range(start + first * self.dilation, start + last * self.dilation + 1, self.dilation)

    def places(self, entry: int) -> range:
        """Return the places whose windows have an entry of the axis."""
        first = max(0, -((self.reach - 1 - entry - self.before) // self.stride))
        last = min(self.count - 1, (entry + self.before) // self.stride)
        step = self.dilation // math.gcd(self.stride, self.dilation)
        for place in range(first, min(last + 1, first + step)):
            if (entry + self.before - place * self.stride) % self.dilation == 0:
                return range(place, last + 1, step)
        return range(0)

    def empty_place(self) -> int | None:
        """Return a place whose window has no entry of the axis, or None."""
        # An axis of at least a gap has an entry of each window that begins before it and ends on
        # or behind it. On a shorter one, which windows have entries is repeated after a period.
        period = self.dilation // math.gcd(self.stride, self.dilation)
        begin = range(min(self.count, 1 if self.dilation <= self.size else period))
        places = itertools.chain(begin, (self.count - 1,))
        return next((place for place in places if not self.window(place)), None)

    def tap_at(self, place: int, entry: int) -> int:
        """Return which entry of the window at a place an entry of the axis is."""
        return (entry + self.before - place * self.stride) // self.dilation

    def counted(self, place: int, *, padding: bool) -> int:
        """Return how many entries of a window are on the axis, or on it or its `padding`."""
        if not padding:
            return len(self.window(place))
        room = self.size + self.after - (place * self.stride - self.before)
        return min(self.kernel, -(-room // self.dilation))


@dataclass(frozen=True)
class Share:
    """`count` windows that share an axis out among them, as evenly as integers allow.

    Place o has the entries from ⌊o·size/count⌋ to below ⌈(o + 1)·size/count⌉, as PyTorch's
    adaptive pools have.
    """

    size: int
    count: int

    @property
    def overlaps(self) -> bool:
        """Whether an entry can be in several windows."""
        return self.size % self.count != 0

    @property
    def is_whole(self) -> bool:
        """Whether there is one window, of exactly the entries of the axis."""
        return self.count == 1

    def taps(self) -> list[Tap]:
        """Return the entries of each window, in order; together if the windows are alike."""
        if not self.overlaps:
            return Slide(self.size, n := self.size // self.count, n, count=self.count).taps()
        return [
            (slice(place, place + 1), slice(entry, entry + 1))
            for place in range(self.count)
            for entry in self.window(place)
        ]

    @property
    def most_taps(self) -> int:
        """As many taps as there can be."""
        return self.size + self.count if self.overlaps else self.size // self.count

    def window(self, place: int) -> range:
        """Return the entries that are in the window at a place."""
        return range(place * self.size // self.count, -(-(place + 1) * self.size // self.count))

    def places(self, entry: int) -> range:
        """Return the places whose windows have an entry of the axis."""
        first = entry * self.count // self.size
        last = -(-(entry + 1) * self.count // self.size) - 1
        return range(first, last + 1)

    def counted(self, place: int, *, padding: bool) -> int:
        """Return how many entries the window at a place has; there is no padding."""
        return len(self.window(place))


def check_taps(axes: Sequence[Slide | Share]) -> None:
    """Raise `ShapeError` if windows have more entries than can be gone through one by one."""
    count = math.prod(axis.most_taps for axis in axes)
    if count > limits.TAPS:
        raise ShapeError(
            f"its windows have {count:,} entries on the spatial axes",
            hint=f"at most {limits.TAPS:,}",
        )


def last_axes(*subscripts: slice) -> Places:
    """Return subscripts of the last axes of an array."""
    return (..., *subscripts)


def taps(axes: Sequence[Slide | Share]) -> Iterator[tuple[Places, Places]]:
    """Yield places of the windows and the entries that they have there, in a window's order.

    Both are subscripts of the last axes of an array. Together, all taps have each entry of each
    window once.
    """
    for along in itertools.product(*(axis.taps() for axis in axes)):
        yield last_axes(*(tap[0] for tap in along)), last_axes(*(tap[1] for tap in along))


def taps_by_entry(axes: Sequence[Slide | Share]) -> Iterator[tuple[int, Places, Places]]:
    """Yield the taps, each after its number in `taps`, in the order of an entry's windows."""
    numbered = [list(enumerate(axis.taps())) for axis in axes]
    sizes = [len(along) for along in numbered]
    # Of windows that slide, the first that has an entry has it last.
    in_order = [
        along if isinstance(axis, Share) and axis.overlaps else along[::-1]
        for axis, along in zip(axes, numbered, strict=True)
    ]
    for along in itertools.product(*in_order):
        number = int(np.ravel_multi_index([number for number, _ in along], sizes))
        found = [tap for _, tap in along]
        yield number, last_axes(*(tap[0] for tap in found)), last_axes(*(tap[1] for tap in found))


def numbered_taps(slides: Sequence[Slide]) -> Iterator[tuple[int, Places, Places]]:
    """Yield taps as `taps` does, each after its number in the window, in C order."""
    for number, at in enumerate(np.ndindex(*(slide.kernel for slide in slides))):
        along = [slide.tap(t) for slide, t in zip(slides, at, strict=True)]
        found = [tap for tap in along if tap is not None]
        if len(found) == len(slides):
            places = last_axes(*(tap[0] for tap in found))
            yield number, places, last_axes(*(tap[1] for tap in found))


class Windowed(Op):
    """An op with windows that slide over the spatial axes of its first input (N, C, *spatial)."""

    attributes: ClassVar = {"stride": STRIDE, "padding": PADDING, "dilation": DILATION}

    def spatial(self, shape: Shape) -> Shape:
        """Return the spatial axes of an input; raise `ShapeError` unless there are 1 to 3."""
        if not 1 <= len(shape) - 2 <= SPATIAL_AXES:
            raise ShapeError(
                f"{type(self).__name__} slides over the spatial axes of a tensor (N, C, *spatial), "
                f"of which there are 1 to {SPATIAL_AXES}, not over {shape_text(shape)}",
                hint="of one image, Unsqueeze makes a batch",
            )
        return shape[2:]

    def each(self, key: str, axes: int) -> list[Any]:
        """Return an attribute for each of the spatial axes: a number is the same for all."""
        value = self.attrs[key]
        if is_integer(value):
            return [value] * axes
        if len(value) != axes:
            raise ShapeError(
                f"attribute {key!r} has {counted(len(value), 'entry', 'entries')}, {list(value)}, "
                f"for {counted(axes, 'spatial axis', 'spatial axes')}"
            )
        return list(value)

    def slides(self, spatial: Shape, kernel: Sequence[int], *, ceil: bool = False) -> list[Slide]:
        """Return how windows of size `kernel` slide over the spatial axes.

        With `ceil`, a last window may exceed the padding if it begins before it. Raises
        `ShapeError` that names the axis if no window fits.
        """
        axes = len(spatial)
        steps, pads = self.each("stride", axes), self.each("padding", axes)
        gaps = self.each("dilation", axes)
        found = []
        for axis, (size, taps, stride, pad, dilation) in enumerate(
            zip(spatial, kernel, steps, pads, gaps, strict=True), 2
        ):
            before, after = (pad, pad) if is_integer(pad) else pad
            slide = Slide(size, taps, stride, before, after, dilation)
            room = size + before + after - slide.reach
            if room < 0:
                raise ShapeError(_does_not_fit(slide, axis))
            count = (-(-room // stride) if ceil else room // stride) + 1
            if ceil and (count - 1) * stride >= size + before:
                count -= 1
            found.append(Slide(size, taps, stride, before, after, dilation, count))
        return found


def _does_not_fit(slide: Slide, axis: int) -> str:
    padded = slide.size + slide.before + slide.after
    entries = counted(slide.size, "entry", "entries")
    padding = f", {padded} with its padding" if padded > slide.size else ""
    window = f"a window of {slide.kernel}{slide.apart}"
    return f"axis {axis} has {entries}{padding}: {window} does not fit"
