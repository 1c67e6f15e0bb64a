"""The row of each item: wires as straight as possible, boxes tall enough for their wires.

Passes from right to left, where items follow what takes them, alternate with passes from left to
right, where they follow what they take. In a pass to the right a box grows to where its wires
arrive, so most wires need no bend; in the last one it gets its ports.
"""

from __future__ import annotations

from collections.abc import Sequence

from mfdebug.core.circuit.boxes import PITCH, Box, Item, Kind, Parts, Wire
from mfdebug.core.circuit.layout.ports import assign_ports
from mfdebug.core.circuit.layout.spread import middle, spread

_ROUNDS, _FEW_ROUNDS = 6, 3
_MANY_BOXES = 400
# From so many items on, a layer is packed: boxes grow less, and wires pass in adjacent rows.
_FULL_LAYER = 40
_REACH, _SHORT_REACH = 9, 4


def assign_rows(parts: Parts, layers: Sequence[Sequence[Item]]) -> None:
    """Assign every item its row, and every box its ports and its frame; rows start at 0."""
    _Rows(parts, layers).assign()
    highest = min(
        [box.top for box in parts.boxes]
        + [row for wire in parts.wires for row in wire.rows.values()],
        default=0,
    )
    for box in parts.boxes:
        shift(box, -highest)
    for wire in parts.wires:
        wire.rows = {layer: row - highest for layer, row in wire.rows.items()}


def shift(box: Box, rows: int) -> None:
    """Move a box down."""
    box.row += rows
    box.top += rows
    box.bottom += rows
    box.ports = [port + rows for port in box.ports]


def size(box: Box) -> None:
    """Set the rows that a box needs above and below the row of its first output."""
    if box.input_like:
        box.above = box.below = 1
    elif box.kind is Kind.EXIT:
        box.above = box.below = 0
    elif box.kind is Kind.REPEAT:
        # Its label is above, the bars of values and of gradients are in its row and below.
        rows = max(3, len(box.takes))
        box.above, box.below = 1 + rows // 2, 1 + (rows - 1) // 2
    else:
        rows = max(len(box.takes), len(box.lines), 1)
        box.above, box.below = 1 + (rows - 1) // 2, 1 + rows // 2
    if len(box.gives) > 1:
        box.below = max(box.below, 1 + PITCH * (len(box.gives) - 1))


def main_inputs(box: Box) -> list[Wire]:
    """Return the inputs whose rows the output follows.

    They are the computed ones, else the data of a layer with weights, else all.
    """
    computed = [wire for wire in box.takes if not wire.source.input_like]
    if computed:
        return computed
    fixed = [wire for wire in box.takes if not wire.source.trained]
    return fixed[:1] if 0 < len(fixed) < len(box.takes) and len(box.takes) > 2 else box.takes


class _Rows:
    def __init__(self, parts: Parts, layers: Sequence[Sequence[Item]]) -> None:
        self._layers = layers
        self._rounds = _ROUNDS if len(parts.boxes) < _MANY_BOXES else _FEW_ROUNDS
        # What all passes ask of each box: the inputs that it follows, and their middle port.
        self._main: dict[Box, list[Wire]] = {}
        self._middle: dict[Box, float] = {}
        for box in parts.boxes:
            size(box)
            self._main[box] = followed = main_inputs(box)
            ports = [box.takes.index(wire) for wire in followed] or [0]
            self._middle[box] = (min(ports) + max(ports)) / 2

    def assign(self) -> None:
        """Run all passes."""
        last = len(self._layers) - 1
        for layer, items in enumerate(self._layers):
            self._settle(layer, [(0, 1.0)] * len(items))
        before: list[int] = []
        for number in range(self._rounds):
            # What a round does not change, no later one does: the last one assigns the ports.
            rows = [_row(item, layer) for layer, items in enumerate(self._layers) for item in items]
            final = number == self._rounds - 1 or rows == before
            before = rows
            for layer in range(last, -1, -1):
                self._follow_consumers(layer)
            for layer in range(last + 1):
                self._follow_inputs(layer)
                if final:
                    self._assign_ports(layer)
            if final:
                break

    def _assign_ports(self, layer: int) -> None:
        items = self._layers[layer]
        for place, item in enumerate(items):
            if isinstance(item, Box):
                before = items[place - 1] if place else None
                after = items[place + 1] if place + 1 < len(items) else None
                assign_ports(item, layer, before, after)

    def _follow_consumers(self, layer: int) -> None:
        wanted: list[tuple[int, float]] = []
        for item in self._layers[layer]:
            rows: list[int] = []
            for wire in [item] if isinstance(item, Wire) else item.gives:
                if layer < wire.last:
                    rows.append(wire.rows[layer + 1])
                for end, port in wire.ends:
                    if end.layer == layer + 1:
                        # Where the port will be, if the ports keep their distance.
                        rows.append(end.row + round((port - self._middle[end]) * PITCH))
            if not rows:
                wanted.append((_row(item, layer), 0.01))
            else:
                wanted.append((middle(rows), 3.0 if isinstance(item, Wire) else 1.0))
        self._settle(layer, wanted)

    def _follow_inputs(self, layer: int) -> None:
        items = self._layers[layer]
        reach = _REACH if len(items) < _FULL_LAYER else _SHORT_REACH
        wanted: list[tuple[int, float]] = []
        for item in items:
            if isinstance(item, Wire):
                wanted.append((item.rows[layer - 1], 4.0))
            elif not item.takes:
                wanted.append((item.row, 0.5))
            else:
                wanted.append((_grown(item, self._main[item], layer, reach), 2.0))
        self._settle(layer, wanted)

    def _settle(self, layer: int, wanted: Sequence[tuple[int, float]]) -> None:
        """Put the items of a layer as near as possible to the wanted rows."""
        items = self._layers[layer]
        gaps: list[int] = []
        # Two wires that pass are a row apart where there is room.
        passing = 2 if len(items) < _FULL_LAYER else 1
        below: int | None = 0
        for item in items:
            if isinstance(item, Box):
                gaps.append((below or 0) + item.above + 1)
                below = item.below
            else:
                gaps.append(passing if below is None else below + 1)
                below = None
        rows = spread([row for row, _ in wanted], [weight for _, weight in wanted], gaps)
        for item, row in zip(items, rows, strict=True):
            if isinstance(item, Wire):
                item.rows[layer] = row
            else:
                item.row = row
                for number, wire in enumerate(item.gives):
                    wire.rows[layer] = row + PITCH * number


def _row(item: Item, layer: int) -> int:
    return item.row if isinstance(item, Box) else item.rows[layer]


def _grown(box: Box, followed: Sequence[Wire], layer: int, reach: int) -> int:
    """Grow a box to where its wires arrive, and return the row in which it should be.

    `followed` are its main inputs.
    """
    rows = [wire.rows[layer - 1] for wire in followed]
    row = (min(rows) + max(rows)) // 2
    # A wire that continues passes beside the box.
    arriving = [wire.rows[layer - 1] for wire in box.takes if wire.last < layer] or [row]
    size(box)
    if box.framed:
        box.above = max(box.above, min(row - min(arriving) + 1, reach))
        box.below = max(box.below, min(max(arriving) - row + 1, reach))
    return row
