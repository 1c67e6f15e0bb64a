"""The picture of a cost curve: axes, the present branch, other branches dashed, and a mark.

The picture is text: curves differ by form as well as by style. `CostPlot` gives styles to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.core.plots.dots import ACROSS, BRAILLE, DOWN, Band, Floats, Grid, column_of, dashed
from mfdebug.core.plots.row_axis import RowAxis, by_line, power_axis, row_axis, row_axis_around
from mfdebug.core.plots.ticks import Tick, log_ticks, step_end, step_ticks

Style = Literal["axis", "blank", "curve", "branch", "mark"]

# The curve is cut there: the difference of the ends of an axis, which reaches further, is finite.
LARGEST = 4e307
# Magnitudes below it are 0 here: fractions of a difference of heights must not underflow.
SMALLEST = 1e-290
# The cost axis spans at least this fraction of the largest magnitude: what is nearly constant must
# not look like a drop from top to bottom.
MIN_SPAN = 1e-3
# Decades beyond the present curve that other branches may take on a logarithmic axis.
DECADES = 2.0
MARK, POINT = "◆", "•"


class Curves(Struct, frozen=True):
    """The costs to draw: of the present branch, and of others from the step where each forks.

    `step` is the SGD step of the mark, or -1. `aim` is the SGD step to which a run goes, or 0.
    """

    costs: Floats
    step: int = -1
    branches: Sequence[tuple[int, Floats]] = ()
    logarithmic: bool = False
    aim: int = 0


class Picture(NamedTuple):
    """Lines of text with a style for each character, and what the columns stand for."""

    lines: list[list[tuple[str, Style]]]
    left: int
    across: int
    last: int

    def step_at(self, x: int, y: int) -> float | None:
        """Return the SGD step at a cell of the picture, or None outside the axes."""
        if not (0 <= y < len(self.lines) and 0 <= x - self.left < self.across):
            return None
        dots = self.across * ACROSS
        return ((x - self.left) * ACROSS + 0.5) * self.last / (dots - 1)

    def text(self) -> str:
        """Return the picture without its styles."""
        lines = ("".join(text for text, _ in line) for line in self.lines)
        return "\n".join(line.rstrip() for line in lines)


def draw(curves: Curves, width: int, height: int) -> Picture:
    """Draw curves in `width` columns and `height` lines, the last of which is the axis of steps."""
    heights = _heights(curves.costs, logarithmic=curves.logarithmic)
    others = [
        (max(0, fork - 1), _heights(costs, logarithmic=curves.logarithmic))
        for fork, costs in curves.branches
    ]
    rows = max(1, height - 1)
    beside = [height[first:] for first, height in others]
    low, high, labels = axis_of(heights, beside, rows, curves.logarithmic)
    margin = max(map(len, labels.values()), default=0) + 2
    across = max(1, width - margin - 1)
    counts = [len(heights), curves.aim + 1, *(len(h) for _, h in others)]
    last = step_end(max(counts) - 1)
    cells = _cells(curves.step, heights, others, (low, high), last, (across, rows))
    lines: list[list[tuple[str, Style]]] = []
    for y, row in enumerate(cells):
        label = labels.get(y, "")
        edge = label + ("┤" if label else "│")
        lines.append([(" " * (margin - len(edge)), "blank"), (edge, "axis"), *_runs(row)])
    steps = _step_axis(step_ticks(last, max(2, across // 8)), last, across)
    lines.append([(" " * (margin - 1), "blank"), (f"└{steps}", "axis")])
    return Picture(lines, margin, across, last)


def axis_of(
    present: Floats, others: Sequence[Floats], rows: int, logarithmic: bool = False
) -> RowAxis:
    """Return the axis of costs of a plot that is `rows` characters high.

    Its ends are about those of the present curve, and stay while this grows within them. Other
    branches move them as far again as its largest magnitude: a branch that diverged must not
    flatten the present one.
    """
    finite = present[np.isfinite(present)]
    known = [h[np.isfinite(h)] for h in others]
    if not finite.size:
        finite = np.concatenate([*known, np.zeros(0)])
    if not finite.size:
        return _axis(0.0, 1.0, rows)
    low, high = float(finite.min()), float(finite.max())
    room = DECADES if logarithmic else max(abs(low), abs(high))
    floor, ceiling = low - room, high + room
    for branch in (h for h in known if h.size):
        low = min(low, max(float(branch.min()), floor))
        high = max(high, min(float(branch.max()), ceiling))
    if max(abs(low), abs(high)) < SMALLEST:
        return _axis(0.0, 1.0, rows)
    return _axis(low, high, rows, logarithmic)


def _axis(low: float, high: float, rows: int, logarithmic: bool = False) -> RowAxis:
    span = MIN_SPAN * max(abs(low), abs(high))
    flat = high - low < span
    middle = low / 2 + high / 2
    axis = row_axis_around(middle, span, rows) if flat else row_axis(low, high, rows)
    if not logarithmic:
        return axis
    powers = None if flat else power_axis(low, high, rows)
    return powers or axis._replace(labels=_uneven(axis, rows))


def _uneven(axis: RowAxis, rows: int) -> dict[int, str]:
    """Return the labels of numbers between two powers of ten, which a logarithm sets apart."""
    return by_line(log_ticks(axis.low, axis.high, max(2, (rows + 1) // 2)), *axis[:2], rows)


def _heights(costs: Floats, *, logarithmic: bool) -> Floats:
    """Return the costs as heights; NaN for what has none."""
    with np.errstate(all="ignore"):
        heights = np.log10(costs) if logarithmic else np.asarray(costs, np.float64)
    heights = np.where(np.isfinite(heights), heights, np.nan)
    return np.clip(heights, -LARGEST, LARGEST)


Cell = tuple[str, Style]


def _cells(
    step: int,
    heights: Floats,
    others: Sequence[tuple[int, Floats]],
    ends: tuple[float, float],
    last: int,
    size: tuple[int, int],
) -> list[list[Cell]]:
    """Return the characters between the axes; the present curve lies over the others."""
    across, rows = size
    cells: list[list[Cell]] = [[(" ", "blank")] * across for _ in range(rows)]
    for first, branch in others:
        shown = np.where(np.arange(len(branch)) >= first, branch, np.nan)
        band = Band(shown, last, *ends, size)
        _put(cells, dashed(band.grid()), band, "branch")
    if len(heights):
        band = Band(heights, last, *ends, size)
        _put(cells, band.grid(), band, "curve")
    if 0 <= step < len(heights) and np.isfinite(heights[step]):
        # The row of the mark's own height: a column may stand for many steps.
        alone = Band(heights[step : step + 1], 1, *ends, (1, rows))
        row = min(rows - 1, max(0, int(alone.top[0]) // DOWN))
        cells[row][column_of(step, last, across * ACROSS) // ACROSS] = (MARK, "mark")
    return cells


def _put(cells: list[list[Cell]], grid: Grid, band: Band, style: Style) -> None:
    for row, column in zip(*np.nonzero(grid), strict=True):
        cells[row][column] = (chr(BRAILLE + int(grid[row, column])), style)
    for row, column in band.points():
        cells[row][column] = (POINT, style)


def _runs(row: Sequence[Cell]) -> Iterator[Cell]:
    """Join neighbouring characters of one style.

    Blanks have their own: an image of the screen places each run by itself, so that a curve keeps
    its form whatever font draws it.
    """
    for style, run in groupby(row, key=lambda cell: cell[1]):
        yield "".join(character for character, _ in run), style


def _step_axis(ticks: Sequence[Tick], last: int, across: int) -> str:
    """Return a line with the labels of SGD steps in it, each at its place."""
    line = "─" * across
    free = 0
    for tick in ticks:
        column = column_of(tick.at, last, across * ACROSS) // ACROSS
        start = min(max(0, column - (len(tick.label) - 1) // 2), across - len(tick.label))
        if start >= free:
            line = line[:start] + tick.label + line[start + len(tick.label) :]
            free = start + len(tick.label) + 2
    return line
