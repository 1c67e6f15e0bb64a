"""Render numbers: a single number, or a window of a tensor, which other renderers may replace.

A number's colour shows its sign, and its weight shows its size relative to the largest: faint below
a tenth of it, bold from two thirds on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mfdebug.core.format.numbers import histogram, scalar, summary
from mfdebug.core.format.scaled import ScaledFormat
from mfdebug.tui.widgets.tensor_window import Window, numbers_in
from miniflow.ops.base import Array

Line = list[Segment]

# Statistics over more entries than this would delay the frame.
STATISTICS_LIMIT = 1_000_000
# The cells of a histogram.
HISTOGRAM = 8
FAINT = 0.1
STRONG = 2 / 3
GAP = "  "


class Paint(Struct, frozen=True):
    """How numbers are styled.

    `style` returns a style by name; `now` says that the numbers have just been computed. `stale`
    numbers, of an earlier pass, have no colour. Without `weighed`, only numbers that have just been
    computed are bold. `asked` says that commands take the selected entry from this tensor.
    """

    style: Callable[[str], Style]
    now: bool = False
    stale: bool = False
    weighed: bool = True
    asked: bool = True

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
        """Mark the selected entry; only underlined where another tensor is asked about."""
        mark = self.style("chosen")
        reverse = mark.reverse if self.asked else None
        over = Style(underline=True if not self.asked else mark.underline, reverse=reverse)
        if self.asked:
            over += Style(bold=True)
        if reverse and mark.color is not None and mark.color.is_default:
            # With few colours, the colour of the sign would become a block.
            over += Style(color=mark.color.name)
        return Segment(segment.text, (segment.style or Style.null()) + over)


def number_lines(block: Array, window: Window, form: ScaledFormat, paint: Paint) -> Iterator[Line]:
    """Yield the lines of a window of numbers, one for each line of the window.

    `block` is the 2-D slice that the window is of.
    """
    shown = numbers_in(block, window)
    largest = max((abs(x) for line in shown for x in line if math.isfinite(x)), default=0.0)
    selected = window.grid.flat
    for label, positions, numbers in zip(window.labels, window.lines, shown, strict=True):
        line: Line = [Segment(label, paint.style("dim"))] if label else []
        for at, number in zip(positions, numbers, strict=True):
            segment = paint.number(form.fmt(number), number, largest)
            line += [Segment(GAP), paint.chosen(segment) if at == selected else segment]
        yield line


def summary_text(array: Array, width: int) -> str:
    """Return statistics of a tensor in at most `width` cells, or an empty string if none fit."""
    if array.size > STATISTICS_LIMIT:
        return ""
    statistics = summary(array)
    text = statistics.text()
    if statistics.min < statistics.max and cell_len(text) + 1 + HISTOGRAM <= width:
        # Counted only where it fits: it takes longer than the rest. Of equal entries it is one bar.
        return f"{histogram(array, HISTOGRAM)} {text}"
    shortest = f"{scalar(statistics.min, 4)} … {scalar(statistics.max, 4)}"
    return next((form for form in (text, shortest) if cell_len(form) <= width), "")
