"""What a moment changes in a picture: numbers, lit wires, and the active box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mfdebug.core.circuit.boxes import PITCH, Box, Kind
from mfdebug.core.circuit.cells import width
from mfdebug.core.circuit.drawing.bars import bars, block_of, shown_blocks
from mfdebug.core.circuit.drawing.canvas import Canvas, Window
from mfdebug.core.circuit.drawing.picture import Picture, draw_box, wire_character
from mfdebug.core.circuit.drawing.raster import along
from mfdebug.core.circuit.drawing.readings import Readings
from mfdebug.core.circuit.layout.columns import BAR_LABEL
from mfdebug.core.circuit.layout.layout import Edge
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.timeline import Moment


def lit_edges(picture: Picture, debugger: Debugger, box_of: Mapping[int, Box]) -> dict[Edge, bool]:
    """Return the edges that carry something at the present moment, and whether backward.

    They are those of the moment's node alone: in a folded box others take inputs, too.
    """
    where = debugger.where
    box = None if where.node is None else box_of.get(where.node)
    if box is None or where.node is None or where.phase not in ("forward", "backward"):
        return {}
    back = where.phase == "backward"
    taken = set(debugger.graph.inbound[where.node])
    if back:
        none = Freshness.NONE
        taken = {node for node in taken if debugger.state.gradient_freshness(node) is not none}
    edges = picture.edges_to.get(box, ())
    found = {
        edge: back
        for edge in edges
        if edge.wire.node in taken or (edge.wire.node is None and box.kind is Kind.OP)
    }
    entered = {edge.wire.node for edge in found if edge.wire.source.kind is Kind.ENTRY}
    if entered:
        # The part of the wire in the band before.
        for other in picture.exits:
            if other.wire.node in entered:
                found[other] = back
    return found


def draw_moment(
    picture: Picture,
    window: Window,
    debugger: Debugger | None,
    readings: Readings,
    box_of: Mapping[int, Box],
    chosen: Box | None,
) -> Canvas:
    """Return a window of a picture at the present moment of a debugger; without one, bare."""
    canvas = picture.base(window).copy()
    if debugger is None:
        return canvas
    readings.refresh(debugger)
    where = debugger.where
    lit = lit_edges(picture, debugger, box_of)
    _light(canvas, picture, lit)
    active = None if where.node is None else box_of.get(where.node)
    if active is not None and where.node is not None:
        draw_box(canvas, active, active.name_inside(debugger.graph.nodes[where.node].label))
    for edge, back in lit.items():
        x, y = picture.layout.paths[edge][0 if back else -1]
        canvas.put(x, y, "◀" if back else "▶", _lit_style(back))
    marks = _Marks(debugger, where)
    for box in picture.boxes_in(window):
        if box is chosen:
            _choose(canvas, box)
        _conceal_shapes(canvas, box, debugger)
        if box.kind is Kind.REPEAT:
            _draw_bars(canvas, box, readings, where)
        _draw_numbers(canvas, picture, box, readings, marks)
        if picture.layout.spacing.contributions:
            _draw_contributions(canvas, picture, box, readings, where)
    return canvas


def _conceal_shapes(canvas: Canvas, box: Box, debugger: Debugger) -> None:
    """Draw plain wire over the shapes that an open question asks for."""
    for number, (name, shape) in enumerate(zip(box.names, box.shapes, strict=True)):
        if shape and any((node, "shape") in debugger.state.concealed for node in box.nodes):
            x, y = box.x + box.frame + width(name), box.row + number * PITCH
            canvas.write(x, y, f"─?{'─' * (len(shape) - 1)}", "wire")


def _lit_style(back: bool) -> str:
    return "lit-backward" if back else "lit-forward"


def _light(canvas: Canvas, picture: Picture, lit: Mapping[Edge, bool]) -> None:
    heavy: dict[tuple[int, int], int] = {}
    for edge in lit:
        for x, y, arms in along(picture.layout.paths[edge]):
            if canvas.window.has(x, y):
                heavy[x, y] = heavy.get((x, y), 0) | arms
    style = _lit_style(any(lit.values()))
    for (x, y), arms in heavy.items():
        canvas.put(x, y, wire_character(picture.cells[y][x], arms), style)
    if canvas.window.x:
        _keep_names_of_cut_wires(canvas, picture, heavy, style)


def _keep_names_of_cut_wires(
    canvas: Canvas, picture: Picture, heavy: Mapping[tuple[int, int], int], style: str
) -> None:
    """Write the names of wires that come from beyond the left edge over their lit cells."""
    window, base = canvas.window, picture.base(canvas.window)
    for y in range(window.y, window.y + window.height):
        for x in range(window.x, window.x + window.width):
            if (x, y) not in heavy:
                break
            sign = base.at(x, y)
            if sign == wire_character(picture.cells[y][x], 0):
                break
            canvas.put(x, y, sign, style)


class _Marks:
    """Which numbers are new at a moment."""

    def __init__(self, debugger: Debugger, where: Moment) -> None:
        self._debugger, self._where = debugger, where
        graph = debugger.graph
        self._sources: Sequence[int] = () if where.node is None else graph.inbound[where.node]

    def new_value(self, node: int) -> bool:
        where = self._where
        if where.phase == "feed":
            return self._debugger.graph.fed_from_data(node)
        return where.node == node and where.phase in ("forward", "update")

    def new_gradient(self, node: int) -> bool:
        where = self._where
        if where.phase != "backward":
            return False
        starts = node == self._debugger.graph.cost or not self._sources
        return node in self._sources or (node == where.node and starts)


def _draw_numbers(
    canvas: Canvas, picture: Picture, box: Box, readings: Readings, marks: _Marks
) -> None:
    # A number that the window's left edge would cut is shorter instead, or is not drawn.
    least = max(picture.layout.spacing.numbers, box.right - canvas.window.x)
    for number, wire in enumerate(box.gives):
        node = wire.node
        if node is None:
            continue
        row, room = box.row + number * PITCH - 1, min(box.room, least)
        numbers = (
            ("value", row, readings.value, marks.new_value),
            ("gradient", row + 2, readings.gradient, marks.new_gradient),
        )
        for name, y, read, is_new in numbers:
            # A wire that bends right after the number has a blank before it.
            blank = box.right in picture.cells.get(y, ())
            reading = read(node, room - blank)
            style = name if reading.current else "waiting"
            if reading.current and is_new(node):
                style = f"new-{name}"
            canvas.write_whole(box.right - blank - width(reading.text), y, reading.text, style)


def _draw_contributions(
    canvas: Canvas, picture: Picture, box: Box, readings: Readings, where: Moment
) -> None:
    """Write what a box has sent to shared values under the wires to its ports."""
    cells = picture.layout.spacing.numbers
    for port in range(len(box.takes)):
        if not box.is_shared(port):
            continue
        (node,) = box.nodes
        reading = readings.contribution(node, port, cells)
        y, first = box.ports[port] + 1, box.x - cells
        if reading is None or any(x in picture.cells.get(y, {}) for x in range(first, box.x)):
            continue
        new = where.phase == "backward" and where.node == node
        style = "new-gradient" if new else "gradient"
        canvas.write_whole(box.x - 1 - width(reading.text), y, reading.text, style)


def _draw_bars(canvas: Canvas, box: Box, readings: Readings, where: Moment) -> None:
    block = block_of(box, where.node) if where.node in box.nodes else None
    blocks = shown_blocks(box, block)
    for row, (text, gradient) in enumerate((("value", False), ("grad", True))):
        style = "gradient" if gradient else "value"
        shown = bars(box, blocks, readings, gradient=gradient)
        y = box.row + row
        canvas.write(box.x + 2, y, f"{text:{BAR_LABEL}}{shown}", style)
        if block is not None and gradient == (where.phase == "backward"):
            place = blocks.index(block)
            canvas.put(box.x + 2 + BAR_LABEL + place, y, shown[place], f"new-{style}")


def _choose(canvas: Canvas, box: Box) -> None:
    if box.framed:
        for y in range(box.top, box.bottom + 1):
            canvas.style(box.x, y, box.frame, "chosen")
    else:
        text = box.names[0] if box.names else box.label
        canvas.style(box.x, box.row, width(text), "chosen")
