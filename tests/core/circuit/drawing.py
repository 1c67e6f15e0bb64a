"""What is wrong with a drawing, found from its boxes, its paths and its characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mfdebug.core.circuit.boxes import PITCH, Box, Kind
from mfdebug.core.circuit.cells import clusters, width
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.arms import ALL, ARMS_OF, DOWN, JOINT, LEFT, RIGHT, UP
from mfdebug.core.circuit.drawing.raster import Cell, cells_of
from mfdebug.core.circuit.layout.layout import Edge

ACROSS, ALONG = LEFT | RIGHT, UP | DOWN
STEPS = {UP: (0, -1), DOWN: (0, 1), LEFT: (-1, 0), RIGHT: (1, 0)}


def grid(rows: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """Return the character and the style of each cell."""
    found = []
    for row in rows:
        line = []
        for text, style in row:
            for sign in clusters(text):
                line.append((sign, style))
                line += [("", style)] * (width(sign) - 1)
        found.append(line)
    return found


def faults(circuit: Circuit) -> list[str]:
    """Return all that is wrong with a drawing."""
    layout = circuit.layout
    cells = {(x, y): cell for y, row in cells_of(layout.paths).items() for x, cell in row.items()}
    return [
        *_ports(circuit),
        *_ways(circuit, cells),
        *_cells(circuit, cells),
        *_areas(circuit, cells),
        *_frames(circuit),
    ]


def _ports(circuit: Circuit) -> Iterator[str]:
    edges = Counter((edge.box, edge.port) for edge in circuit.layout.paths)
    for box in circuit.layout.boxes:
        for port, wire in enumerate(box.takes):
            if edges[box, port] != 1:
                yield f"port {port} of {box.key} has {edges[box, port]} wires"
            if (box, port) not in wire.ends:
                yield f"port {port} of {box.key} is not an end of its wire"
        if len(set(box.ports)) != len(box.ports) or len(box.ports) != len(box.takes):
            yield f"the ports of {box.key} are not distinct"
        if box.framed and not all(box.top < row < box.bottom for row in box.ports):
            yield f"a port of {box.key} is outside of its frame"
        if box.framed and not box.top < box.row <= box.last_row < box.bottom:
            yield f"an output of {box.key} is outside of its frame"


def _start(edge: Edge) -> tuple[int, int]:
    """Return the first cell right of a box's output, after its name and shape."""
    box = edge.wire.source
    number = box.gives.index(edge.wire)
    lettering = box.names[number] + (f"-{box.shapes[number]}" if box.shapes[number] else "")
    x = box.x + box.frame + width(lettering) + (1 if lettering else 0)
    return x, box.row + PITCH * number


def _ways(circuit: Circuit, cells: dict[tuple[int, int], Cell]) -> Iterator[str]:
    """From each port the arms of the cells lead to the start of the wire."""
    for edge, points in circuit.layout.paths.items():
        name = f"{edge.wire.source.key} to port {edge.port} of {edge.box.key}"
        goal = _start(edge)
        if points[0] != goal:
            yield f"the wire from {name} starts at {points[0]}, not {goal}"
        todo, seen = [(edge.box.x - 1, edge.box.ports[edge.port])], set()
        while todo:
            place = todo.pop()
            arms = cells.get(place, {}).get(edge.wire, 0)
            if place in seen or not arms:
                continue
            seen.add(place)
            for arm, (dx, dy) in STEPS.items():
                if arms & arm:
                    todo.append((place[0] + dx, place[1] + dy))
        if goal not in seen:
            yield f"the wire from {name} is broken"


def _cells(circuit: Circuit, cells: dict[tuple[int, int], Cell]) -> Iterator[str]:
    """Wires share a cell only where they cross, and each cell shows the arms that it has."""
    shown = grid(circuit.draw(None))
    for (x, y), cell in cells.items():
        if not (0 <= x < circuit.width and 0 <= y < circuit.height):
            yield f"a wire outside at {x}, {y}"
            continue
        if len(cell) > 2 or (len(cell) == 2 and set(cell.values()) != {ACROSS, ALONG}):
            names = [wire.source.key for wire in cell]
            yield f"the wires of {names} run over each other at {x}, {y}"
        arms = 0
        for own in cell.values():
            arms |= own
        sign = shown[y][x][0]
        joint = arms == ALL and len(cell) == 1
        if sign != JOINT if joint else ARMS_OF.get(sign, (0, 0))[0] != arms:
            yield f"{sign!r} at {x}, {y} hides a wire"


def _areas(circuit: Circuit, cells: dict[tuple[int, int], Cell]) -> Iterator[str]:
    """Frames, names and numbers are apart, inside of the drawing, and without wires."""
    owner: dict[tuple[int, int], Box] = {}
    for box in circuit.layout.boxes:
        for place in area(circuit, box):
            x, y = place
            if not (0 <= x < circuit.width and 0 <= y < circuit.height):
                yield f"{box.key} is outside at {x}, {y}"
            if owner.setdefault(place, box) is not box:
                yield f"{box.key} and {owner[place].key} overlap at {x}, {y}"
            if place in cells:
                yield f"a wire in {box.key} at {x}, {y}"


def _frames(circuit: Circuit) -> Iterator[str]:
    """Each frame is closed, but for its ports and outputs, and has its lines inside."""
    shown = grid(circuit.draw(None))
    for box in circuit.layout.boxes:
        if not box.framed:
            continue
        right = box.x + box.frame - 1
        for y, corners in ((box.top, "╭╮"), (box.bottom, "╰╯")):
            border = "".join(sign for sign, _ in shown[y][box.x : right + 1])
            if border != corners[0] + "─" * (box.frame - 2) + corners[1]:
                yield f"the border {border!r} of {box.key}"
        inside = []
        for y in range(box.top + 1, box.bottom):
            left, end = shown[y][box.x][0], shown[y][right][0]
            outputs = [box.row + PITCH * number for number in range(len(box.gives))]
            if left != ("┤" if y in box.ports else "│") or end != ("├" if y in outputs else "│"):
                yield f"the frame of {box.key} is open in row {y}"
            inside.append("".join(sign for sign, _ in shown[y][box.x + 1 : right]))
        lines = box.lines or (box.label,)
        if not all(any(line in row for row in inside) for line in lines):
            yield f"{lines} are not inside of {box.key}"


def area(circuit: Circuit, box: Box) -> Iterator[tuple[int, int]]:
    """Yield the cells of a box: frame, names, and room for numbers."""
    if box.framed:
        for y in range(box.top, box.bottom + 1):
            for x in range(box.x, box.x + box.frame):
                yield x, y
    if box.kind is Kind.EXIT:
        for x in range(width(box.label)):
            yield box.x + x, box.row
    for number, (name, shape) in enumerate(zip(box.names, box.shapes, strict=True)):
        y = box.row + PITCH * number
        for x in range(width(name) + (width(shape) + 1 if shape else 0)):
            yield box.x + box.frame + x, y
        for x in range(box.room):
            yield box.right - 1 - x, y - 1
            yield box.right - 1 - x, y + 1


def contribution_cells(circuit: Circuit, box: Box) -> Iterator[tuple[int, int]]:
    """Yield the cells in which a box's contributions to shared values may stand."""
    if circuit.layout.spacing.contributions:
        for port, row in enumerate(box.ports):
            if box.is_shared(port):
                for x in range(circuit.layout.spacing.numbers):
                    yield box.x - 2 - x, row + 1
