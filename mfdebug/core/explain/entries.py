"""Map entries of an op's inputs to entries of its value, and back.

Only subscripts are computed, no values, so the cost does not depend on the size of the arrays. A
subscript may be a letter, for a rule that holds for all entries: `X[n,1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Shape

if TYPE_CHECKING:
    from miniflow.ops.axes import OverAxes

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


def same_position(index: Index, shape: Shape, other: Shape) -> Index:
    """Return the entry of shape `other` with the same flat (C-order) position."""
    count = 0
    for i, n in zip(index, shape, strict=True):
        count = count * n + i
    return tuple(map(int, np.unravel_index(count, other)))


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
