"""Wires as cells: which wires have which arms in each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mfdebug.core.circuit.boxes import Wire
from mfdebug.core.circuit.drawing.arms import DOWN, LEFT, RIGHT, UP
from mfdebug.core.circuit.layout.layout import Edge, Points

# The arms of each wire in a cell: one wire, or two that cross.
Cell = dict[Wire, int]
# The cells by row, and in each row by column.
Cells = dict[int, dict[int, Cell]]


def cells_of(paths: dict[Edge, Points]) -> Cells:
    """Return the cells of all wires."""
    cells: Cells = {}
    # The paths to a wire's ports start with the same pieces.
    drawn: set[tuple[Wire, tuple[int, int], tuple[int, int]]] = set()
    for edge, points in paths.items():
        wire = edge.wire
        for before, after in pairwise(points):
            if (wire, before, after) in drawn:
                continue
            drawn.add((wire, before, after))
            for x, y, arms in _straight(before, after):
                row = cells.get(y)
                if row is None:
                    row = cells[y] = {}
                cell = row.get(x)
                if cell is None:
                    row[x] = {wire: arms}
                else:
                    cell[wire] = cell.get(wire, 0) | arms
        for (x, y), arms in ((points[0], LEFT), (points[-1], RIGHT)):
            cells[y][x][wire] |= arms
    return cells


def along(points: Points) -> Iterator[tuple[int, int, int]]:
    """Yield the cells of a path, as column, row and arms; a cell may come several times.

    The first cell has an arm to the left, where its box is, and the last one to the right.
    """
    yield (*points[0], LEFT)
    for before, after in pairwise(points):
        yield from _straight(before, after)
    yield (*points[-1], RIGHT)


def _straight(before: tuple[int, int], after: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield the cells between two corners, as `along` does."""
    (x, y), (to_x, to_y) = before, after
    if y == to_y:
        low, high = min(x, to_x), max(x, to_x)
        for column in range(low, high + 1):
            yield column, y, (LEFT if column > low else 0) | (RIGHT if column < high else 0)
    else:
        low, high = min(y, to_y), max(y, to_y)
        for row in range(low, high + 1):
            yield x, row, (UP if row > low else 0) | (DOWN if row < high else 0)
