"""The columns of each layer: frames, names and shapes on the wires, room for numbers.

There are eight spacings, from roomy to tight; a drawing takes the first with which it fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mfdebug.core.circuit.boxes import Box, Item, Kind
from mfdebug.core.circuit.cells import cut, cut_name, width
from miniflow.ops.base import Shape, shape_text
from miniflow.text.scope_names import split_name

# At most so many blocks of a run have a bar.
MOST_BARS = 24
BAR_LABEL = 6
# No fold is wider for the name of a node in it.
MOST_FOOT = 24
# Beside the lines of a frame, for letters at its ports.
ROOM_FOR_PINS = 4


@dataclass(frozen=True)
class Spacing:
    """How much room everything has, in cells.

    `padding` is that inside frames and around names, `numbers` the least room for a number, `stub`
    the length of a wire at least, `names` the width of a name at most, `shapes` whether ops have
    their shape on the wire, `pitch` the distance of columns in channels with few wires, `feet`
    whether folds are as wide as the names of the nodes in them. With `contributions` there is
    room before a port for what its box sends back, where the value at it has several consumers.
    """

    padding: int
    numbers: int
    stub: int
    names: int
    shapes: bool
    pitch: int = 1
    spare: int = 0
    contributions: bool = False
    feet: bool = False


_ROOMY, _NEAR = Spacing(1, 7, 3, 99, shapes=True, pitch=2), Spacing(0, 7, 2, 99, shapes=True)
SPACINGS = (
    replace(_ROOMY, contributions=True),
    replace(_NEAR, contributions=True),
    _ROOMY,
    _NEAR,
    Spacing(0, 7, 1, 14, shapes=False),
    Spacing(0, 6, 1, 14, shapes=False),
    Spacing(0, 6, 1, 8, shapes=False),
    Spacing(0, 6, 1, 6, shapes=False),
)
# In a channel with more wires their columns are adjacent.
_FEW_TRACKS = 4


def track_pitch(spacing: Spacing, tracks: int) -> int:
    """Return the distance of the columns in a channel of so many."""
    return spacing.pitch if tracks <= _FEW_TRACKS else 1


def contributions_room(items: Sequence[Item], spacing: Spacing) -> int:
    """Return the cells before a layer for what its boxes send back to shared values."""
    boxes = [item for item in items if isinstance(item, Box)] if spacing.contributions else []
    shared = any(box.is_shared(port) for box in boxes for port in range(len(box.takes)))
    return spacing.numbers + 1 if shared else 0


def numbers_room(box: Box, spacing: Spacing) -> int:
    """Return the cells for the numbers of a box, with the blanks beside them."""
    return spacing.numbers + (1 if box.framed else 0) + (1 if spacing.shapes else 0)


def place(box: Box, x: int, end: int, spacing: Spacing) -> None:
    """Put a box at the start of a layer from column `x` up to `end`, and its numbers at the end.

    They may take all cells beside the frame. One cell is free after them, unless the tightest
    spacings need it.
    """
    box.x = x
    before = x + box.frame + (1 if box.framed else 0)
    box.right = end - 1 if end - 1 - before >= spacing.numbers else end
    box.room = box.right - before


def layer_width(items: Sequence[Item], spacing: Spacing, shapes: Sequence[Shape] | None) -> int:
    """Label the boxes of a layer, set the width of their frames, and return that of the layer."""
    boxes = [item for item in items if isinstance(item, Box)]
    for box in boxes:
        _label(box, spacing, shapes)
    frame = max((_frame(box, spacing) for box in boxes if box.framed), default=0)
    widest = 0
    for box in boxes:
        box.frame = frame if box.framed else 0
        if box.kind is Kind.EXIT:
            widest = max(widest, width(box.label))
            continue
        numbers = numbers_room(box, spacing) + spacing.spare
        labels = max(map(label_width, box.names, box.shapes), default=0)
        widest = max(widest, box.frame + max(numbers, labels + spacing.stub + spacing.spare))
    return max(widest, 1 if boxes else 3)


def label_width(name: str, shape: str) -> int:
    """Return the cells of a name, and of a shape after it, at the start of a wire."""
    return width(name) + (width(shape) + 1 if shape else 0)


def _frame(box: Box, spacing: Spacing) -> int:
    inner = max((width(line) for line in box.lines), default=1)
    if box.kind is Kind.REPEAT:
        bars = min(len(box.units), MOST_BARS)
        inner = max(width(box.label), bars + BAR_LABEL) + 2
    if spacing.feet and box.foot:
        inner = max(inner, min(box.foot, MOST_FOOT) + 2)
    padding = 2 * spacing.padding
    if len(box.pins) == len(box.ports) and box.ports != sorted(box.ports):
        # Without the letters of its pins a - b would read as b - a.
        padding = max(padding, ROOM_FOR_PINS)
    return inner + 2 + padding


def _label(box: Box, spacing: Spacing, shapes: Sequence[Shape] | None) -> None:
    """Set the name and the shape on each wire of a box."""
    names = [_name(box, spacing)]
    if box.kind is Kind.SCOPE:
        # The frame has the scope's name; several wires need their own.
        several = len(box.gives) > 1 and spacing.shapes
        names = [cut(wire.name, spacing.names) if several else "" for wire in box.gives]
    box.names = (names * len(box.gives))[: len(box.gives)] if box.gives else []
    if box.kind is Kind.REPEAT:
        box.names = [""] * len(box.gives)
    box.shapes = ["" for _ in box.gives]
    if shapes is None or box.kind is Kind.REPEAT or not (spacing.shapes or box.input_like):
        return
    for number, wire in enumerate(box.gives):
        if wire.node is not None and shapes[wire.node]:
            box.shapes[number] = _sizes(shapes[wire.node])


@lru_cache(1024)
def _sizes(shape: Shape) -> str:
    return shape_text(shape).replace("x", "×")


def _name(box: Box, spacing: Spacing) -> str:
    if box.kind is Kind.EXIT:
        return ""
    star = "*" if box.trained else ""
    shorten = cut_name if len(split_name(box.label)) > 1 else cut
    name = shorten(box.label + star, spacing.names)
    padding = " " if spacing.padding and box.framed and name else ""
    return padding + name
