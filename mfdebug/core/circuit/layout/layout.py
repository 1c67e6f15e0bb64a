"""Where everything is: layers, their order, rows, columns, and the wires between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from mfdebug.core.circuit.boxes import Box, Item, Parts, Wire
from mfdebug.core.circuit.layout.channels import Pins, assign_tracks
from mfdebug.core.circuit.layout.columns import (
    Spacing,
    contributions_room,
    label_width,
    layer_width,
    place,
    track_pitch,
)
from mfdebug.core.circuit.layout.layers import assign_layers
from mfdebug.core.circuit.layout.ordering import order_layers
from mfdebug.core.circuit.layout.rows import assign_rows
from miniflow.ops.base import Shape

# The free column at the left: the mark of an input that is active stands there.
MARGIN = 1


class Edge(NamedTuple):
    """One port and the wire to it."""

    wire: Wire
    box: Box
    port: int


Points = list[tuple[int, int]]


@dataclass
class Layout:
    """Boxes with their places, and the corners (column, row) of the wire to each port."""

    boxes: list[Box]
    paths: dict[Edge, Points]
    spacing: Spacing
    width: int
    height: int
    crossings: int = 0
    bands: int = 1
    # The first column of each layer, and the column after it.
    columns: list[tuple[int, int]] = field(default_factory=list)


class Rows:
    """A layout without columns: they depend on the spacing, the rest does not."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.layers: list[list[Item]] = assign_layers(parts)
        self.crossings = order_layers(parts, self.layers)
        assign_rows(parts, self.layers)
        self._channels = [assign_tracks(pins) for pins in self._pins()]
        self._widths: dict[Spacing, list[int]] = {}

    def _pins(self) -> list[dict[Wire, Pins]]:
        """Return, for the channel right of each layer but the last, the pins of its wires."""
        channels: list[dict[Wire, Pins]] = [{} for _ in self.layers[1:]]
        for wire in self.parts.wires:
            if not wire.ends:
                continue
            right: dict[int, list[int]] = {}
            for box, port in wire.ends:
                right.setdefault(box.layer - 1, []).append(box.ports[port])
            for layer in range(wire.source.layer, wire.last + 1):
                rows = right.get(layer, [])
                if layer < wire.last:
                    rows.append(wire.rows[layer + 1])
                channels[layer][wire] = Pins(wire.rows[layer], tuple(rows))
        return channels

    @cached_property
    def height(self) -> int:
        """The height of every layout: no row depends on the columns."""
        bottom = max(max(box.bottom, box.last_row + 1) for box in self.parts.boxes)
        rows = [box.ports[port] for wire in self.parts.wires for box, port in wire.ends]
        rows += [row for wire in self.parts.wires if wire.ends for row in wire.rows.values()]
        for tracks, _ in self._channels:
            rows += [track.row for track in tracks.values() if track.row is not None]
        return 1 + max(bottom, *rows, 0)

    def width(self, spacing: Spacing, shapes: Sequence[Shape] | None) -> int:
        """Return the width of the layout with a spacing, before the boxes are put in columns.

        Only between the layers do spacings differ in their contributions, and in their pitch.
        """
        same = replace(spacing, contributions=False, pitch=1)
        if same not in self._widths:
            self._widths[same] = [layer_width(items, spacing, shapes) for items in self.layers]
        between = (self._between(layer, spacing) for layer in range(len(self._channels)))
        return MARGIN + sum(self._widths[same]) + sum(between)

    def _between(self, layer: int, spacing: Spacing) -> int:
        """Return the cells between a layer and the next one."""
        count = self._channels[layer][1]
        channel = max(1, count * track_pitch(spacing, count) + (1 if count else 0))
        return channel + contributions_room(self.layers[layer + 1], spacing)

    def columns(
        self, spacing: Spacing, shapes: Sequence[Shape] | None
    ) -> tuple[list[tuple[int, int]], int]:
        """Put the boxes in columns with a spacing; return those of each layer, and the width."""
        x = MARGIN
        columns: list[tuple[int, int]] = []
        for layer, items in enumerate(self.layers):
            end = x + layer_width(items, spacing, shapes)
            columns.append((x, end))
            for item in items:
                if isinstance(item, Box):
                    place(item, x, end, spacing)
            x = end
            if layer < len(self._channels):
                x += self._between(layer, spacing)
        return columns, x

    def laid_out(self, spacing: Spacing, shapes: Sequence[Shape] | None) -> Layout:
        """Return the layout with a spacing; the boxes are shared by all layouts of these rows."""
        columns, width = self.columns(spacing, shapes)
        paths = {
            Edge(wire, box, port): self._points(wire, box, port, columns, spacing)
            for wire in self.parts.wires
            for box, port in wire.ends
        }
        return Layout(
            *(self.parts.boxes, paths, spacing, width, self.height, self.crossings),
            columns=columns,
        )

    def _points(
        self,
        wire: Wire,
        box: Box,
        port: int,
        columns: Sequence[tuple[int, int]],
        spacing: Spacing,
    ) -> Points:
        points = [(wire_start(wire), wire.rows[wire.source.layer])]
        for layer in range(wire.source.layer, box.layer):
            tracks, count = self._channels[layer]
            pitch, left = track_pitch(spacing, count), columns[layer][1]
            row = wire.rows[layer]
            to = box.ports[port] if layer + 1 == box.layer else wire.rows[layer + 1]
            if row != to:
                track = tracks[wire]
                x = left + track.column * pitch
                if track.row is None:
                    points += [(x, row), (x, to)]
                else:
                    first = left + track.first * pitch
                    points += [(first, row), (first, track.row), (x, track.row), (x, to)]
        points.append((box.x - 1, box.ports[port]))
        return points


def wire_start(wire: Wire) -> int:
    """Return the first column of a wire, after its name and shape."""
    box = wire.source
    number = box.gives.index(wire)
    name, shape = box.names[number], box.shapes[number]
    blank = 1 if name or shape else 0
    return box.x + box.frame + label_width(name, shape) + blank
