"""What no moment changes: frames, names, shapes and wires, drawn once for each window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from mfdebug.core.circuit.boxes import PITCH, Box, Kind
from mfdebug.core.circuit.cells import cut, cut_name, cut_start, width
from mfdebug.core.circuit.drawing.arms import ACROSS, RIGHT, character
from mfdebug.core.circuit.drawing.canvas import Canvas, Window
from mfdebug.core.circuit.drawing.raster import Cell, Cells, cells_of
from mfdebug.core.circuit.layout.columns import ROOM_FOR_PINS
from mfdebug.core.circuit.layout.layout import Edge, Layout

_LIGHT, _HEAVY = "╭─╮│╰╯┤├", "┏━┓┃┗┛┫┣"
# Windows whose base is kept: those between which one scrolls to and fro.
_KEPT = 4


class Picture:
    """A layout, drawn without a moment."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._bases: dict[Window, Canvas] = {}
        self._by_layer: dict[int, list[Box]] = defaultdict(list)
        for box in layout.boxes:
            self._by_layer[box.layer].append(box)

    @cached_property
    def cells(self) -> Cells:
        """The cells of all wires."""
        return cells_of(self.layout.paths)

    @cached_property
    def edges_to(self) -> dict[Box, list[Edge]]:
        """The edges into each box."""
        found: dict[Box, list[Edge]] = {}
        for edge in self.layout.paths:
            found.setdefault(edge.box, []).append(edge)
        return found

    @cached_property
    def exits(self) -> list[Edge]:
        """The edges to exits at the end of a band."""
        return [e for e in self.layout.paths if e.box.kind is Kind.EXIT and not e.box.nodes]

    def boxes_in(self, window: Window) -> Iterator[Box]:
        """Yield the boxes of which a part, a number included, is in a window."""
        right, bottom = window.x + window.width, window.y + window.height
        spacing = self.layout.spacing
        before = 1 + spacing.numbers * spacing.contributions
        for layer, boxes in self._by_layer.items():
            left, end = self.layout.columns[layer]
            if left - before < right and end > window.x:
                for box in boxes:
                    if box.top < bottom and max(box.bottom, box.last_row + 1) >= window.y:
                        yield box

    def base(self, window: Window) -> Canvas:
        """Return what all moments share; a copy is drawn on."""
        if window not in self._bases:
            while len(self._bases) >= _KEPT:
                del self._bases[next(iter(self._bases))]
            self._bases[window] = self._draw(window)
        return self._bases[window]

    def _draw(self, window: Window) -> Canvas:
        canvas = Canvas(window)
        for y in range(window.y, window.y + window.height):
            row = self.cells.get(y, {})
            canvas.put_all(y, ((x, wire_character(cell, 0)) for x, cell in row.items()), "wire")
        for box in self.boxes_in(window):
            draw_box(canvas, box)
        if window.x:
            self._name_cut_wires(canvas)
        return canvas

    def _name_cut_wires(self, canvas: Canvas) -> None:
        """Write the name of its source on each wire that comes from beyond the left edge."""
        window = canvas.window
        for y in range(window.y, window.y + window.height):
            row = self.cells.get(y, {})
            wire = next((w for w, arms in row.get(window.x, {}).items() if arms & RIGHT), None)
            if wire is None:
                continue
            box = wire.source
            text = box.label.rstrip("/.")
            if box.kind is Kind.REPEAT:
                text = text.partition(" ")[0]
            text = cut_name(text, 12) + " "
            cells = range(window.x, window.x + width(text) + 1)
            if all(list(row.get(x, {}).values()) == [ACROSS] for x in cells):
                canvas.write(window.x, y, text, "wire")


def wire_character(cell: Cell, heavy: int) -> str:
    """Return the character of a cell whose `heavy` arms are of a lit wire."""
    if len(cell) == 1:
        [arms] = cell.values()
        return character(arms, heavy, True)
    arms = 0
    for own in cell.values():
        arms |= own
    return character(arms, heavy, False)


def draw_box(canvas: Canvas, box: Box, active: str | None = None) -> None:
    """Draw a box, with a heavy frame if it is `active`; the text says which node in it is."""
    if box.kind is Kind.EXIT:
        canvas.write_name(box.x, box.row, box.label, "name")
        return
    if box.framed:
        _draw_frame(canvas, box, active)
    elif active is not None:
        canvas.write(box.x - 1, box.row, "▶", "active")
    for number, (name, shape) in enumerate(zip(box.names, box.shapes, strict=True)):
        x, y = box.x + box.frame, box.row + number * PITCH
        style = "active" if active is not None and not box.framed else "name"
        _draw_label(canvas, x, y, name, f"─{shape}" if shape else "", style)


def _draw_label(canvas: Canvas, x: int, y: int, name: str, shape: str, style: str) -> None:
    """Write a name, and the shape after it, with `…` where an edge of the window cuts them."""
    seen = x + width(name) + width(shape) - canvas.window.x
    if x < canvas.window.x and seen > 0:
        canvas.write(canvas.window.x, y, cut_start(name + shape, seen), "wire")
        return
    canvas.write_name(x, y, name, style)
    if shape:
        canvas.write_name(x + width(name), y, shape, "wire")


def _draw_frame(canvas: Canvas, box: Box, active: str | None) -> None:
    signs = _LIGHT if active is None else _HEAVY
    style, lettering = ("frame", "name") if active is None else ("active", "active")
    left, inner = box.x, box.frame - 2
    right = left + inner + 1
    canvas.write(left, box.top, signs[0] + signs[1] * inner + signs[2], style)
    canvas.write(left, box.bottom, signs[4] + signs[1] * inner + signs[5], style)
    for y in range(box.top + 1, box.bottom):
        canvas.write(left, y, signs[3] + " " * inner + signs[3], style)
    for y in box.ports:
        canvas.write(left, y, signs[6], style)
    for number in range(len(box.gives)):
        canvas.write(right, box.row + number * PITCH, signs[7], style)
    _draw_pins(canvas, box)
    first = _first_line(box)
    for number, line in enumerate(box.lines):
        x = left + 1 + max(0, (inner - width(line)) // 2)
        canvas.write(x, first + number, line, lettering)
    if box.kind is Kind.REPEAT:
        canvas.write(left + 2, box.row - 1, cut(box.label, inner - 1), lettering)
    if active and inner >= 5:
        # Which node in the fold is active.
        name = cut_name(active, inner)
        canvas.write(left + 1, box.bottom, f" {name} " if width(name) + 2 <= inner else name, style)


def _first_line(box: Box) -> int:
    """Return the row of the first line in a frame: beside the output, but not beside a letter."""
    row = box.row - (len(box.lines) - 1) // 2
    row = min(max(row, box.top + 1), box.bottom - len(box.lines))
    # The sign of a linear layer has the order of its inputs, `X·W+b`; two need their letters.
    if len(box.pins) != 2 or len(box.ports) != 2 or _room_for_pins(box):
        return row
    free = [y for y in range(box.top + 1, box.bottom) if y not in box.ports]
    return min(free, key=lambda y: abs(y - row), default=row)


def _room_for_pins(box: Box) -> bool:
    """Whether the op's sign leaves room for letters beside it."""
    return box.frame - 2 - max(map(width, box.lines), default=0) >= ROOM_FOR_PINS


def _draw_pins(canvas: Canvas, box: Box) -> None:
    """Write a letter at each port, if the op's sign leaves room for all of them."""
    if len(box.pins) != len(box.ports):
        return
    first = _first_line(box)
    lines = range(first, first + len(box.lines))
    if not _room_for_pins(box) and any(y in lines for y in box.ports):
        return
    for letter, y in zip(box.pins, box.ports, strict=True):
        canvas.write(box.x + 1, y, letter, "wire")
