"""Map entries of an op's inputs to entries of its value, and back.

Only subscripts are computed, no values, so the cost does not depend on the size of the arrays. A
subscript may be a letter, for a rule that holds for all entries: `X[n,1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.axes import OverAxes
from miniflow.ops.base import Op, Shape
from miniflow.ops.joins import Stack
from miniflow.ops.linear import product_shape
from miniflow.ops.shape import SameEntries, Transpose
from miniflow.ops.slices import Part

# A block of entries: one slice per axis, with integers as start and stop, and as step if any.
Region = tuple[slice, ...]
T = TypeVar("T", int, int | str)


def matched(index: Sequence[T], shape: Shape) -> tuple[T, ...]:
    """Return the entry of an array of `shape` that broadcasting copies to `index`."""
    last = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(last, shape, strict=True))


def copies(entry: Index, source: Shape, shape: Shape) -> Region:
    """Return the region to which broadcasting from shape `source` to `shape` copies an entry."""
    region = [slice(0, n) for n in shape]
    for axis, (i, n) in enumerate(zip(entry, source, strict=True), len(shape) - len(source)):
        if n == shape[axis]:
            region[axis] = slice(i, i + 1)
    return tuple(region)


def single_entry(index: Index) -> Region:
    """Return the region of a single entry."""
    return tuple(slice(i, i + 1) for i in index)


def block(positions: range) -> slice:
    """Return the positions along an axis as a slice of a region."""
    return slice(positions[0], positions[-1] + 1, positions.step) if positions else slice(0, 0)


def entry_in(region: Region, k: int) -> Index:
    """Return the k-th entry of a region."""
    along = [range(part.start, part.stop, part.step or 1) for part in region]
    inside = np.unravel_index(k, tuple(map(len, along)))
    return tuple(part[int(i)] for i, part in zip(inside, along, strict=True))


class Product:
    """The subscripts of a matrix product x·w, with stacks, vectors and scalars as in `np.matmul`.

    `length` is the number of products summed in each entry of the result, or None if a factor is a
    scalar.
    """

    def __init__(self, x: Shape, w: Shape) -> None:
        self.x, self.w = x, w
        self.length = x[-1] if x and w else None
        self.shape = product_shape(x, w)
        self.stack = np.broadcast_shapes(x[:-2], w[:-2])

    def factors(self, index: Sequence[Any], k: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the entries of x and w in the k-th product of the result's entry `index`."""
        if self.length is None:
            whole = tuple(index)
            return (whole if self.x else ()), (whole if self.w else ())
        stack = index[: len(self.stack)]
        row = index[len(stack) : len(stack) + 1] if len(self.x) > 1 else ()
        column = index[-1:] if len(self.w) > 1 else ()
        of_x, of_w = matched(stack, self.x[:-2]), matched(stack, self.w[:-2])
        return (*of_x, *row, k), (*of_w, k, *column)

    def term_of(self, input_index: int, entry: Index) -> int:
        """Return which product of each sum contains an entry of x (input 0) or w (input 1)."""
        if self.length is None:
            return 0
        return entry[-1] if input_index == 0 or len(self.w) == 1 else entry[-2]

    def region(self, input_index: int, entry: Index) -> Region:
        """Return the entries of the result that depend on an entry of x or w."""
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


def summed(op: OverAxes, index: Index, shape: Shape) -> Region:
    """Return the entries of the input, of `shape`, that are reduced to the value's `index`."""
    reduced = op.axes(shape)
    if op.attrs["keepdims"]:
        kept = [i for axis, i in enumerate(index) if axis not in reduced]
    else:
        kept = list(index)
    remaining = iter(kept)
    region = []
    for axis, n in enumerate(shape):
        i = None if axis in reduced else next(remaining)
        region.append(slice(0, n) if i is None else slice(i, i + 1))
    return tuple(region)


def summed_in(op: OverAxes, entry: Index, shape: Shape) -> Index:
    """Return the entry of the value to which an entry of the input, of `shape`, is reduced."""
    reduced = op.axes(shape)
    if op.attrs["keepdims"]:
        return tuple(0 if axis in reduced else i for axis, i in enumerate(entry))
    return tuple(i for axis, i in enumerate(entry) if axis not in reduced)


# Moves ----------------------------------------------------------------------------------------


def moved_from(op: Op, index: Index, shape: Shape, sources: list[Shape]) -> tuple[int, Index]:
    """Return the input, and its entry, that a moving op copies to entry `index` of its value."""
    source = sources[0]
    if isinstance(op, Transpose):
        entry = [0] * len(source)
        for axis, i in zip(_axis_order(op, len(source)), index, strict=True):
            entry[axis] = i
        return 0, tuple(entry)
    if isinstance(op, SameEntries):
        return 0, same_position(index, shape, source)
    axis = op.attrs["axis"] % len(shape)
    at = index[axis]
    if isinstance(op, Part):
        return 0, (*index[:axis], op.taken(source)[at], *index[axis + 1 :])
    if isinstance(op, Stack):
        return at, (*index[:axis], *index[axis + 1 :])
    input_index = 0
    while at >= sources[input_index][axis]:
        at -= sources[input_index][axis]
        input_index += 1
    return input_index, (*index[:axis], at, *index[axis + 1 :])


def moved_to(
    op: Op, input_index: int, entry: Index, shape: Shape, sources: list[Shape]
) -> Index | None:
    """Return where a moving op copies an entry of an input; None if a slice drops it."""
    if isinstance(op, Transpose):
        return tuple(entry[axis] for axis in _axis_order(op, len(entry)))
    if isinstance(op, SameEntries):
        return same_position(entry, sources[0], shape)
    axis = op.attrs["axis"] % len(shape)
    if isinstance(op, Stack):
        return (*entry[:axis], input_index, *entry[axis:])
    if isinstance(op, Part):
        taken = op.taken(sources[0])
        at = taken.index(entry[axis]) if entry[axis] in taken else None
    else:
        at = entry[axis] + sum(source[axis] for source in sources[:input_index])
    return None if at is None else (*entry[:axis], at, *entry[axis + 1 :])


def _axis_order(op: Transpose, axes: int) -> list[int]:
    given = op.attrs["axes"]
    return [axis % axes for axis in given] if given is not None else list(reversed(range(axes)))


def same_position(index: Index, shape: Shape, other: Shape) -> Index:
    """Return the entry of shape `other` with the same flat (C-order) position."""
    count = 0
    for i, n in zip(index, shape, strict=True):
        count = count * n + i
    return tuple(map(int, np.unravel_index(count, other)))
