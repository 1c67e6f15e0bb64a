"""The list of watches: each expression, its present value, and its trend."""

from __future__ import annotations

import math

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from mfdebug.core.expressions.watches import Reading, Watches
from mfdebug.core.format.numbers import scalar, sparkline
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.side_list import SideList

# From this width on, numbers are shown with all their digits.
ROOMY = 40
DIGITS, ALL_DIGITS = 8, 12
# Fewer bars show no trend; more are too wide to take in.
MIN_BARS, MAX_BARS = 5, 24
STALE = " stale"


class WatchList(SideList):
    """A row per watch: its number, expression and value, and a bar for each earlier value."""

    def __init__(self, watches: Watches, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("watches", id=id)
        self._watches = watches
        # The last readings. Reading may visit other moments, which a resize must not do in a run.
        self._readings: list[Reading] = []

    @property
    def wanted(self) -> bool:
        """Whether anything is watched."""
        return bool(self._watches)

    def show(self) -> None:
        """Read the watches at the present moment."""
        self._readings = self._watches.read()
        self.show_rows(len(self._readings))

    def row(self, y: int, width: int) -> Strip:
        """Return the row of a watch, `width` cells wide."""
        reading = self._readings[y]
        digits = ALL_DIGITS if width >= ROOMY else DIGITS
        numbers = max(len(str(shown.number)) for shown in self._readings)
        longest = max(cell_len(shown.text) for shown in self._readings)
        room = width - numbers - 3
        name = max(4, min(longest, room - digits - 1 - MIN_BARS))
        style = self.get_component_rich_style
        row = Strip(
            [
                Segment(f" {reading.number:>{numbers}} ", style("list--dim")),
                Segment(f"{fit(reading.text, name)} ", style("list--plain")),
                *self._value(reading, digits, room - name),
            ]
        )
        # A trend has at most `MAX_BARS`, whatever the width.
        return row.adjust_cell_length(width)

    def _value(self, reading: Reading, digits: int, room: int) -> list[Segment]:
        style = self.get_component_rich_style
        value = reading.shown.removesuffix(reading.note)
        number = _number(value)
        if not reading.known and not reading.note:
            waiting = value.startswith("not computed")
            if waiting and room < len(value):
                value = "not computed"
            return [Segment(fit(value, room), style("list--dim" if waiting else "list--wrong"))]
        stale = STALE if reading.note else ""
        plain = style("list--dim" if stale else "list--plain")
        if number is None:
            return [Segment(fit(value, room - len(stale)) + stale, plain)]
        if not math.isfinite(number):
            plain = style("list--wrong")
        text = value
        for significant in range(6, 0, -1):
            if len(text) > digits:
                text = scalar(number, significant)
        bars = min(room - digits - len(stale) - 1, MAX_BARS)
        trend = sparkline(reading.trend, bars) if bars >= MIN_BARS else ""
        return [
            Segment(text.rjust(digits) + stale, plain),
            Segment(f" {trend}", style("list--trend")),
        ]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
