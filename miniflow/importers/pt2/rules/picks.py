"""Entries that are taken by their numbers: embeddings, indices, gather."""

from __future__ import annotations

import math

import numpy as np

from miniflow.importers.pt2.builder import Builder, Constant, Unsupported, Value
from miniflow.importers.pt2.rules.shapes import reshaped
from miniflow.importers.pt2.rules.table import rule
from miniflow.node import Node
from miniflow.ops import Add, Detach, Mul, Take, Where


@rule("embedding", folds=False)
def embedding(
    b: Builder,
    weight: Value,
    indices: Value,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    """The rows of a table; the row `padding_idx` gets no gradient."""
    if scale_grad_by_freq:
        raise Unsupported("scale_grad_by_freq=True")
    table = b.node(weight)
    b.bound(indices, b.shape(table)[0])
    if padding_idx >= 0:
        is_padding = np.arange(b.shape(table)[0])[:, None] == padding_idx
        table = b.add(Where, Constant(is_padding), b.add(Detach, table), table)
    return b.add(Take, table, indices)


@rule("index_select")
def index_select(b: Builder, x: Value, dim: int, index: Value) -> Value:
    """The rows along an axis."""
    b.bound(index, b.shape(x)[dim])
    return b.add(Take, x, index, axis=dim)


@rule("gather")
def gather(b: Builder, x: Value, dim: int, index: Value, sparse_grad: bool = False) -> Value:
    """Along an axis, at each place, the entry whose number the index has there."""
    shape, places = b.shape(x), b.shape(index)
    if not shape:
        return x
    dim %= len(shape)
    if len(places) != len(shape) or any(
        n > m for axis, (n, m) in enumerate(zip(places, shape, strict=True)) if axis != dim
    ):
        raise Unsupported("an index of another shape")
    b.sized(places)
    b.bound(index, shape[dim])
    start = np.zeros(places, np.int64)
    for axis, size in enumerate(places):
        if axis != dim:
            step = math.prod(shape[axis + 1 :])
            along = [1] * len(places)
            along[axis] = size
            start += (np.arange(size) * step).reshape(along)
    return _take_flat(b, x, 0, len(shape), _scaled(b, index, math.prod(shape[dim + 1 :])), start)


@rule("index", "_unsafe_index")
def index(b: Builder, x: Value, indices: list[Value | None]) -> Value:
    """The entries at places; the places' axes must be next to each other."""
    chosen = [axis for axis, places in enumerate(indices) if places is not None]
    given = [places for places in indices if places is not None]
    if chosen != list(range(chosen[0], chosen[0] + len(chosen))):
        raise Unsupported("indices with axes between them")
    if any(b.is_truth(places) for places in given):
        if len(given) > 1 or not isinstance(given[0], Constant) or given[0].array.ndim != 1:
            raise Unsupported("true and false as an index")
        given = [Constant(np.flatnonzero(given[0].array))]
    for axis, places in zip(chosen, given, strict=True):
        b.bound(places, b.shape(x)[axis])
    if len(given) == 1:
        return b.add(Take, x, given[0], axis=chosen[0])
    shape = b.shape(x)
    end = chosen[-1] + 1
    total: Value | None = None
    for axis, places in zip(chosen, given, strict=True):
        size = shape[axis]
        if isinstance(places, Constant):
            places = Constant(np.where(places.array < 0, places.array + size, places.array))
        part = _scaled(b, places, math.prod(shape[axis + 1 : end]))
        total = part if total is None else b.add(Add, total, part)
    assert total is not None
    return _take_flat(b, x, chosen[0], end, total, None)


def _scaled(b: Builder, places: Value, step: int) -> Value:
    if step == 1:
        return places
    if isinstance(places, Constant):
        return Constant(places.array * step)
    return b.add(Mul, places, step)


def _take_flat(
    b: Builder, x: Value, first: int, end: int, places: Value, start: np.ndarray | None
) -> Value:
    """Return the entries of x at places, counted over the axes from `first` to below `end`."""
    if start is not None:
        if isinstance(places, Node):
            places = b.add(Add, places, Constant(start))
        else:
            places = Constant(places.array + start)
    shape = b.shape(x)
    flat = [*shape[:first], math.prod(shape[first:end]), *shape[end:]]
    return b.add(Take, reshaped(b, x, flat), places, axis=first)
