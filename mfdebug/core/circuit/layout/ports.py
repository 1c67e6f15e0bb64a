"""The ports of a box, where its wires arrive, and the frame around them."""

from __future__ import annotations

from mfdebug.core.circuit.boxes import Box, Item, Kind, Wire
from mfdebug.core.circuit.layout.spread import spread

_FAR = 10**6


def assign_ports(box: Box, layer: int, before: Item | None, after: Item | None) -> None:
    """Assign each port its row, and the frame its top and bottom.

    A port is in the row in which its wire arrives, as far as the neighbours `before` and `after`
    in the layer, of which the first has its ports, leave room. All ports are distinct.
    """
    if box.input_like:
        box.ports = []
        box.top, box.bottom = box.row - 1, box.row + 1
        return
    low, high = _room(box, layer, before, after)
    arriving = sorted((wire.rows[layer - 1], port) for port, wire in enumerate(box.takes))
    count = len(arriving)
    wanted = [min(max(row, low), high) for row, _ in arriving]
    # A contribution stands below the wire to a shared port.
    gaps = [1, *(2 if box.is_shared(port) else 1 for _, port in arriving[:-1])]
    rows = spread(wanted, [1.0] * count, gaps)
    rows = [max(row, low + place) for place, row in enumerate(rows)]
    rows = [min(row, high - (count - 1 - place)) for place, row in enumerate(rows)]
    box.ports = [0] * count
    for (_, port), row in zip(arriving, rows, strict=True):
        box.ports[port] = row
    if box.kind is Kind.EXIT:
        box.top = box.bottom = box.row = rows[0]
        return
    box.top = min([box.row, *rows]) - 1
    box.bottom = max([box.last_row, *rows]) + 1
    if box.kind is Kind.REPEAT:
        box.top, box.bottom = min(box.top, box.row - 2), max(box.bottom, box.row + 2)
        return
    while box.bottom - box.top - 1 < len(box.lines):
        if box.bottom <= high:
            box.bottom += 1
        else:
            box.top -= 1


def _room(box: Box, layer: int, before: Item | None, after: Item | None) -> tuple[int, int]:
    """Return the first and the last row in which a port may be."""
    # An exit has no frame: its only row is the first and the last.
    low, high = box.row - max(box.above, 1) + 1, box.row + max(box.below, 1) - 1
    if before is None:
        low = -_FAR
    elif isinstance(before, Wire):
        low = min(low, before.rows[layer] + 2)
    else:
        # Numbers stand below the last output.
        low = min(low, max(before.bottom, before.last_row + 1) + 2)
    if after is None:
        high = _FAR
    elif isinstance(after, Wire):
        high = max(high, after.rows[layer] - 2)
    else:
        high = max(high, after.row - after.above - 2)
    return low, high
