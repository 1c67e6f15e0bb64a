"""An axis of heights for a plot of so many lines: its ends, and labels equally many lines apart.

Round numbers between given ends fall on any line: their labels are 2 lines apart here and 3 there.
So the ends are chosen with the labels, which are all at the same row of dots in their lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from mfdebug.core.plots.dots import DOWN
from mfdebug.core.plots.ticks import ROUND, Tick, power_ticks, round_ticks, ticks_at

# A row of dots in the middle of a line, counted from its top.
MIDDLE = 2
# Lines from one label to the next, at most.
MOST_APART = 10
# From so many lines on there are three labels at least.
TALL = 10
# So much longer an axis may be for more than these labels.
LONGER, FEW = 1.25, 2
# Up to so many lines each may have a label.
LOW = 6
# So much more than the curve an axis may span for the sake of powers of ten.
LOOSE = 1.6
# What rounding may add to a quotient.
SLACK = 1e-9


class RowAxis(NamedTuple):
    """The heights of the lowest and the highest row of dots, and the labels by line."""

    low: float
    high: float
    labels: dict[int, str]


class _Spacing(NamedTuple):
    """A label each `lines` lines, at the multiples of `tenths` tenths of 10^power."""

    tenths: int
    power: int
    lines: int

    @property
    def between(self) -> float:
        """The difference of two labels."""
        return float(f"{self.tenths}e{self.power - 1}")

    def number(self, top: int, rows: int) -> int:
        """Return how many labels there are, of which the multiple top/lines is at line 0."""
        return len(range(top % self.lines, rows, self.lines))

    def labels(self, top: int, rows: int, *, logarithmic: bool = False) -> dict[int, str]:
        """Return the labels by line."""
        found = range(top % self.lines, rows, self.lines)
        multiples = [(top - row) // self.lines for row in found]
        if logarithmic:
            ticks = power_ticks([k * round(self.between) for k in multiples])
        else:
            ticks = ticks_at(multiples, self.tenths, self.power)
        return {row: tick.label for row, tick in zip(found, ticks, strict=True) if tick.label}


@lru_cache(64)
def row_axis(low: float, high: float, rows: int) -> RowAxis:
    """Return an axis of `rows` lines that holds `low` and `high`, which differ.

    It is the shortest, or a little longer for a third label.
    """
    least, shortest = _least(low, high, rows), None
    for height, spacings in _heights(least, rows):
        if shortest is not None and height > LONGER * (shortest.high - shortest.low) / rows:
            return shortest
        if axis := _axis_of(spacings, height, low, high, rows):
            if len(axis.labels) > FEW:
                return axis
            shortest = shortest or axis
    raise AssertionError("no height of a line is the last")


@lru_cache(64)
def power_axis(low: float, high: float, rows: int) -> RowAxis | None:
    """Return the axis of exponents whose labels are powers of ten; None if it would be too long."""
    least = _least(low, high, rows)
    for height, spacings in _heights(least, rows, logarithmic=True):
        if height > LOOSE * least:
            break
        if axis := _axis_of(spacings, height, low, high, rows, logarithmic=True):
            return axis
    return None


@lru_cache(64)
def row_axis_around(middle: float, span: float, rows: int) -> RowAxis:
    """Return an axis of at least `span` with `middle` on a row of dots halfway down.

    Between two rows of dots, noise would lift a flat curve from one to the other.
    """
    for height, spacings in _heights(span / rows, rows):
        nearest = math.floor(middle / height)
        # Rows of dots from the middle down to the label below it.
        down = DOWN * (middle / height - nearest)
        halfway = range(rows * DOWN // 2 - MIDDLE, rows * DOWN // 2 - MIDDLE + DOWN)
        # Labels must stay well within their lines.
        dot = min(halfway, key=lambda dot: abs((dot + down) % DOWN - MIDDLE))
        top = nearest + math.floor((dot + down) / DOWN)
        if chosen := _best(spacings, top, rows):
            low = middle - (rows * DOWN - 1 - dot) * height / DOWN
            return RowAxis(low, middle + dot * height / DOWN, chosen.labels(top, rows))
    raise AssertionError("no height of a line is the last")


def row_axis_between(low: float, high: float, rows: int) -> RowAxis:
    """Return the axis with these ends, and the most labels that are equally far from each other."""
    for most in range(max(2, (rows + 1) // 3), 1, -1):
        labels = by_line(round_ticks(low, high, most), low, high, rows)
        places = sorted(labels)
        if len({b - a for a, b in pairwise(places)}) <= 1:
            break
    return RowAxis(low, high, labels)


def by_line(ticks: Sequence[Tick], low: float, high: float, rows: int) -> dict[int, str]:
    """Return the labels of ticks by line, on an axis with these ends."""
    dots = rows * DOWN - 1
    return {int((high - at) / (high - low) * dots + 0.5) // DOWN: label for at, label in ticks}


def _least(low: float, high: float, rows: int) -> float:
    return (high - low) / (rows - 1 / DOWN)


def _axis_of(
    spacings: Sequence[_Spacing],
    height: float,
    low: float,
    high: float,
    rows: int,
    *,
    logarithmic: bool = False,
) -> RowAxis | None:
    """Return the axis with lines of this height that holds two numbers, or None."""
    dot, down = height / DOWN, rows * DOWN - 1
    # The ends, in dots: the upper one follows from `high` alone where it can, to stay as long.
    lowest = math.floor(low / dot + SLACK)
    for above in range(math.ceil(high / dot - SLACK), lowest + down + 1):
        # The multiple of a height that is in the first line.
        top = above // DOWN
        if chosen := _best(spacings, top, rows):
            labels = chosen.labels(top, rows, logarithmic=logarithmic)
            return RowAxis((above - down) * dot, above * dot, labels)
    return None


def _heights(
    least: float, rows: int, *, logarithmic: bool = False
) -> Iterator[tuple[float, list[_Spacing]]]:
    """Yield heights of a line from `least` on, the lowest first, with the spacings that fit them.

    On a logarithmic axis the spacings are whole numbers of powers of ten.
    """
    power = math.floor(math.log10(least))
    while True:
        found: dict[float, list[_Spacing]] = {}
        # From 10^power to 10^(power + 1), of which the quotients differ in their first digits.
        for lines in range(1, max(2, min(rows, MOST_APART + 1))):
            for spacing in (_Spacing(t, power + k, lines) for k in range(3) for t in ROUND):
                if logarithmic and not spacing.between.is_integer():
                    continue
                ratio = spacing.between / lines / float(f"1e{power}")
                if 1 - SLACK < ratio < 10 - SLACK:
                    found.setdefault(round(ratio, 6), []).append(spacing)
        for ratio in sorted(found):
            height = found[ratio][0].between / found[ratio][0].lines
            if height >= least * (1 - SLACK):
                yield height, found[ratio]
        power += 1


def _best(spacings: Sequence[_Spacing], top: int, rows: int) -> _Spacing | None:
    """Return the spacing with the most labels that are not in neighbouring lines.

    If there is none, a low plot has a label in each line.
    """
    few = 1 if rows == 1 else FEW if rows < TALL else FEW + 1
    numbered = {spacing.number(top, rows): spacing for spacing in spacings}
    apart = [n for n in numbered if few <= n <= (rows + 1) // 2]
    close = [n for n in numbered if few <= n] if rows <= LOW else []
    number = max(apart) if apart else min(close, default=0)
    return numbered.get(number)
