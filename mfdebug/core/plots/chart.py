"""A chart in characters: a frame with two axes of numbers, and cells to draw in.

A chart is text: what is drawn differs by form as well as by style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from mfdebug.core.plots.dots import ACROSS, BRAILLE, DOWN, Band, Floats
from mfdebug.core.plots.drawing import Cell, Line, Style
from mfdebug.core.plots.row_axis import RowAxis
from mfdebug.core.plots.ticks import Tick, round_ticks

# From the lowest to the highest.
SHADES = " ░▒▓█"
NOT_A_NUMBER = "!"
# Columns of the axis for one label and its distance to the next.
LABEL = 9


def lines_of(height: int) -> int:
    """Return how many lines a chart of that height has above its lower axis."""
    return max(1, height - 1)


class Chart:
    """Cells between two axes: `x` has two finite ends, the lower one first, `y` one for its lines.

    `width` and `height` are in characters and include the axes: `y` has a line less.
    """

    def __init__(self, x: tuple[float, float], y: RowAxis, width: int, height: int) -> None:
        self.x, self.y = x, (y.low, y.high)
        self.rows = lines_of(height)
        self._labels = y.labels
        self.margin = max(map(len, self._labels.values()), default=0) + 2
        self.across = max(1, width - self.margin)
        self.cells: list[list[Cell]] = [[(" ", "blank")] * self.across for _ in range(self.rows)]
        self._steps: dict[tuple[int, int], int] = {}

    def column(self, x: float) -> int:
        """Return the column of a number on the x axis; it may lie outside the chart."""
        part = (x - self.x[0]) / (self.x[1] - self.x[0])
        return int(np.floor(np.clip(part, -9, 9) * (self.across * ACROSS - 1) + 0.5)) // ACROSS

    def row(self, y: float) -> int:
        """Return the row of a number on the y axis; it may lie outside the chart."""
        part = (self.y[1] - y) / (self.y[1] - self.y[0])
        return int(np.floor(np.clip(part, -9, 9) * (self.rows * DOWN - 1) + 0.5)) // DOWN

    def has(self, column: int, row: int) -> bool:
        """Whether a cell is in the chart."""
        return 0 <= column < self.across and 0 <= row < self.rows

    def curve(self, heights: Floats) -> None:
        """Draw heights at equal distances from one end of the x axis to the other."""
        band = Band(heights, max(1, len(heights) - 1), *self.y, (self.across, self.rows))
        grid = band.grid()
        for row, column in zip(*np.nonzero(grid), strict=True):
            self.cells[row][column] = (chr(BRAILLE + int(grid[row, column])), "curve")

    def shade(self, levels: Sequence[Sequence[int]]) -> None:
        """Shade the cells by level, an index into `SHADES`; -1 is not a number.

        `levels` has rows from the lowest y up, of any number, at equal distances.
        """
        self.write([[NOT_A_NUMBER if k < 0 else SHADES[k] for k in row] for row in levels])

    def write(self, signs: Sequence[Sequence[str]]) -> None:
        """Fill the cells with signs; rows and distances are as in `shade`."""
        down, along = len(signs), len(signs[0])
        columns = [
            round(column / max(1, self.across - 1) * (along - 1)) for column in range(self.across)
        ]
        for row in range(self.rows):
            source = signs[round((1 - row / max(1, self.rows - 1)) * (down - 1))]
            signs_of_row = [source[column] for column in columns]
            self.cells[row] = [(s, "blank" if s == " " else "shade") for s in signs_of_row]

    def mark(self, x: float, y: float, sign: str, style: Style, step: int | None = None) -> None:
        """Draw a sign, if it is in the chart."""
        if not (np.isfinite(x) and np.isfinite(y)):
            return
        column, row = self.column(x), self.row(y)
        if not self.has(column, row):
            return
        self.cells[row][column] = (sign, style)
        if step is not None:
            self._steps[column + self.margin, row] = step

    def label(self, x: float, y: float, words: str, style: Style) -> None:
        """Write words beside a mark, at the right or at the left, if the cells are blank."""
        column, row = self.column(x), self.row(y)
        for start in (column + 2, column - 1 - len(words)):
            room = range(start - 1, start + len(words) + 1)
            free = (self.has(k, row) and self.cells[row][k][1] == "blank" for k in room)
            around = (k == column or not self.has(k, row) for k in room)
            if all(a or b for a, b in zip(free, around, strict=True)) and self.has(start, row):
                if start + len(words) > self.across:
                    continue
                for k, character in enumerate(words, start):
                    self.cells[row][k] = (character, style)
                return

    def lines(self) -> Iterator[Line]:
        """Yield the lines of the chart, with the y axis at the left and the x axis below."""
        for y, row in enumerate(self.cells):
            label = self._labels.get(y, "")
            axis = label + ("┤" if label else "│")
            yield [
                (" " * (self.margin - len(axis)), "blank"), (axis, "axis"), *_runs(row),
            ]  # fmt: skip
        ticks = round_ticks(*self.x, max(2, self.across // LABEL))
        yield [(" " * (self.margin - 1), "blank"), (f"└{self._x_axis(ticks)}", "axis")]

    def _x_axis(self, ticks: Sequence[Tick]) -> str:
        line, free = "─" * self.across, 0
        for tick in ticks:
            size = len(tick.label)
            start = min(max(0, self.column(tick.at) - (size - 1) // 2), self.across - size)
            if start >= free:
                line = line[:start] + tick.label + line[start + size :]
                free = start + size + 2
        return line

    @property
    def steps(self) -> dict[tuple[int, int], int]:
        """The SGD steps of the marks, by the cell of `lines` in which they are."""
        return self._steps


def _runs(row: Sequence[Cell]) -> Iterator[Cell]:
    """Join neighbouring characters of one style.

    Blanks have their own: an image of the screen places each run by itself.
    """
    for style, run in groupby(row, key=lambda cell: cell[1]):
        yield "".join(character for character, _ in run), style
