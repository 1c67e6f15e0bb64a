"""The same entries in another shape or order, parts and joins, and indices."""

from __future__ import annotations

import math
from typing import Any

from mfdebug.recording.functions.table import function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules import parts as aten_parts
from miniflow.importers.pt2.rules import picks as aten_picks
from miniflow.importers.pt2.rules import shapes as aten
from miniflow.node import Node
from miniflow.ops import Squeeze

same_as_aten(
    "squeeze unsqueeze transpose swapaxes:transpose swapdims:transpose t numpy_T:numpy_T T:numpy_T "
    "mT movedim moveaxis:movedim view_as reshape_as expand_as flatten narrow select index_select "
    "gather cat concat:cat concatenate:cat stack tril triu pixel_shuffle repeat_interleave "
    "split split_with_sizes chunk unbind"
)


def _together(given: tuple[Any, ...]) -> list[int]:
    """Return numbers that were passed one by one, or as a list."""
    return list(given[0] if len(given) == 1 and isinstance(given[0], list) else given)


@function("view", "reshape")
def view(b: Builder, x: Value, *shape: Any, size: Any = None, dtype: Any = None) -> Value:
    """The entries in another shape."""
    wanted = _together(shape) if shape else size
    if dtype is not None or (not wanted and wanted != []) or isinstance(wanted[:1], str):
        raise Unsupported("a view of the bytes as another type")
    if any(isinstance(n, str) for n in wanted):
        raise Unsupported("a view of the bytes as another type")
    return aten.view(b, x, wanted)


@function("permute")
def permute(b: Builder, x: Value, *dims: Any, **named: Any) -> Value:
    """The axes in another order."""
    return aten.permute(b, x, _together(dims) if dims else named["dims"])


@function("expand", "broadcast_to")
def expand(b: Builder, x: Value, *sizes: Any, size: Any = None) -> Value:
    """Copied along axes of size 1, and along new ones."""
    return aten.expand(b, x, _together(sizes) if sizes else size)


@function("repeat", "tile")
def repeat(b: Builder, x: Value, *counts: Any, **named: Any) -> Value:
    """Repeated along axes."""
    wanted = _together(counts) if counts else next(iter(named.values()))
    return aten.repeat(b, x, wanted)


@function("unflatten")
def unflatten(b: Builder, x: Value, dim: int, sizes: Any) -> Value:
    """An axis as several."""
    return aten.unflatten(b, x, dim, list(sizes))


@function("flip")
def flip(b: Builder, x: Value, *dims: Any, **named: Any) -> Value:
    """Axes from their end."""
    return aten_parts.flip(b, x, _together(dims) if dims else named["dims"])


@function("pad")
def pad(
    b: Builder, x: Value, pad: list[int], mode: str = "constant", value: float | None = None
) -> Value:
    """With more entries around."""
    if any(n < 0 for n in pad):
        raise Unsupported("a part cut off by padding")
    return aten_parts.pad(b, x, pad, mode, value)


@function("getitem")
def getitem(b: Builder, x: Value, index: Any) -> Value:
    """The entries that an index of numbers, ranges and tensors chooses."""
    places: list[Value | None] = []
    dropped: list[int] = []
    for axis, item in enumerate(_spelled_out(b, x, index)):
        if item is None:
            x = aten.unsqueeze(b, x, axis)
        elif isinstance(item, slice):
            x = aten_parts.slice_(b, x, axis, item.start, item.stop, item.step or 1)
        elif isinstance(item, int) and not isinstance(item, bool):
            x = aten_parts.narrow(b, x, axis, item % b.shape(x)[axis], 1)
            dropped.append(axis)
        elif isinstance(item, Node):
            places += [None] * (axis - len(places)) + [item]
        else:
            raise Unsupported("such an index")
    if places and dropped:
        raise Unsupported("numbers beside tensors in an index")
    if places:
        return aten_picks.index(b, x, places)
    return b.add(Squeeze, x, axis=dropped) if dropped else x


def _spelled_out(b: Builder, x: Value, index: Any) -> list[Any]:
    """Return the items of an index, with a range for each axis that `...` stands for."""
    items = index if isinstance(index, list) else [index]
    at = [i for i, item in enumerate(items) if item is Ellipsis]
    if not at:
        return items
    taken = sum(item is not None and item is not Ellipsis for item in items)
    rest = [slice(None)] * (len(b.shape(x)) - taken)
    return [*items[: at[0]], *rest, *items[at[0] + 1 :]]


@function("roll")
def roll(b: Builder, x: Value, shifts: Any, dims: Any = None) -> Value:
    """Entries moved along axes, or all in one row; what leaves at one end enters at the other."""
    if dims not in (None, [], ()):
        return aten_parts.roll(b, x, shifts, dims)
    shape = list(b.shape(x))
    row = aten.reshaped(b, x, [math.prod(shape)])
    return aten.reshaped(b, aten_parts.roll(b, row, shifts, 0), shape)


@function("to", "type")
def to(b: Builder, x: Value, *others: Any, **named: Any) -> Value:
    """x in another precision, on another device, or in another layout."""
    given = [*others, *named.values()]
    whole = ("int", "bool", "complex")
    if any(
        isinstance(each, str) and each.removeprefix("torch.").startswith(whole) for each in given
    ):
        raise Unsupported("another kind of number")
    return x
