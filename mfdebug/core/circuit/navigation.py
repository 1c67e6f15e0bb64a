"""From a box to the next one: along the wires, and up and down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from mfdebug.core.circuit.boxes import Box, Kind
from mfdebug.core.circuit.layout.layout import Layout

Direction = Literal["left", "right", "up", "down"]
# A box so many layers away counts as far as one so many rows away, times this.
_LAYER_IN_ROWS = 50


class Navigation:
    """The boxes that can be chosen, and their neighbours.

    An exit or entry of a band is not one of them: the box at the other end is. Where that is not
    in the drawing, as at the border of a neighbourhood, it is chosen itself.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.box_of: dict[int, Box] = {}
        entries = [box for box in layout.boxes if box.kind is Kind.ENTRY]
        exits = [box for box in layout.boxes if box.kind is Kind.EXIT]
        for box in layout.boxes:
            if box.kind not in (Kind.ENTRY, Kind.EXIT):
                self.box_of.update(dict.fromkeys(box.nodes, box))
        for box in (*entries, *exits):
            for node in box.nodes:
                self.box_of.setdefault(node, box)
        self.boxes = [box for box in layout.boxes if self._is_chosen(box)]

    def _is_chosen(self, box: Box) -> bool:
        return bool(box.nodes) and self.box_of[box.nodes[0]] is box

    @cached_property
    def _sources(self) -> Mapping[Box, Sequence[Box]]:
        return {
            box: [
                self.box_of[wire.node] if wire.node is not None else wire.source
                for wire in box.takes
                if wire.node is not None
            ]
            for box in self.boxes
        }

    @cached_property
    def _consumers(self) -> Mapping[Box, Sequence[Box]]:
        found: dict[Box, list[Box]] = {}
        for box, sources in self._sources.items():
            for source in sources:
                found.setdefault(source, []).append(box)
        return found

    @cached_property
    def _columns(self) -> Mapping[int, Sequence[Box]]:
        found: dict[int, list[Box]] = {}
        for box in sorted(self.boxes, key=lambda box: box.row):
            found.setdefault(box.layer, []).append(box)
        return found

    def neighbour(self, box: Box, direction: Direction) -> Box:
        """Return the box in a direction, or the same one if there is none.

        Right is the nearest consumer, left the nearest input; up and down are the next boxes in the
        layer, and beyond its end the nearest ones of other layers.
        """
        if direction in ("left", "right"):
            linked = self._sources if direction == "left" else self._consumers
            return min(
                linked.get(box, ()),
                key=lambda other: (abs(other.layer - box.layer), abs(other.row - box.row)),
                default=box,
            )
        column = self._columns[box.layer]
        place = column.index(box) + (1 if direction == "down" else -1)
        if 0 <= place < len(column):
            return column[place]
        if direction == "down":
            beyond = [other for other in self.boxes if other.row > box.bottom]
        else:
            beyond = [other for other in self.boxes if other.row < box.top]

        def distance(other: Box) -> int:
            return abs(other.layer - box.layer) * _LAYER_IN_ROWS + abs(other.row - box.row)

        return min(beyond, key=distance, default=box)

    def at(self, x: int, y: int) -> Box | None:
        """Return the box at a cell of the drawing, its wire's name and numbers included."""
        for layer, (left, end) in enumerate(self._layout.columns):
            if left - 1 <= x < end:
                for box in self._layout.boxes:
                    inside = min(box.top, box.row - 1) <= y <= max(box.bottom, box.last_row + 1)
                    if box.layer == layer and inside:
                        return self.box_of.get(box.nodes[0]) if box.nodes else None
        return None
