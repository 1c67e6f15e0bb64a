"""Which entries of a tensor a heatmap shows, and in cells of which size.

All of a slice is shown if it is not too large to be read for a frame: then a cell stands for a
block of entries. Of a larger one a part is shown, which moves by pages.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from mfdebug.core.format.blocks import reduced
from mfdebug.core.format.numbers import slice_line
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.widgets.tensor_window import Grid, Moves, page_of, part_words, slice_of
from miniflow.ops.base import Array, Shape

# A frame reads at most so many entries of a tensor, which takes two milliseconds.
MOST_READ = 1 << 18
# Columns of a larger tensor that are read.
_WIDE = 512


class HeatWindow(NamedTuple):
    """A part of a slice in cells of `deep` x `wide` entries; a vector continues on the next line.

    `rows` and `columns` are those of the slice that are shown. Each cell is drawn `scale` times as
    wide and as high. `per_line` is the number of cells in a line, `at` the line and the position of
    the cell with the selected entry.
    """

    grid: Grid
    rows: range
    columns: range
    deep: int
    wide: int
    scale: int
    per_line: int
    at: tuple[int, int]
    hidden: str

    @property
    def reduces(self) -> bool:
        """Whether a cell stands for several entries."""
        return self.deep * self.wide > 1

    @property
    def moves(self) -> Moves:
        """How keys move the selected entry: by a cell, a line of cells, or all lines."""
        grid = self.grid
        if grid.is_line:
            line = self.per_line * self.deep * self.wide
            return Moves(line, self.deep * self.wide, max(1, len(self.rows) * len(self.columns)))
        page = len(self.rows) * grid.columns
        ends = grid.columns if self.reduces else 0
        return Moves(self.deep * grid.columns, self.wide, page, columns=ends)

    def cells(self, array: Array, entry: Index) -> list[list[float]]:
        """Return the numbers of the cells, line by line."""
        numbers = reduced(part_of(array, entry), self.deep, self.wide)
        if not self.grid.is_line:
            found: list[list[float]] = numbers.tolist()
            return found
        flat: list[float] = numbers.reshape(-1).tolist()
        return [flat[at : at + self.per_line] for at in range(0, len(flat), self.per_line)]


def heat_window(
    shape: Shape, entry: Index, lines: int, line: int, *, most_scale: int = 1
) -> HeatWindow:
    """Return the window around `entry` in at most `lines` lines of `line` cells.

    If each entry has a cell, cells are enlarged up to `most_scale` times where they fit.
    """
    grid = Grid.of(shape, entry)
    rows, columns = _read(grid)
    if grid.is_line:
        # Cells follow each other over all lines.
        count = len(rows) * len(columns)
        size = math.ceil(count / (lines * line))
        cells = math.ceil(count / size)
        per_line = min(line, cells)
        deep, wide = (size, 1) if len(columns) == 1 else (1, size)
        first = rows.start * grid.columns + columns.start
        at = divmod((grid.flat - first) // size, per_line)
        high = math.ceil(cells / per_line)
    else:
        deep, wide = math.ceil(len(rows) / lines), math.ceil(len(columns) / line)
        per_line, high = math.ceil(len(columns) / wide), math.ceil(len(rows) / deep)
        at = (grid.row - rows.start) // deep, (grid.column - columns.start) // wide
    scale = 1 if deep * wide > 1 else max(1, min(most_scale, lines // high, line // per_line))
    parts = [slice_line(shape, entry)]
    if len(rows) < grid.rows:
        parts.append(part_words("rows", rows.start, len(rows), grid.rows))
    if len(columns) < grid.columns:
        words = "entries" if len(shape) == 1 else "columns"
        parts.append(part_words(words, columns.start, len(columns), grid.columns))
    hidden = ", ".join(filter(None, parts))
    return HeatWindow(grid, rows, columns, deep, wide, scale, per_line, at, hidden)


def part_of(array: Array, entry: Index) -> Array:
    """Return the entries that a heatmap around `entry` shows, as a matrix."""
    rows, columns = _read(Grid.of(array.shape, entry))
    return slice_of(array, entry)[rows.start : rows.stop, columns.start : columns.stop]


def _read(grid: Grid) -> tuple[range, range]:
    """Return the rows and columns that are read: all, or those of a page around the entry."""
    wide = min(grid.columns, max(_WIDE, MOST_READ // grid.rows))
    left, wide = page_of(grid.columns, wide, grid.column)
    top, deep = page_of(grid.rows, MOST_READ // wide, grid.row)
    return range(top, top + deep), range(left, left + wide)
