"""Which entries of a tensor are shown: a window of its rows and columns, or a vector over lines.

Tensors of one shape, such as a value and its gradient, share one window: they move together. The
window moves by pages, so that the selected entry moves in it without moving the other numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mfdebug.core.format.numbers import slice_line
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Array, Shape

# Columns that are looked at for a format: more do not fit into a screen.
MOST_COLUMNS = 64
# A line of a wrapped vector has a multiple of this many entries, if there is room for so many.
ROUND = 5


class Grid(NamedTuple):
    """The 2-D slice of a tensor around an entry: its size, and the entry's row and column in it.

    A vector is one row.
    """

    rows: int
    columns: int
    row: int
    column: int

    @classmethod
    def of(cls, shape: Shape, entry: Index) -> Grid:
        """Return the slice of a tensor of `shape` that contains `entry`."""
        rows, columns = (1, 1, *shape)[-2:]
        row, column = (0, 0, *entry)[-2:]
        return cls(rows, columns, row, column)

    @property
    def is_line(self) -> bool:
        """Whether it is a single row or column, whose entries may be wrapped over lines."""
        return 1 in (self.rows, self.columns)

    @property
    def flat(self) -> int:
        """The position of the selected entry, row by row."""
        return self.row * self.columns + self.column


class Moves(NamedTuple):
    """How far a key moves the selected entry: by a row, a column or a page, in entries.

    Entries are counted row by row, or column by column if `by_column`. A cell of several columns
    does not reach into the next row: then a row has `columns`, and a move to the side stays in it.
    Otherwise `columns` is 0, and past the end of a row is the next row.
    """

    row: int
    column: int
    page: int
    by_column: bool = False
    columns: int = 0

    def moved(self, shape: Shape, entry: Index, rows: int, columns: int, pages: int) -> Index:
        """Return the entry so many rows, columns and pages from `entry`, or at the nearest end."""
        if self.by_column:
            shape, entry = _swapped(shape), _swapped(entry)
        flat, size = int(np.ravel_multi_index(entry, shape)), math.prod(shape)
        down, aside = rows * self.row + pages * self.page, columns * self.column
        if self.columns:
            row, column = divmod(flat, self.columns)
            row = _within(row + down // self.columns, size // self.columns)
            flat = row * self.columns + _within(column + aside, self.columns)
        else:
            flat = _within(flat + down + aside, size)
        found = tuple(int(i) for i in np.unravel_index(flat, shape))
        return _swapped(found) if self.by_column else found


def _within(position: int, size: int) -> int:
    return min(max(position, 0), size - 1)


def _swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape or an index with its last two axes exchanged."""
    return (*axes[:-2], axes[-1], axes[-2])


class Window(NamedTuple):
    """Lines of positions in the slice, counted row by row; `labels` precede wrapped lines.

    `hidden` says which entries are shown if not all are. `row_step` is the distance from an entry
    to the one below it, `page` the number of lines of a full window.
    """

    grid: Grid
    lines: tuple[range, ...]
    labels: tuple[str, ...]
    hidden: str
    row_step: int
    page: int

    @property
    def moves(self) -> Moves:
        """How keys move the selected entry."""
        return Moves(self.row_step, 1, self.page * self.row_step)

    @property
    def size(self) -> int:
        """The number of entries shown."""
        return sum(map(len, self.lines))


def slice_of(array: Array, entry: Index) -> Array:
    """Return the 2-D slice of an array that contains `entry`; a vector is one row."""
    if array.ndim > 2:
        array = array[entry[:-2]]
    return array.reshape((1, 1, *array.shape)[-2:])


def near(array: Array, entry: Index, height: int) -> Array:
    """Return the entries that a window of up to `height` lines around `entry` may show."""
    grid = Grid.of(array.shape, entry)
    block = slice_of(array, entry)
    room = height * MOST_COLUMNS
    rows = _around(grid.row, room if grid.columns == 1 else height)
    return block[rows, _around(grid.column, room if grid.rows == 1 else MOST_COLUMNS)]


def numbers_in(block: Array, window: Window) -> list[list[float]]:
    """Return the numbers of a window's lines; `block` is the 2-D slice that it is of."""
    columns = window.grid.columns
    if columns == 1:
        return [block[line.start : line.stop, 0].tolist() for line in window.lines]
    starts = (divmod(line.start, columns) for line in window.lines)
    return [
        block[row, column : column + len(line)].tolist()
        for (row, column), line in zip(starts, window.lines, strict=True)
    ]


def window_of(shape: Shape, entry: Index, height: int, width: int, cell: int) -> Window:
    """Return the window around `entry`, of at most `height` lines of `width` cells.

    An entry takes `cell` cells; a line has at least one.
    """
    grid = Grid.of(shape, entry)
    fitting = max(1, width // cell)
    if grid.is_line and (grid.columns > fitting or grid.rows > height):
        return _wrapped(grid, shape, entry, height, width, cell)
    top, deep = page_of(grid.rows, height, grid.row)
    left, wide = page_of(grid.columns, fitting, grid.column)
    lines = tuple(
        range(row * grid.columns + left, row * grid.columns + left + wide)
        for row in range(top, top + deep)
    )
    parts = []
    if deep < grid.rows:
        parts.append(part_words("rows", top, deep, grid.rows))
    if wide < grid.columns:
        parts.append(part_words("columns", left, wide, grid.columns))
    hidden = ", ".join(filter(None, (slice_line(shape, entry), *parts)))
    return Window(grid, lines, ("",) * deep, hidden, grid.columns, deep)


def _wrapped(grid: Grid, shape: Shape, entry: Index, height: int, width: int, cell: int) -> Window:
    """Return a window of a single row or column, with several entries in a line."""
    size = grid.rows * grid.columns
    label = len(f"[{size - 1}]")
    wide = max(1, (width - label) // cell)
    if wide > ROUND:
        wide -= wide % ROUND
    wide = min(wide, size)
    first, deep = page_of(math.ceil(size / wide), height, grid.flat // wide)
    lines = tuple(
        range(line * wide, min((line + 1) * wide, size)) for line in range(first, first + deep)
    )
    labels = tuple(f"[{line.start}]".rjust(label) for line in lines)
    hidden = [slice_line(shape, entry)]
    if (count := sum(map(len, lines))) < size:
        hidden.append(
            part_words("rows" if grid.rows > 1 else "entries", lines[0].start, count, size)
        )
    return Window(grid, lines, labels, ", ".join(filter(None, hidden)), wide, deep)


def _around(at: int, room: int) -> slice:
    return slice(max(0, at - room + 1), at + room)


def page_of(size: int, room: int, at: int) -> tuple[int, int]:
    """Return start and length of the page of up to `room` of `size` items that includes `at`."""
    if size <= room:
        return 0, size
    return min(at // room * room, size - room), room


def part_words(words: str, start: int, count: int, size: int) -> str:
    """Say which part of a tensor is shown: `rows 0-5 of 20`."""
    return f"{words} {start}-{start + count - 1} of {size:,}"
