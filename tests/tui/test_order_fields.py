"""No two fields of a row of the list touch: a mark beside a digit would be read as part of it."""

from __future__ import annotations

import re

import pytest
from rich.style import Style

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.opening.shipped import GROUPS
from mfdebug.tui.widgets.order_columns import MARGIN
from mfdebug.tui.widgets.order_lines import OrderLines
from mfdebug.tui.widgets.order_rows import OrderRows

# The widths of the list at 60, 80, 120 and 200 columns.
WIDTHS = 29, 33, 52, 84
# Nodes of a graph whose rows are read: the first ones, of which each op and shape is one.
NODES = 16
# A mark that stands before a number, or before the sign of a number.
MARKED = re.compile(r"[◐⊕~≠!](?=[-\d.ith])")


def moments(debugger: ComputedDebugger) -> list[int]:
    """The middles of the phases of the first two SGD steps, where marks and numbers are mixed."""
    length = debugger.timeline.length
    return sorted({step * length + length * part // 8 for step in (0, 1) for part in (1, 3, 5, 7)})


@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_a_gap_is_between_the_fields_of_a_row(name: str) -> None:
    debugger = ComputedDebugger(load_graph(name))
    rows = OrderRows(debugger)
    lists = [OrderLines(debugger, Stops(debugger), rows, lambda _: Style()) for _ in WIDTHS]
    for lines, width in zip(lists, WIDTHS, strict=True):
        lines.fit(width)
    for moment in moments(debugger):
        debugger.move(moment)
        for lines, width in zip(lists, WIDTHS, strict=True):
            lines.refresh()
            columns = lines.columns
            for y in range(min(NODES, len(rows))):
                scope = rows[y].scope
                if scope is not None and not rows.is_folded(scope):
                    continue  # it has no numbers
                row = "".join(segment.text for segment in lines.segments(rows[y]))
                assert len(row) <= width
                ends = [columns.before_numbers]
                ends.append(ends[0] + 2 + columns.with_bar(columns.value_bar))
                assert all(row[end : end + 1] in ("", " ") for end in ends), row
                for mark in MARKED.finditer(row, columns.before_numbers):
                    assert row[mark.start() - 1] == " ", row
                if scope is None:
                    at = MARGIN + columns.name
                    assert row[at] == " ", row
