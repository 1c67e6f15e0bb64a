"""Which entries of an op's inputs meet in which entry of its value.

Only subscripts are worked out here, no numbers: so it costs the same at any size. A subscript may
be a letter, so that a rule is written for all entries at once: `X[n,1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Op, Shape
from miniflow.ops.linear import product_shape
from miniflow.ops.reduce import Mean, Sum
from miniflow.ops.shape import Reshape, Slice, Transpose

# A block of entries, a slice an axis, with whole numbers as its start and stop.
Region = tuple[slice, ...]
T = TypeVar("T", int, int | str)


def matched(index: Sequence[T], shape: Shape) -> tuple[T, ...]:
    """Return the entry of an array of `shape` that a broadcast copies to `index`."""
    last = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(last, shape, strict=True))


def copies(entry: Index, source: Shape, shape: Shape) -> Region:
    """Return where a broadcast from shape `source` to `shape` puts an entry."""
    region = [slice(0, n) for n in shape]
    for axis, (i, n) in enumerate(zip(entry, source, strict=True), len(shape) - len(source)):
        if n == shape[axis]:
            region[axis] = slice(i, i + 1)
    return tuple(region)


def one_entry(place: Index) -> Region:
    """Return the region of a single entry."""
    return tuple(slice(i, i + 1) for i in place)


def place_in(region: Region, k: int) -> Index:
    """Return the k-th entry of a region."""
    inside = np.unravel_index(k, tuple(part.stop - part.start for part in region))
    return tuple(int(i) + part.start for i, part in zip(inside, region, strict=True))


class Product:
    """A matrix product x·w, with stacks, vectors and scalars as NumPy has them.

    `length` is the number of products that each entry of the result sums; None when a scalar
    multiplies.
    """

    def __init__(self, x: Shape, w: Shape) -> None:
        self.x, self.w = x, w
        self.length = x[-1] if x and w else None
        self.shape = product_shape(x, w)
        self.stack = np.broadcast_shapes(x[:-2], w[:-2])

    def factors(self, place: Sequence[Any], k: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the entries of x and w in the k-th product of the result's entry `place`."""
        if self.length is None:
            whole = tuple(place)
            return (whole if self.x else ()), (whole if self.w else ())
        stack = place[: len(self.stack)]
        row = place[len(stack) : len(stack) + 1] if len(self.x) > 1 else ()
        column = place[-1:] if len(self.w) > 1 else ()
        of_x, of_w = matched(stack, self.x[:-2]), matched(stack, self.w[:-2])
        return (*of_x, *row, k), (*of_w, k, *column)

    def met(self, input_index: int, entry: Index) -> int:
        """Return which product of each sum an entry of x (input 0) or w (input 1) takes part in."""
        if self.length is None:
            return 0
        return entry[-1] if input_index == 0 or len(self.w) == 1 else entry[-2]

    def region(self, input_index: int, entry: Index) -> Region:
        """Return the entries of the result that an entry of x or w takes part in."""
        own = self.w if input_index else self.x
        if self.length is None:
            return copies(entry, own, self.shape)
        region = copies(entry[:-2], own[:-2], self.stack)
        if len(self.x) > 1:
            i = entry[-2] if input_index == 0 else None
            region += (slice(0, self.x[-2]) if i is None else slice(i, i + 1),)
        if len(self.w) > 1:
            j = entry[-1] if input_index else None
            region += (slice(0, self.w[-1]) if j is None else slice(j, j + 1),)
        return region


# Sums along axes ------------------------------------------------------------------------------


def summed(op: Sum | Mean, place: Index, shape: Shape) -> Region:
    """Return the entries of the input, of `shape`, that were summed to the value's `place`."""
    gone = _gone(op, len(shape))
    if op.attrs["keepdims"]:
        kept = [i for axis, i in enumerate(place) if axis not in gone]
    else:
        kept = list(place)
    left = iter(kept)
    region = []
    for axis, n in enumerate(shape):
        i = None if axis in gone else next(left)
        region.append(slice(0, n) if i is None else slice(i, i + 1))
    return tuple(region)


def summed_in(op: Sum | Mean, entry: Index) -> Index:
    """Return the entry of the value in which an entry of the input is summed."""
    gone = _gone(op, len(entry))
    if op.attrs["keepdims"]:
        return tuple(0 if axis in gone else i for axis, i in enumerate(entry))
    return tuple(i for axis, i in enumerate(entry) if axis not in gone)


def _gone(op: Sum | Mean, axes: int) -> set[int]:
    axis: Any = op.attrs["axis"]
    if axis is None:
        return set(range(axes))
    return {one % axes for one in (axis if isinstance(axis, list | tuple) else [axis])}


# Moves ----------------------------------------------------------------------------------------


def moved_from(op: Op, place: Index, shape: Shape, sources: list[Shape]) -> tuple[int, Index]:
    """Return the input and the entry of it that a move took to `place` of its value."""
    source = sources[0]
    if isinstance(op, Transpose):
        entry = [0] * len(source)
        for axis, i in zip(_order(op, len(source)), place, strict=True):
            entry[axis] = i
        return 0, tuple(entry)
    if isinstance(op, Reshape):
        return 0, same_position(place, shape, source)
    axis = op.attrs["axis"] % len(shape)
    at = place[axis]
    input_index = 0
    if isinstance(op, Slice):
        at += _cut(op, source).start
    else:
        while at >= sources[input_index][axis]:
            at -= sources[input_index][axis]
            input_index += 1
    return input_index, (*place[:axis], at, *place[axis + 1 :])


def moved_to(
    op: Op, input_index: int, entry: Index, shape: Shape, sources: list[Shape]
) -> Index | None:
    """Return where a move took an entry of an input; None if a slice leaves it out."""
    if isinstance(op, Transpose):
        return tuple(entry[axis] for axis in _order(op, len(entry)))
    if isinstance(op, Reshape):
        return same_position(entry, sources[0], shape)
    axis = op.attrs["axis"] % len(shape)
    if isinstance(op, Slice):
        cut = _cut(op, sources[0])
        at = entry[axis] - cut.start if entry[axis] in cut else None
    else:
        at = entry[axis] + sum(source[axis] for source in sources[:input_index])
    return None if at is None else (*entry[:axis], at, *entry[axis + 1 :])


def _order(op: Transpose, axes: int) -> list[int]:
    given = op.attrs["axes"]
    return [axis % axes for axis in given] if given is not None else list(reversed(range(axes)))


def same_position(index: Index, shape: Shape, other: Shape) -> Index:
    """Return the entry of `other` that has the same place in the order of all entries."""
    count = 0
    for i, n in zip(index, shape, strict=True):
        count = count * n + i
    return tuple(map(int, np.unravel_index(count, other)))


def _cut(op: Slice, source: Shape) -> range:
    return range(*slice(op.attrs["start"], op.attrs["stop"]).indices(source[op.attrs["axis"]]))
