"""The same entries in another shape or order, parts and joins, and indices."""

from __future__ import annotations

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
    "gather cat concat:cat concatenate:cat stack roll pixel_shuffle repeat_interleave "
    "split split_with_sizes chunk unbind"
)


def _together(given: tuple[Any, ...]) -> list[int]:
    """Return numbers that were passed one by one, or as a list."""
    return list(given[0] if len(given) == 1 and isinstance(given[0], list) else given)


@function("view", "reshape")
def view(b: Builder, x: Value, *shape: Any, size: Any = None, dtype: Any = None) -> Value:
    """The entries in another shape."""
    wanted = _together(shape) if shape else size
    if dtype is not None or not wanted and wanted != [] or isinstance(wanted[:1], str):
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
    """The entries that an index of numbers, ranges, lists and tensors chooses."""
    items = index if isinstance(index, list) else [index]
    taken = sum(1 for item in items if item is not None and item is not Ellipsis)
    if Ellipsis in [item for item in items if not isinstance(item, Node)]:
        at = next(i for i, item in enumerate(items) if item is Ellipsis)
        rest = [slice(None)] * (len(b.shape(x)) - taken)
        items = [*items[:at], *rest, *items[at + 1 :]]
    places: list[Value | None] = []
    dropped: list[int] = []
    axis = 0
    for item in items:
        if item is None:
            x = aten.unsqueeze(b, x, axis)
        elif isinstance(item, bool) or not isinstance(item, int | slice | Node):
            raise Unsupported("such an index")
        elif isinstance(item, slice):
            x = aten_parts.slice_(b, x, axis, item.start, item.stop, item.step or 1)
        elif isinstance(item, int):
            first = item % b.shape(x)[axis]
            x = aten_parts.narrow(b, x, axis, first, 1)
            dropped.append(axis)
        else:
            places += [None] * (axis - len(places)) + [item]
        axis += 1
    if places and dropped:
        raise Unsupported("numbers beside tensors in an index")
    if places:
        return aten_picks.index(b, x, places)
    return b.add(Squeeze, x, axis=dropped) if dropped else x
