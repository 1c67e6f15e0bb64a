"""A curve as braille dots: two columns and four rows of dots in each character.

A curve of any length is binned to the columns of dots: the minimum and the maximum of each column
are drawn, so no spike is lost and a million points cost the same as a hundred. NaN is a gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Grid = NDArray[np.uint8]

# Dots in a character, across and down.
ACROSS, DOWN = 2, 4
BRAILLE = 0x2800
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)


class Band:
    """What a curve covers in each column of dots: rows `top` to `bottom`, where `there`.

    Rows are counted from the top and may lie outside the plot.
    """

    def __init__(self, heights: Floats, last: int, low: float, high: float, size: Size) -> None:
        """Bin `heights` of points 0 to n - 1, on axes that end at point `last`, `low` and `high`.

        `size` is in characters: across, down.
        """
        across, down = size[0] * ACROSS, size[1] * DOWN
        self.size = size
        lowest, highest, self.there = _covered(heights, last, across)
        scale = (down - 1) / (high - low)
        rows = np.zeros((2, across), np.intp)
        for row, values in zip(rows, (highest, lowest), strict=True):
            # A branch may be far out of a small range: infinitely many rows.
            with np.errstate(over="ignore"):
                exact = (high - values[self.there]) * scale
            row[self.there] = np.floor(np.clip(exact, -down, 2 * down) + 0.5)
        self.top, self.bottom = rows
        self._join()

    def _join(self) -> None:
        """Extend neighbouring columns towards each other, until no row between them is empty."""
        both = self.there[:-1] & self.there[1:]
        down = np.where(both, np.maximum(0, self.top[1:] - self.bottom[:-1] - 1), 0)
        up = np.where(both, np.maximum(0, self.top[:-1] - self.bottom[1:] - 1), 0)
        self.bottom[:-1] += (down + 1) // 2
        self.top[1:] -= down // 2
        self.top[:-1] -= (up + 1) // 2
        self.bottom[1:] += up // 2

    def grid(self) -> Grid:
        """Return the braille pattern of each character, of shape (down, across); 0 is empty."""
        across, down = self.size
        rows = np.arange(down * DOWN)[:, None]
        dots = (rows >= self.top) & (rows <= self.bottom) & self.there
        cells = dots.reshape(down, DOWN, across, ACROSS).transpose(0, 2, 1, 3)
        patterns: Grid = (cells * _BITS).sum(axis=(2, 3), dtype=np.uint8)
        return patterns

    def points(self) -> list[tuple[int, int]]:
        """Return the characters, as row and column, of points without a neighbour to join."""
        padded = np.concatenate([[False], self.there, [False]])
        alone = np.flatnonzero(self.there & ~padded[:-2] & ~padded[2:])
        cells = [(int(self.top[x]) // DOWN, int(x) // ACROSS) for x in alone]
        return [(row, column) for row, column in cells if 0 <= row < self.size[1]]


Size = tuple[int, int]


def dashed(grid: Grid) -> Grid:
    """Return a curve with every second of its characters, along its course, left out."""
    columns, rows = np.nonzero(grid.T)
    result = grid.copy()
    result[rows[1::2], columns[1::2]] = 0
    return result


def column_of(point: float, last: int, across: int) -> int:
    """Return the column of dots of a point."""
    return int(point * (across - 1) / last + 0.5)


def _covered(heights: Floats, last: int, across: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the lowest and the highest number in each column, and whether there is one."""
    lowest, highest = np.full(across, np.nan), np.full(across, np.nan)
    if not len(heights):
        return lowest, highest, np.isfinite(lowest)
    # Columns per point, as in `column_of`.
    rate = (across - 1) / last
    if rate >= 1:
        starts = np.arange(len(heights))
        known = np.floor(starts * rate + 0.5).astype(np.intp)
    else:
        known = np.arange(column_of(len(heights) - 1, last, across) + 1)
        starts = np.maximum(np.ceil((known - 0.5) / rate) if rate else known, 0).astype(np.intp)
    lowest[known] = np.fmin.reduceat(heights, starts)
    highest[known] = np.fmax.reduceat(heights, starts)
    # A column between two points is on the line that joins them.
    middle = lowest[known] / 2 + highest[known] / 2
    finite = np.isfinite(middle)
    between = np.setdiff1d(np.arange(known[0], known[-1]), known)
    after = np.searchsorted(known, between)
    between = between[finite[after - 1] & finite[after]]
    if len(between):
        lowest[between] = highest[between] = np.interp(between, known[finite], middle[finite])
    return lowest, highest, np.isfinite(lowest)
