"""Ops that select: rows by number, entries by a condition."""

from __future__ import annotations

import math

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.importers.onnx.values import Known
from miniflow.node import Node


@rule("Gather", any_type=True)
def gather(call: Call) -> Result:
    """Rows by number, also from the end."""
    axis = int(call.attribute("axis", 0))
    return call.make(ops.Take, call.node(0, "weight"), call.node(1, "indices"), axis=axis)


@rule("Where", any_type=True)
def where(call: Call) -> Result:
    """One input where a condition holds, else the other."""
    return call.make(ops.Where, call.node(0), call.node(1), call.node(2))


@rule("GatherElements", any_type=True)
def gather_elements(call: Call) -> Result:
    """Entries by number along an axis: a Take of all entries in one row."""
    shape = call.shape(0)
    axis = int(call.attribute("axis", 0)) % max(len(shape), 1)
    grid = list(np.indices(call.shape(1)))
    if isinstance(call.value(1), Known):
        indices = call.known(1)
        grid[axis] = np.where(indices < 0, indices + shape[axis], indices)
        return _entries(call, tuple(grid))
    # The numbers are those of each pass: an entry's place in one row is computed with them.
    grid[axis] = np.zeros(call.shape(1), np.int64)
    first = np.ravel_multi_index(tuple(grid), shape)
    numbers = call.node(1)
    size = call.constant(float(shape[axis]), "size")
    negative = call.make(ops.Less, numbers, call.constant(0.0, "zero"), suffix="negative")
    from_end = call.make(ops.Add, numbers, size, suffix="from_end")
    number = call.make(ops.Where, negative, from_end, numbers, suffix="number")
    step = call.constant(float(math.prod(shape[axis + 1 :])), "step")
    steps = call.make(ops.Mul, number, step, suffix="steps")
    places = call.make(ops.Add, steps, call.constant(first, "first"), suffix="places")
    row = call.reshape(call.node(0), (math.prod(shape),), suffix="flat")
    return call.make(ops.Take, row, places, axis=0)


@rule("GatherND", any_type=True)
def gather_nd(call: Call) -> Result:
    """Rows by the numbers of several axes."""
    indices = np.asarray(call.known(1))
    shape, batch = call.shape(0), int(call.attribute("batch_dims", 0))
    axes = indices.shape[-1]
    rest = shape[batch + axes :]
    places = indices.shape[:-1]
    tail = np.indices((*places, *rest))
    grid = [tail[axis] for axis in range(batch)]
    for i in range(axes):
        size = shape[batch + i]
        numbers = np.where(indices[..., i] < 0, indices[..., i] + size, indices[..., i])
        spread = numbers.reshape(*places, *(1,) * len(rest))
        grid.append(np.broadcast_to(spread, (*places, *rest)))
    grid += [tail[len(places) + i] for i in range(len(rest))]
    return _entries(call, tuple(grid))


@rule("Compress", any_type=True)
def compress(call: Call) -> Result:
    """The rows where a known condition holds."""
    condition = np.asarray(call.known(1), np.bool_).reshape(-1)
    axis = call.attribute("axis")
    x = call.node(0)
    if axis is None:
        x, axis = call.reshape(x, (math.prod(call.shape(0)),), suffix="flat"), 0
    numbers = np.flatnonzero(condition)
    call.require(numbers.size > 0, "nothing is left of its input")
    return call.make(ops.Take, x, call.integer_constant(numbers, "kept"), axis=int(axis))


def _entries(call: Call, grid: tuple[np.ndarray, ...]) -> Result:
    """Return the entries of the first input at the places of a grid of numbers for each axis."""
    shape = call.shape(0)
    flat = np.ravel_multi_index(grid, shape) if shape else np.zeros(grid[0].shape, np.int64)
    row = call.reshape(call.node(0), (math.prod(shape),), suffix="flat")
    return call.make(ops.Take, row, call.integer_constant(flat, "places"), axis=0)


@rule("ScatterElements Scatter ScatterND", any_type=True)
def scatter(call: Call) -> Result:
    """The first input with entries replaced by, or combined with, those of the third.

    A Take from both in one row: which entry comes from which is known. Sums of several are Takes
    that are added.
    """
    reduction = str(call.attribute("reduction", "none"))
    call.require(reduction in ("none", "add"), f"its reduction is {reduction!r}")
    flat = _targets(call)
    shape = call.shape(0)
    size, count = math.prod(shape), math.prod(call.shape(2))
    call.require(size > 0 and count > 0, "it has no entries")
    x = call.reshape(call.node(0), (size,), suffix="flat")
    updates = call.reshape(call.node(2), (count,), suffix="updates")
    if reduction == "none":
        source = np.arange(size)
        source[flat] = size + np.arange(count)
        both = call.make(ops.Concat, x, updates, suffix="both", axis=0)
        chosen = call.make(
            ops.Take, both, call.integer_constant(source, "places"), suffix="chosen", axis=0
        )
        return call.reshape(chosen, shape)
    # Each round adds at most one update to an entry; where there is none, a zero is taken.
    order = np.argsort(flat, kind="stable")
    ranks = np.empty(count, np.int64)
    _, starts = np.unique(flat[order], return_index=True)
    ranks[order] = np.arange(count) - np.repeat(starts, np.diff([*starts, count]))
    call.require(int(ranks.max()) < 16, "it adds more than 16 updates to an entry")
    padded = call.make(ops.Pad, updates, suffix="padded", pads=[0, 1])
    total: Node = x
    for rank in range(int(ranks.max()) + 1):
        source = np.full(size, count)
        mine = ranks == rank
        source[flat[mine]] = np.flatnonzero(mine)
        added = call.make(
            ops.Take,
            padded,
            call.integer_constant(source, f"places_{rank}"),
            suffix=f"added_{rank}",
            axis=0,
        )
        total = call.make(ops.Add, total, added, suffix=f"sum_{rank}")
    return call.reshape(total, shape)


def _targets(call: Call) -> np.ndarray:
    """Return, for each update in its order, the number of the entry that it goes to."""
    indices = np.asarray(call.known(1))
    shape = call.shape(0)
    if call.kind == "ScatterND":
        axes = indices.shape[-1]
        places, rest = indices.shape[:-1], shape[axes:]
        tail = np.indices((*places, *rest))
        grid = []
        for i in range(axes):
            numbers = np.where(indices[..., i] < 0, indices[..., i] + shape[i], indices[..., i])
            spread = numbers.reshape(*places, *(1,) * len(rest))
            grid.append(np.broadcast_to(spread, (*places, *rest)))
        grid += [tail[len(places) + i] for i in range(len(rest))]
    else:
        axis = int(call.attribute("axis", 0)) % max(len(shape), 1)
        grid = list(np.indices(indices.shape))
        grid[axis] = np.where(indices < 0, indices + shape[axis], indices)
    return np.ravel_multi_index(tuple(grid), shape).reshape(-1)


@rule("ReverseSequence")
def reverse_sequence(call: Call) -> Result:
    """The first entries of each sequence backwards, as many as it has."""
    lengths = call.integers(1)
    shape = call.shape(0)
    batch = int(call.attribute("batch_axis", 1))
    time = int(call.attribute("time_axis", 0))
    grid = np.indices(shape)
    length = np.asarray(lengths)[grid[batch]]
    grid[time] = np.where(grid[time] < length, length - 1 - grid[time], grid[time])
    return _entries(call, tuple(grid))


@rule("OneHot", any_type=True)
def one_hot(call: Call) -> Result:
    """Of two numbers the second where an axis has the given place, the first elsewhere."""
    value = call.value(2)
    is_constant = isinstance(value, Known) and not value.is_weight
    call.require(not is_constant, "only its numbers on and off have a gradient")
    depth = int(call.number(1))
    axis = int(call.attribute("axis", -1))
    axis += call.rank(0) + 1 if axis < 0 else 0
    places = call.node(0)
    if call.dtype(0).kind == "f":
        places = call.make(ops.Cast, places, suffix="whole")
    size = call.constant(float(depth), "depth")
    negative = call.make(ops.Less, places, call.constant(0.0, "zero"), suffix="negative")
    from_end = call.make(ops.Add, places, size, suffix="from_end")
    place = call.make(ops.Where, negative, from_end, places, suffix="place")
    shape = call.shape(0)
    column = call.reshape(place, (*shape[:axis], 1, *shape[axis:]), suffix="column")
    row = np.arange(depth).reshape(-1, *(1,) * (len(shape) - axis))
    here = call.make(ops.Equal, column, call.constant(row, "row"), suffix="here")
    numbers = call.node(2, "values")
    off, on = (
        call.make(ops.Take, numbers, call.integer_constant(np.asarray(i), name), suffix=name)
        for i, name in enumerate(("off", "on"))
    )
    return call.make(ops.Where, here, on, off)


@rule("Trilu")
def triangle(call: Call) -> Result:
    """The upper or the lower triangle; the rest is 0."""
    k = int(call.number(1)) if call.has(1) else 0
    ones = np.ones(call.shape(0)[-2:])
    mask = np.triu(ones, k) if call.attribute("upper", 1) else np.tril(ones, k)
    kept = call.constant(mask, "kept")
    return call.make(ops.Where, kept, call.node(0), call.constant(0.0, "zero"))


@rule("ArrayFeatureExtractor", any_type=True)
def array_feature_extractor(call: Call) -> Result:
    """Columns by number, as rows of at least one."""
    numbers = np.asarray(call.integers(1))
    if call.rank(0) == 1:
        x = call.reshape(call.node(0), (1, call.shape(0)[0]), suffix="row")
    else:
        x = call.node(0)
    return call.make(ops.Take, x, call.integer_constant(numbers, "columns"), axis=-1)
