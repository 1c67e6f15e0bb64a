"""Map entries of the inputs of an op that moves them to entries of its value, and back."""

from __future__ import annotations

from mfdebug.core.explain.entries import same_position
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Op, Shape
from miniflow.ops.joins import Stack
from miniflow.ops.shape import SameEntries, Transpose
from miniflow.ops.slices import Part


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
