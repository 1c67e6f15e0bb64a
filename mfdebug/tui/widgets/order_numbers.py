"""The numbers in the rows of the order tree: value, gradient and last update of a node.

A mark before a number says when it is not simply of this pass. Numbers that this moment has
computed are bold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Set

from rich.segment import Segment
from rich.style import Style

from mfdebug.core.explain.freshness import is_users
from mfdebug.core.explain.list_marks import OVERRIDDEN_MARK
from mfdebug.core.explain.sizes import MOST_KNOWN, MOST_SUMMED, Size, Sizes
from mfdebug.core.format.column_numbers import column_entries, column_number, magnitude_bar
from mfdebug.core.format.numbers import histogram
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.order_columns import MARK, UPDATE, Columns
from miniflow.node import Input

# Where there is no number, its place has one of these; else they are the mark before it.
ABSENT = {Freshness.NONE: " ", Freshness.WAITING: "∙", Freshness.UNKNOWN: "?"}
MARKS = {Freshness.PARTIAL: "◐", Freshness.CURRENT: " ", Freshness.STALE: "~"}
# A partial gradient to which every consumer has sent.
COMPLETE_MARK = "⊕"
LARGE = "✓"
# What an open question asks for.
ASKED = "?"
WRONG = "!"
# A larger tensor gets no histogram in its row, which would delay the frame.
MOST_COUNTED = 100_000
# The cells of a histogram at most.
BARS = 12


class OrderNumbers:
    """Renders the numbers of nodes at the present moment, in columns."""

    def __init__(self, debugger: Debugger, style: Callable[[str], Style]) -> None:
        self._debugger = debugger
        self._sizes = Sizes(debugger)
        self._style = style
        self._receivers: Set[int] = frozenset()
        self._receivers_of: int | None = None
        # The histogram of each node's value, and the size that was known of the same numbers.
        self._histograms: dict[int, tuple[Size, str]] = {}

    def refresh(self) -> None:
        """Prepare for the present moment; called once per frame."""
        self._sizes.refresh()
        where = self._debugger.where
        node = where.node if where.phase == "backward" else None
        if node != self._receivers_of:
            self._receivers_of = node
            inbound = () if node is None else self._debugger.graph.inbound[node]
            self._receivers = frozenset(inbound)

    def segments(self, node: int, columns: Columns) -> list[Segment]:
        """Return the numbers of a node, in their columns."""
        segments = [*self._value(node, columns), *self._gradient(node, columns)]
        if columns.update:
            segments.append(self._update(node))
        if columns.summary:
            segments.append(self._summary(node, columns))
        return segments

    def _value(self, node: int, columns: Columns) -> list[Segment]:
        debugger = self._debugger
        if (node, "value") in debugger.state.concealed:
            return self._number(ASKED, None, "order--new", columns, columns.value_bar)
        freshness = debugger.state.value_freshness(node)
        if freshness.absent:
            return self._number(ABSENT[freshness], None, "order--dim", columns, columns.value_bar)
        if debugger.state.outdated_by(node) is not None:
            freshness = Freshness.STALE
        stale = freshness is Freshness.STALE
        kind = "order--dim" if stale else "order--new" if self._is_new(node) else "order--plain"
        mark, size = MARKS[freshness], self._sizes.value(node)
        if not stale and is_users(debugger, node):
            mark = OVERRIDDEN_MARK
        return self._number(mark, size, kind, columns, columns.value_bar, entries=True)

    def _is_new(self, node: int) -> bool:
        """Whether this moment has computed or set a node's value."""
        where, target = self._debugger.where, self._debugger.graph.nodes[node]
        if where.phase == "feed":
            return isinstance(target, Input) and not target.trainable
        return where.node == node and where.phase in ("forward", "update")

    def _gradient(self, node: int, columns: Columns) -> list[Segment]:
        debugger = self._debugger
        freshness = debugger.state.gradient_freshness(node)
        bar = columns.gradient_bar
        if (node, "gradient") in debugger.state.concealed:
            return self._number(ASKED, None, "order--new", columns, bar)
        if freshness.absent:
            return self._number(ABSENT[freshness], None, "order--dim", columns, bar)
        mark = MARKS[freshness]
        if freshness is Freshness.PARTIAL and debugger.state.has_all(node):
            mark = COMPLETE_MARK
        stale = freshness is Freshness.STALE
        if not stale and debugger.state.override(node, gradient=True) is not None:
            mark = OVERRIDDEN_MARK
        kind = "order--dim" if stale else "order--gradient"
        if self._receivers_of == node:
            kind = "order--new"
        elif node in self._receivers:
            kind = "order--received"
        return self._number(mark, self._sizes.gradient(node), kind, columns, bar)

    def _number(
        self,
        mark: str,
        size: Size | None,
        kind: str,
        columns: Columns,
        bar: int,
        *,
        entries: bool = False,
    ) -> list[Segment]:
        """Return the mark, the number of a size, and its bar; or the mark alone without a size.

        With `entries`, a few numbers may take the place of the bar, too.
        """
        room = columns.with_bar(bar)
        if size is None:
            # A blank before it, where the digits of numbers begin.
            lead = " " * (columns.number - 5)
            return [Segment(fit(f" {lead}{mark}", MARK + room), self._style(kind))]
        if size.wrong:
            stale = mark == MARKS[Freshness.STALE]
            text = f" {mark if stale else WRONG}{column_number(size.number, columns.number)}"
            style = self._style("order--dim" if stale else "order--unhealthy")
            return [Segment(fit(text, MARK + room), style)]
        style = self._style(kind)
        if len(size.entries) > 1:
            lead = " " * (columns.number - 6)
            text = column_entries(size.entries, (room if entries else columns.number) - len(lead))
            if text:
                return _word(fit(f" {mark}{lead}{text}", MARK + room), style)
        if math.isnan(size.number):
            return _word(fit(f" {mark}{LARGE}", MARK + room), style)
        text = f" {mark}{column_number(size.number, columns.number)}"
        if not bar:
            return _word(text, style)
        return [
            *_word(f"{text} ", style),
            Segment(magnitude_bar(size.number, bar), self._style("order--bar")),
        ]

    def _update(self, node: int) -> Segment:
        debugger = self._debugger
        target = debugger.graph.nodes[node]
        if not (isinstance(target, Input) and target.trainable):
            return Segment(" " * (UPDATE + 1))
        ratio = self._sizes.update_ratio(node)
        where = debugger.where
        new = where.phase == "update" and where.node == node
        if ratio is None:
            # Without a mark: the gradient that made the last update has been replaced.
            made = debugger.state.updated_at(node) is not None
            mark = "∙" if not made else " " if debugger.cursor.endless else "?"
            return Segment(f" {mark:{UPDATE}}", self._style("order--dim"))
        text = "inf" if math.isinf(ratio) else column_number(ratio, UPDATE)
        style = self._style("order--new" if new else "order--plain")
        return Segment(f" {fit(text, UPDATE)}", style)

    def _summary(self, node: int, columns: Columns) -> Segment:
        debugger, width = self._debugger, columns.summary
        freshness = debugger.state.value_freshness(node)
        text = ""
        if not freshness.absent and (node, "value") not in debugger.state.concealed:
            value = debugger.state.value(node)
            size = self._sizes.value(node)
            entries = size.entries
            if column_entries(entries, columns.number + columns.value_bar):
                text = ""  # they are in the column of values
            elif len(entries) > 1:
                text = column_entries(entries, width)
            elif 1 < value.size <= min(MOST_COUNTED, MOST_SUMMED):
                text = self._histogram(node, size, min(width, BARS))
        kind = "order--dim" if freshness is Freshness.STALE else "order--plain"
        return Segment(f" {fit(text, width)}", self._style(kind))

    def _histogram(self, node: int, size: Size, width: int) -> str:
        """Return the histogram of a node's value; counted once for each time that it changes."""
        known = self._histograms.get(node)
        if known is None or known[0] is not size or len(known[1]) != width:
            if len(self._histograms) > MOST_KNOWN:
                self._histograms.clear()
            known = size, histogram(self._debugger.state.value(node), width)
            self._histograms[node] = known
        return known[1]


def _word(text: str, style: Style) -> list[Segment]:
    """Return a text without a line below the blanks around it: few colours underline a number."""
    word = text.strip()
    if not style.underline or not word:
        return [Segment(text, style)]
    start, plain = text.index(word), style + Style(underline=False)
    parts = ((text[:start], plain), (word, style), (text[start + len(word) :], plain))
    return [Segment(part, look) for part, look in parts if part]
