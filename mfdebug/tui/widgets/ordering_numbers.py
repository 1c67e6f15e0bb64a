"""The columns of the order while it is found: how many inputs a node waits for, and its place."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style

from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.order_columns import MARK, WIDE_NUMBER, Columns


class OrderingNumbers:
    """Renders what nodes wait for at the present moment, and where they have been placed."""

    def __init__(self, debugger: Debugger, style: Callable[[str], Style]) -> None:
        self._debugger = debugger
        self._style = style

    def segments(self, node: int, columns: Columns) -> list[Segment]:
        """Return the cells of a node, as wide as the columns of its numbers."""
        timeline = self._debugger.timeline
        placed = timeline.placed(self._debugger.moment)
        left = timeline.ordering.waits_for(node, placed)
        waits, place, kind = f"{left}", "", "order--plain"
        if node < placed:
            waits, place = "", f"{node + 1}"
            kind = "order--new" if node == placed - 1 else "order--dim"
        elif not left:
            waits, kind = "queue", "order--gradient"
            if placed and timeline.ordering.joins(node, placed):
                kind = "order--received"
        lead = " " * (MARK + (columns.number == WIDE_NUMBER))
        value = MARK + columns.with_bar(columns.value_bar)
        gradient = MARK + columns.with_bar(columns.gradient_bar)
        rest = " " * columns.after_gradient
        text = f"{fit(f'{lead}{waits}', value)}{fit(f'{lead}{place}', gradient)}{rest}"
        return [Segment(text, self._style(kind))]
