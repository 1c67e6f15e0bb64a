"""Render numbers: a single number, or the part of a tensor around a selected entry.

A number's colour shows its sign, and its weight shows its size relative to the largest: faint below
a tenth of it, bold from two thirds on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mfdebug.core.format.numbers import NumberFormat, histogram, scalar, slice_line, summary
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.terminal.text_fitting import fit
from miniflow.ops.base import Array

Line = list[Segment]

# Statistics over more entries than this would delay the frame.
STATISTICS_LIMIT = 1_000_000
FAINT = 0.1
STRONG = 2 / 3
GAP = "  "


class Paint(Struct, frozen=True):
    """How numbers are styled.

    `style` returns a style by name; `now` says that the numbers have just been computed. `stale`
    numbers, of an earlier pass, have no colour. Without `weighed`, only numbers that have just been
    computed are bold.
    """

    style: Callable[[str], Style]
    now: bool = False
    stale: bool = False
    weighed: bool = True

    def number(self, text: str, number: float, largest: float = 0.0) -> Segment:
        """Return `text` styled for `number`, given the `largest` magnitude in its tensor."""
        if self.stale or number == 0:
            style = self.style("dim")
        else:
            # NaN has the colour of an error, not that of a positive number.
            sign = "positive" if number > 0 else "negative"
            faint = abs(number) < FAINT * largest
            style = self.style(f"{sign}-faint" if faint else sign)
        strong = self.weighed and not self.stale and abs(number) >= STRONG * largest > 0
        if self.now or strong:
            style += Style(bold=True)
        return Segment(text, style)

    def chosen(self, segment: Segment) -> Segment:
        """Mark the selected entry."""
        mark = self.style("chosen")
        over = Style(underline=mark.underline, reverse=mark.reverse, bold=True)
        return Segment(segment.text, (segment.style or Style.null()) + over)


def tensor_lines(
    array: Array, entry: Index, width: int, height: int, paint: Paint
) -> Iterable[Line]:
    """Yield the lines of a tensor around `entry` that fit `width` cells and `height` rows."""
    dim = paint.style("dim")
    if array.ndim > 2:
        yield [Segment(f"{GAP}{slice_line(array.shape, entry)}", dim)]
        array, entry = array[entry[:-2]], entry[-2:]
    rows = array.reshape(1, -1) if array.ndim == 1 else array
    at = (0, *entry) if array.ndim == 1 else entry
    top, deep = _window(rows.shape[0], height, at[0])
    near, count = _window(rows.shape[1], 32, at[1])
    block = rows[top : top + deep, near : near + count]
    form = NumberFormat.of(block)
    largest = _largest(block)
    across = max(1, width // (form.width + len(GAP)))
    left, wide = _window(rows.shape[1], across, at[1])
    for i in range(top, top + deep):
        line: Line = []
        for j in range(left, left + wide):
            number = float(rows[i, j])
            segment = paint.number(form.fmt(number), number, largest)
            line += [Segment(GAP), paint.chosen(segment) if (i, j) == at else segment]
        yield line
    if deep < rows.shape[0] or wide < rows.shape[1]:
        shown = f"rows {top}-{top + deep - 1} of {rows.shape[0]}"
        if wide < rows.shape[1]:
            shown += f", columns {left}-{left + wide - 1} of {rows.shape[1]}"
        yield [Segment(f"{GAP}{fit(f'… {shown}', width - len(GAP))}", dim)]


def summary_text(array: Array, width: int) -> str:
    """Return statistics of a tensor in at most `width` cells, or an empty string if none fit."""
    if array.size > STATISTICS_LIMIT:
        return ""
    statistics = summary(array)
    longest = f"{histogram(array)} {statistics.text()}"
    shortest = f"{scalar(statistics.min, 4)} … {scalar(statistics.max, 4)}"
    fitting = [text for text in (longest, statistics.text(), shortest) if cell_len(text) <= width]
    return fitting[0] if fitting else ""


def _window(size: int, room: int, at: int) -> tuple[int, int]:
    """Return start and length of a window of up to `room` of `size` items that includes `at`."""
    if size <= room:
        return 0, size
    start = min(max(at - room // 2, 0), size - room)
    return start, room


def _largest(block: Array) -> float:
    finite = np.abs(block[np.isfinite(block)])
    return float(finite.max()) if finite.size else 0.0
