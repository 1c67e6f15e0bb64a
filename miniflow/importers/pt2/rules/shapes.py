"""The same entries in another shape or order; parts and joins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from miniflow.importers.pt2.builder import Builder, Constant, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    Expand,
    Reshape,
    Squeeze,
    Take,
    Tile,
    Transpose,
    Unsqueeze,
)
from miniflow.ops.broadcasting import broadcast_shape


@rule("alias", "clone", "contiguous", "lift_fresh_copy", "positive", "type_as")
def same(b: Builder, x: Value, **_: Any) -> Value:
    """x itself."""
    return x


@rule("to", "_to_copy")
def to(b: Builder, x: Value, dtype: int | None = None, **_: Any) -> Value:
    """x in another type, if that changes no value."""
    whole = dtype is not None and dtype not in (6, 7, 8, 13)
    if whole and not b.is_whole(x) and not isinstance(x, Constant):
        raise Unsupported("floats as integers")
    return x


@rule("view", "reshape", "_unsafe_view", "view_copy")
def view(b: Builder, x: Value, size: Any = None, shape: Any = None, dtype: Any = None) -> Value:
    """The entries in another shape."""
    wanted = shape if size is None else size
    if wanted is None:
        raise Unsupported("a view of the bytes as another type")
    return reshaped(b, x, list(wanted))


def reshaped(b: Builder, x: Value, shape: list[int]) -> Value:
    """Return x in a shape; itself if it has it."""
    return x if list(b.shape(x)) == shape else b.add(Reshape, x, shape=shape)


@rule("flatten")
def flatten(b: Builder, x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """The axes from one to another as one."""
    shape = list(b.shape(x)) or [1]
    start, end = start_dim % len(shape), end_dim % len(shape)
    return reshaped(b, x, [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]])


@rule("unflatten")
def unflatten(b: Builder, x: Value, dim: int, sizes: list[int]) -> Value:
    """An axis as several."""
    shape = list(b.shape(x))
    dim %= len(shape)
    return reshaped(b, x, [*shape[:dim], *sizes, *shape[dim + 1 :]])


@rule("view_as", "reshape_as")
def view_as(b: Builder, x: Value, other: Value) -> Value:
    """The entries in the shape of another tensor."""
    return reshaped(b, x, list(b.shape(other)))


@rule("squeeze")
def squeeze(b: Builder, x: Value, dim: Any = None) -> Value:
    """Without axes of size 1; an axis of another size stays."""
    shape = b.shape(x)
    chosen = range(len(shape)) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = [axis % len(shape) for axis in chosen if shape and shape[axis] == 1]
    return b.add(Squeeze, x, axis=axes) if axes else x


@rule("unsqueeze")
def unsqueeze(b: Builder, x: Value, dim: int) -> Value:
    """With a new axis of size 1."""
    return b.add(Unsqueeze, x, axis=dim)


@rule("permute")
def permute(b: Builder, x: Value, dims: list[int]) -> Value:
    """The axes in another order."""
    axes = [dim % len(dims) for dim in dims]
    return x if axes == sorted(axes) else b.add(Transpose, x, axes=axes)


@rule("transpose", "swapaxes")
def transpose(
    b: Builder,
    x: Value,
    dim0: int | None = None,
    dim1: int | None = None,
    axis0: int = 0,
    axis1: int = 0,
) -> Value:
    """Two axes exchanged."""
    axes = list(range(len(b.shape(x))))
    first, second = (axis0, axis1) if dim0 is None or dim1 is None else (dim0, dim1)
    axes[first], axes[second] = axes[second], axes[first]
    return permute(b, x, axes)


@rule("t", "numpy_T", "mT")
def swap_last(b: Builder, x: Value) -> Value:
    """The last two axes exchanged."""
    return transpose(b, x, -2, -1) if len(b.shape(x)) > 1 else x


@rule("movedim", "moveaxis")
def movedim(b: Builder, x: Value, source: Any, destination: Any) -> Value:
    """Axes moved to other places."""
    axes = len(b.shape(x))
    sources, targets = (
        [n % axes for n in ([given] if isinstance(given, int) else given)]
        for given in (source, destination)
    )
    order = [axis for axis in range(axes) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return permute(b, x, order)


@rule("expand", "broadcast_to")
def expand(b: Builder, x: Value, size: list[int], implicit: bool = False) -> Value:
    """Copied along axes of size 1, and along new ones; -1 keeps a size."""
    shape = b.shape(x)
    kept = [1] * (len(size) - len(shape)) + list(shape)
    wanted = [old if new == -1 else new for old, new in zip(kept, size, strict=True)]
    return x if wanted == list(shape) else b.add(Expand, x, shape=wanted)


@rule("expand_as")
def expand_as(b: Builder, x: Value, other: Value) -> Value:
    """Copied to the shape of another tensor."""
    return expand(b, x, list(b.shape(other)))


@rule("broadcast_tensors")
def broadcast_tensors(b: Builder, tensors: list[Value]) -> list[Value]:
    """Tensors copied to the shape that they have together."""
    shape = list(broadcast_shape(*(b.shape(x) for x in tensors)))
    return [expand(b, x, shape) for x in tensors]


@rule("copy")
def copy(b: Builder, x: Value, src: Value, non_blocking: bool = False) -> Value:
    """Another tensor in the shape of x."""
    return expand(b, src, list(b.shape(x)))


@rule("repeat", "tile")
def repeat(
    b: Builder, x: Value, repeats: list[int] | None = None, dims: list[int] | None = None
) -> Value:
    """Repeated along axes."""
    return b.add(Tile, x, repeats=list(repeats if repeats is not None else dims or ()))


@rule("repeat_interleave")
def repeat_interleave(
    b: Builder, x: Value, repeats: int, dim: int | None = None, output_size: int | None = None
) -> Value:
    """Each row repeated."""
    if not isinstance(repeats, int):
        raise Unsupported("another count for each row")
    if dim is None:
        x, dim = reshaped(b, x, [math.prod(b.shape(x))]), 0
    count = b.shape(x)[dim]
    b.sized((count, repeats))
    return b.add(Take, x, Constant(np.repeat(np.arange(count), repeats)), axis=dim)


@rule("pixel_shuffle")
def pixel_shuffle(b: Builder, x: Value, upscale_factor: int) -> Value:
    """Channels (C·r², H, W) as pixels (C, H·r, W·r)."""
    *batch, channels, height, width = b.shape(x)
    r, n = upscale_factor, len(batch)
    parts = reshaped(b, x, [*batch, channels // r**2, r, r, height, width])
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return reshaped(b, permute(b, parts, order), [*batch, channels // r**2, height * r, width * r])
