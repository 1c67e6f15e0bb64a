"""The characters that are drawings: lines, blocks and braille, as polygons in their cell.

Fonts differ in the width of these characters and in how far they reach; drawn as polygons, a line
meets the line of the next cell in every viewer.
"""

from __future__ import annotations

import math
import unicodedata
from functools import cache
from typing import NamedTuple

# A point of a cell: (0, 0) is its upper left corner, (1, 1) its lower right one.
Point = tuple[float, float]
Polygon = tuple[Point, ...]

# The height of a cell by its width.
ASPECT = 2.0
# Half the thickness of a light and of a heavy line, in widths of a cell.
HALF_THICKNESS = {"LIGHT": 0.07, "HEAVY": 0.15}
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
# The quadrants of U+2596 to U+259F: upper left, upper right, lower left, lower right.
QUADRANTS = (0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111)
# The column and row of each dot of a braille character, from its lowest bit.
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
DOT_RADIUS = 0.17


class Shape(NamedTuple):
    """Polygons of a cell, filled with the foreground colour at an opacity of 0 to 1."""

    polygons: tuple[Polygon, ...]
    opacity: float = 1.0


@cache
def shape_of(character: str) -> Shape | None:
    """Return the shape of a line, block or braille character, or None for any other one."""
    if character in SHADES:
        return Shape((_box(0, 0, 1, 1),), SHADES[character])
    code = ord(character)
    if 0x2800 <= code < 0x2900:
        return Shape(_braille(code - 0x2800))
    if 0x2580 <= code < 0x25A0:
        return Shape(_blocks(code))
    if 0x2500 <= code < 0x2580:
        lines = _lines(unicodedata.name(character).removeprefix("BOX DRAWINGS "))
        return Shape(lines) if lines else None
    return None


def _box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _braille(bits: int) -> tuple[Polygon, ...]:
    corners = [math.tau * (k + 0.5) / 8 for k in range(8)]
    return tuple(
        tuple(
            (
                0.25 + 0.5 * column + DOT_RADIUS * math.cos(corner),
                0.125 + 0.25 * row + DOT_RADIUS / ASPECT * math.sin(corner),
            )
            for corner in corners
        )
        for bit, (column, row) in enumerate(DOTS)
        if bits >> bit & 1
    )


def _blocks(code: int) -> tuple[Polygon, ...]:
    if code == 0x2580:
        return (_box(0, 0, 1, 0.5),)
    if code <= 0x2588:
        return (_box(0, 1 - (code - 0x2580) / 8, 1, 1),)
    if code <= 0x258F:
        return (_box(0, 0, (0x2590 - code) / 8, 1),)
    if code == 0x2590:
        return (_box(0.5, 0, 1, 1),)
    if code == 0x2594:
        return (_box(0, 0, 1, 1 / 8),)
    if code == 0x2595:
        return (_box(7 / 8, 0, 1, 1),)
    bits = QUADRANTS[code - 0x2596]
    corners = ((8, 0, 0), (4, 0.5, 0), (2, 0, 0.5), (1, 0.5, 0.5))
    return tuple(_box(x, y, x + 0.5, y + 0.5) for bit, x, y in corners if bits & bit)


SIDES = {
    "LEFT": ("LEFT",),
    "RIGHT": ("RIGHT",),
    "UP": ("UP",),
    "DOWN": ("DOWN",),
    "HORIZONTAL": ("LEFT", "RIGHT"),
    "VERTICAL": ("UP", "DOWN"),
}


def _lines(name: str) -> tuple[Polygon, ...]:
    """Return the lines of a name such as `LIGHT DOWN AND RIGHT` or `DOWN LIGHT AND UP HEAVY`.

    Empty for the other lines: double, dashed and diagonal ones.
    """
    words = name.split()
    if "ARC" in words:
        return _arc(words[2], words[4])
    if set(words) - SIDES.keys() - HALF_THICKNESS.keys() - {"AND"}:
        return ()
    weights: dict[str, str] = {}
    one_weight = words[0] if words[0] in HALF_THICKNESS else ""
    for part in " ".join(words).removeprefix(one_weight).split(" AND "):
        named = [word for word in part.split() if word in HALF_THICKNESS]
        for word in part.split():
            for side in SIDES.get(word, ()):
                weights[side] = named[0] if named else one_weight
    across = max((HALF_THICKNESS[weights[s]] for s in ("LEFT", "RIGHT") if s in weights), default=0)
    along = max((HALF_THICKNESS[weights[s]] for s in ("UP", "DOWN") if s in weights), default=0)
    return tuple(
        _arm(side, HALF_THICKNESS[weight], along, across / ASPECT)
        for side, weight in weights.items()
    )


def _arm(side: str, half: float, along: float, across: float) -> Polygon:
    """Return a line from the centre to a side, which covers the lines that it meets there."""
    thin = half / ASPECT
    if side == "LEFT":
        return _box(0, 0.5 - thin, 0.5 + along, 0.5 + thin)
    if side == "RIGHT":
        return _box(0.5 - along, 0.5 - thin, 1, 0.5 + thin)
    if side == "UP":
        return _box(0.5 - half, 0, 0.5 + half, 0.5 + across)
    return _box(0.5 - half, 0.5 - across, 0.5 + half, 1)


def _arc(vertical: str, horizontal: str) -> tuple[Polygon, ...]:
    """Return a quarter of a circle from one side to another, and the line that remains."""
    half, radius = HALF_THICKNESS["LIGHT"], 0.5
    right = 1 if horizontal == "RIGHT" else -1
    down = 1 if vertical == "DOWN" else -1
    turns = [math.pi / 2 * k / 8 for k in range(9)]

    def at(distance: float, turn: float) -> Point:
        x = radius - distance * math.cos(turn)
        y = radius - distance * math.sin(turn)
        return (0.5 + right * x, 0.5 + down * y / ASPECT)

    outer = [at(radius + half, turn) for turn in turns]
    inner = [at(radius - half, turn) for turn in reversed(turns)]
    bend = 0.5 + down * radius / ASPECT
    end = 1.0 if down > 0 else 0.0
    return (
        (*outer, *inner),
        _box(0.5 - half, min(bend, end), 0.5 + half, max(bend, end)),
    )
