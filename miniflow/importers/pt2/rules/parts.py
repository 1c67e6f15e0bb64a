"""Parts of a tensor, tensors joined, and tensors with more entries around."""

from __future__ import annotations

from typing import Any

from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import Concat, Pad, Slice, Split, Squeeze, Stack


@rule("slice")
def slice_(
    b: Builder,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """The entries of a range."""
    size = b.shape(x)[dim]
    first, stop, _ = slice(start, end, step).indices(size)
    if (first, stop, step) == (0, size, 1):
        return x
    return b.add(Slice, x, start=first, stop=stop, axis=dim, step=step)


@rule("slice_scatter")
def slice_scatter(
    b: Builder,
    x: Value,
    src: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """x with other entries in a range."""
    size = b.shape(x)[dim]
    first, stop, _ = slice(start, end, step).indices(size)
    if step != 1 or stop < first:
        raise Unsupported(f"step={step}")
    before = [b.add(Slice, x, start=0, stop=first, axis=dim)] if first else []
    after = [b.add(Slice, x, start=stop, stop=size, axis=dim)] if stop < size else []
    return cat(b, [*before, src, *after], dim)


@rule("narrow")
def narrow(b: Builder, x: Value, dim: int, start: int, length: int) -> Value:
    """The entries from start on."""
    return slice_(b, x, dim, start, start + length)


@rule("select")
def select(b: Builder, x: Value, dim: int, index: int) -> Value:
    """One of the entries along an axis, without the axis."""
    if not isinstance(index, int):
        raise Unsupported("an index that is computed")
    shape = b.shape(x)
    first = index % shape[dim]
    part = b.add(Slice, x, start=first, stop=first + 1, axis=dim)
    return b.add(Squeeze, part, axis=dim % len(shape))


@rule("unbind")
def unbind(b: Builder, x: Value, dim: int = 0) -> list[Value | None]:
    """All entries along an axis, as a tensor each."""
    count = b.shape(x)[dim]
    return [select(b, x, dim, i) if b.produces(i) else None for i in range(count)]


@rule("split")
def split(b: Builder, x: Value, split_size: Any, dim: int = 0) -> list[Value | None]:
    """Parts of a size; the last may be smaller."""
    if not isinstance(split_size, int):
        return split_with_sizes(b, x, split_size, dim)
    size = b.shape(x)[dim]
    return split_with_sizes(
        b, x, [min(split_size, size - at) for at in range(0, size, split_size)], dim
    )


@rule("split_with_sizes", "split_with_sizes_copy")
def split_with_sizes(
    b: Builder, x: Value, split_sizes: list[int], dim: int = 0
) -> list[Value | None]:
    """Parts of given sizes."""
    parts = list(split_sizes)
    return [
        b.add(Split, x, parts=parts, part=i, axis=dim) if b.produces(i) else None
        for i in range(len(parts))
    ]


@rule("chunk")
def chunk(b: Builder, x: Value, chunks: int, dim: int = 0) -> list[Value | None]:
    """So many parts, or fewer."""
    return split(b, x, max(1, -(-b.shape(x)[dim] // chunks)), dim)


@rule("cat")
def cat(b: Builder, tensors: list[Value], dim: int = 0) -> Value:
    """Tensors one after the other."""
    return b.add(Concat, *tensors, axis=dim) if len(tensors) > 1 else tensors[0]


@rule("stack")
def stack(b: Builder, tensors: list[Value], dim: int = 0) -> Value:
    """Tensors beside each other."""
    return b.add(Stack, *tensors, axis=dim)


@rule("flip")
def flip(b: Builder, x: Value, dims: list[int]) -> Value:
    """Axes from their end."""
    for dim in dims:
        x = b.add(Slice, x, axis=dim, step=-1)
    return x


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@rule("pad", "constant_pad_nd")
def pad(
    b: Builder, x: Value, pad: list[int], mode: str = "constant", value: float | None = None
) -> Value:
    """With more entries around."""
    number = {} if value is None else {"value": float(value)}
    return b.add(Pad, x, pads=list(pad), mode=_MODES[mode], **number)


@rule("reflection_pad1d", "reflection_pad2d")
def reflection_pad(b: Builder, x: Value, padding: list[int]) -> Value:
    """With mirrored entries around."""
    return pad(b, x, padding, "reflect")


@rule("replication_pad1d", "replication_pad2d")
def replication_pad(b: Builder, x: Value, padding: list[int]) -> Value:
    """With the outermost entries repeated."""
    return pad(b, x, padding, "replicate")


@rule("roll")
def roll(b: Builder, x: Value, shifts: Any, dims: Any = ()) -> Value:
    """Entries moved along axes; what leaves at one end enters at the other."""
    by, axes = ([n] if isinstance(n, int) else list(n) for n in (shifts, dims))
    if not axes:
        raise Unsupported("all entries in one row")
    for shift, axis in zip(by, axes, strict=True):
        size = b.shape(x)[axis]
        if first := -shift % size:
            end = b.add(Slice, x, start=first, stop=size, axis=axis)
            x = b.add(Concat, end, b.add(Slice, x, start=0, stop=first, axis=axis), axis=axis)
    return x
