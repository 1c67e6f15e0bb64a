"""The channel between two layers: a column for the vertical part of each wire that bends.

If the left row of wire A is one of the right rows of wire B, A's column must be left of B's, or
they would run over each other. Among the free ones, the wire that crosses fewest others comes
first. Where such constraints form a cycle, a wire makes a detour: up or down in a column left of
all others, along a free row, and on in a column right of all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mfdebug.core.circuit.boxes import Wire

# With more wires, only so many of them are compared.
_COMPARED, _MANY = 12, 40


class Pins(NamedTuple):
    """Where a wire enters a channel at the left, and where it leaves at the right."""

    left: int
    right: tuple[int, ...]

    @property
    def bends(self) -> bool:
        """Whether it leaves in another row than its own."""
        return any(row != self.left for row in self.right)

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last row."""
        return min(self.left, *self.right), max(self.left, *self.right)


class Track(NamedTuple):
    """A wire's column in a channel; with a `row`, a detour that starts in the column `first`."""

    column: int
    first: int = 0
    row: int | None = None


def assign_tracks(pins: Mapping[Wire, Pins]) -> tuple[dict[Wire, Track], int]:
    """Return the track of each wire that bends, and the number of columns."""
    order, detours = _order(pins)
    columns: dict[Wire, int] = {}
    after = _constraints(pins, [*order, *detours])
    for place, wire in enumerate(order):
        low, high = pins[wire].span
        beside = [
            columns[other]
            for other in order[:place]
            if other in after[wire] or (pins[other].span[0] <= high and low <= pins[other].span[1])
        ]
        columns[wire] = 1 + max(beside, default=-1)
    count = 1 + max(columns.values(), default=-1)
    shift = len(detours)
    tracks = {wire: Track(column + shift) for wire, column in columns.items()}
    for number, (wire, row) in enumerate(detours.items()):
        tracks[wire] = Track(shift + count + number, shift - 1 - number, row)
    return tracks, count + 2 * shift


def _constraints(pins: Mapping[Wire, Pins], bent: Sequence[Wire]) -> dict[Wire, set[Wire]]:
    """Return for each wire the wires that must be left of it."""
    chosen = set(bent)
    left_rows = {pin.left: wire for wire, pin in pins.items()}
    after: dict[Wire, set[Wire]] = {}
    for wire in bent:
        found = (left_rows.get(row) for row in pins[wire].right)
        after[wire] = {w for w in found if w is not None and w is not wire and w in chosen}
    return after


def _order(pins: Mapping[Wire, Pins]) -> tuple[list[Wire], dict[Wire, int]]:
    """Return the wires that bend, from left to right, and the rows of detours."""
    waiting = sorted((wire for wire, pin in pins.items() if pin.bends), key=lambda w: pins[w].span)
    after = _constraints(pins, waiting)
    used = {row for pin in pins.values() for row in (pin.left, *pin.right)}
    order: list[Wire] = []
    detours: dict[Wire, int] = {}
    while waiting:
        left = set(waiting)
        free = [wire for wire in waiting if not after[wire] & left][:_COMPARED]
        if not free:
            wire = waiting.pop(0)
            detours[wire] = _free_row(pins[wire].span, used)
            used.add(detours[wire])
            continue
        others = waiting if len(waiting) < _MANY else free
        chosen = min(free, key=lambda wire: _balance(pins, wire, others))
        order.append(chosen)
        waiting.remove(chosen)
    return order, detours


def _balance(pins: Mapping[Wire, Pins], wire: Wire, others: Sequence[Wire]) -> int:
    """Return how many more crossings there are with a wire left of the others than right."""
    mine = pins[wire]
    return sum(
        _crossings(mine, pins[other]) - _crossings(pins[other], mine)
        for other in others
        if other is not wire
    )


def _crossings(first: Pins, second: Pins) -> int:
    """Count the crossings of two wires, the first of which bends left of the second."""
    (low, high), (first_low, first_high) = second.span, first.span
    crossed = sum([low < row < high for row in first.right])
    return crossed + (first_low < second.left < first_high)


def _free_row(span: tuple[int, int], used: set[int]) -> int:
    """Return the nearest row outside of a span that no wire uses."""
    low, high = span
    distance = 1
    while True:
        for row in (high + distance, low - distance):
            if row >= 0 and row not in used:
                return row
        distance += 1
