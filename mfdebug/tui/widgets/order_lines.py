"""The lines of the order tree: each row as segments, in columns that are fitted to the panel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.breakpoints.diagnosis import Diagnosis
from mfdebug.core.explain.report import kind_of
from mfdebug.core.format.numbers import histogram, scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import input_note
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.order_rows import OrderRows, Row, scope_of
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text

# A larger tensor gets no histogram in its row, which would delay the frame.
SUMMARY_LIMIT = 100_000
# A narrower histogram is not readable, and costs bytes whenever the list scrolls.
HISTOGRAM = 8
VALUE_MARKS = {
    Freshness.WAITING: "∙",
    Freshness.CURRENT: "✓",
    Freshness.STALE: "~",
    Freshness.UNKNOWN: "?",
}
GRADIENT_MARKS = {
    Freshness.NONE: " ",
    Freshness.WAITING: "∙",
    Freshness.PARTIAL: "◐",
    Freshness.CURRENT: "∂",
    Freshness.STALE: "~",
    Freshness.UNKNOWN: "?",
}
# A partial gradient to which every consumer has sent.
COMPLETE_MARK = "⊕"


class _Columns(Struct, frozen=True):
    """Widths of the columns, computed for the graph and again when the panel is resized."""

    name: int
    kind: int
    shape: int
    summary: int


class OrderLines:
    """Renders rows at the present moment; `style` returns a style of the tree by its name."""

    def __init__(
        self, debugger: Debugger, stops: Stops, rows: OrderRows, style: Callable[[str], Style]
    ) -> None:
        self._debugger = debugger
        self._stops = stops
        self._rows = rows
        self._style = style
        self._diagnosis = Diagnosis(debugger, stops)
        # The marks of nodes and scopes with stops.
        self._stop_marks: dict[int | str, str] = {}
        self._columns = _Columns(8, 8, 5, 0)
        self._width = 0

    def refresh(self) -> None:
        """Read the stops; called once per frame."""
        self._diagnosis.refresh()
        self._stop_marks = self._marks_of_stops()

    def fit(self, width: int) -> None:
        """Fit the columns to a width, if it has changed."""
        if width != self._width:
            self.fit_columns(width)

    def fit_columns(self, width: int) -> None:
        """Fit the columns to a width."""
        self._width = width
        width -= 9  # the marker, the star, the marks and the gaps between them
        indent = 2 if self._rows.scoped else 0
        names = [cell_len(name.rpartition("/")[2]) for name in self._rows.names[:10_000]]
        name = min(max(names, default=4) + indent, max(6, width // 2))
        first = range(min(len(self._rows.names), 10_000))
        kind = min(max(len(self._kind(node)) for node in first), 10)
        shape = min(max(len(self._shape(node)) for node in first), 9)
        name = max(4, min(name, width - kind - shape))
        kind = max(3, min(kind, width - name - shape))
        summary = width - name - kind - shape - 1
        self._columns = _Columns(name, kind, shape, min(summary, 12) if summary >= 5 else 0)

    def _kind(self, node: int) -> str:
        return kind_of(self._debugger.graph.nodes[node])

    def _shape(self, node: int) -> str:
        return shape_text(self._debugger.plan.shapes[node])

    def segments(self, row: Row) -> list[Segment]:
        """Return a row as segments."""
        if row.scope:
            return self._scope_segments(row.scope)
        if row.edge >= 0:
            return self._edge_segments(row)
        return self._node_segments(row.node)

    def _marks_of_stops(self) -> dict[int | str, str]:
        marks: dict[int | str, str] = {}
        for stop in self._stops:
            if (node := stop.trigger.node) is not None:
                for key in (node, scope_of(self._rows.names[node])):
                    if marks.get(key) != "●":
                        marks[key] = "●" if stop.enabled else "○"
        return marks

    def _stop_mark(self, key: int | str) -> Segment:
        return Segment(self._stop_marks.get(key, " "), self._style("order--stop"))

    def _scope_segments(self, scope: str) -> list[Segment]:
        folded = self._rows.is_folded(scope)
        return [
            # In an open scope the mark is at the node itself.
            self._stop_mark(scope if folded else ""),
            Segment(f"{'▸' if folded else '▾'} {scope}/", self._style("order--scope")),
        ]

    def _node_segments(self, node: int) -> list[Segment]:
        debugger, columns = self._debugger, self._columns
        style = self._style
        target = debugger.graph.nodes[node]
        now = debugger.where.node == node
        name = self._rows.names[node]
        text = f"  {name.rpartition('/')[2]}" if scope_of(name) else name
        trained = isinstance(target, Input) and target.trainable
        value = debugger.value_freshness(node)
        gradient = debugger.gradient_freshness(node)
        waiting = value.absent
        plain = style("order--dim") if waiting else Style.null()
        word = self._wrong(node, value, gradient)
        if len(word) > max(columns.summary, columns.kind + 1 + columns.shape):
            word = word.rpartition("-")[2]  # "ratio" says more than "update-rat…"
        in_summary = len(word) <= columns.summary
        return [
            self._stop_mark(node),
            Segment("▶ " if now else "  ", style("order--now")),
            Segment(fit(text, columns.name), style("order--now") if now else plain),
            # Few changes of colour: each costs ten bytes per row when the list scrolls.
            Segment("*" if trained else " ", style("order--now") if now else plain),
            *self._kind_and_shape(node, "" if in_summary else word),
            self._value_mark(node, value),
            self._gradient_mark(node, gradient),
            *self._summary(node, value, word if in_summary else ""),
        ]

    def _wrong(self, node: int, value: Freshness, gradient: Freshness) -> str:
        """Return a word for what is wrong with a node's current numbers, or an empty string."""
        debugger = self._debugger
        word = ""
        if not value.absent:
            word = unhealthy(debugger.value(node))
        if not word and gradient in (Freshness.CURRENT, Freshness.PARTIAL):
            word = unhealthy(debugger.gradient(node))
        return word or self._diagnosis.word(node)

    def _kind_and_shape(self, node: int, wrong: str) -> list[Segment]:
        """Return the two columns, or `wrong` in place of the shape or of both."""
        columns, style = self._columns, self._style
        kind = f"{fit(self._kind(node), columns.kind)} "
        if not wrong:
            return [Segment(f"{kind}{fit(self._shape(node), columns.shape)} ", style("order--dim"))]
        word = style("order--unhealthy")
        if len(wrong) <= columns.shape:
            return [
                Segment(kind, style("order--dim")),
                Segment(f"{fit(wrong, columns.shape)} ", word),
            ]
        return [Segment(f"{fit(wrong, columns.kind + 1 + columns.shape)} ", word)]

    def _value_mark(self, node: int, freshness: Freshness) -> Segment:
        style = self._style
        if not freshness.absent and unhealthy(self._debugger.value(node)):
            return Segment("! ", style("order--unhealthy"))
        if self._debugger.outdated_by(node) is not None:
            freshness = Freshness.STALE
        return Segment(f"{VALUE_MARKS[freshness]} ", style("order--dim"))

    def _summary(self, node: int, freshness: Freshness, wrong: str) -> list[Segment]:
        if not self._columns.summary or (freshness.absent and not wrong):
            return []
        value = self._debugger.value(node)
        kind = "order--dim" if freshness is Freshness.STALE else "order--plain"
        if wrong:
            text, kind = wrong, "order--unhealthy"
        elif value.size > SUMMARY_LIMIT:
            text = ""
        elif value.size == 1:
            text = _short_number(float(value.reshape(())), self._columns.summary)
        else:
            room = self._columns.summary
            text = histogram(value, room) if room >= HISTOGRAM else ""
        style = self._style(kind)
        return [Segment(f" {fit(text, self._columns.summary)}", style)]

    def _gradient_mark(self, node: int, freshness: Freshness) -> Segment:
        style = self._style
        there = freshness in (Freshness.CURRENT, Freshness.PARTIAL, Freshness.STALE)
        if there and unhealthy(self._debugger.gradient(node)):
            return Segment("!", style("order--unhealthy"))
        fresh = there and freshness is not Freshness.STALE
        mark = GRADIENT_MARKS[freshness]
        if freshness is Freshness.PARTIAL and self._debugger.has_all(node):
            mark = COMPLETE_MARK
        return Segment(mark, style("order--gradient" if fresh else "order--dim"))

    def _edge_segments(self, row: Row) -> list[Segment]:
        graph, debugger = self._debugger.graph, self._debugger
        sources = graph.inbound[row.node]
        last = row.edge == len(sources) + len(graph.consumers[row.node]) - 1
        branch = "└" if last else "├"
        if row.edge < len(sources):
            source = sources[row.edge]
            shared = len(graph.consumers[source]) > 1
            text = f"from {self._rows.names[source]}{self._input_note(row.node, row.edge)}"
            text += f" {self._shape(source)}{' (shared)' if shared else ''}"
        else:
            consumer, input_index = graph.consumers[row.node][row.edge - len(sources)]
            text = f"to {self._rows.names[consumer]}{self._input_note(consumer, input_index)}"
            if (contribution := debugger.contribution(consumer, input_index)) is not None:
                sent = contribution.sent
                if sent is None:
                    text += " ∙ nothing back yet"
                elif sent.size == 1:
                    text += f" sends {scalar(float(sent.reshape(())))}"
                else:
                    text += f" sends shape {shape_text(sent.shape)}"
        line = fit(f"      {branch} {text}", self._width)
        return [Segment(line, self._style("order--dim"))]

    def _input_note(self, node: int, input_index: int) -> str:
        """Return which input an edge is, if the same node is several inputs of another node."""
        sources = self._debugger.graph.inbound[node]
        return input_note(input_index) if sources.count(sources[input_index]) > 1 else ""


def _short_number(number: float, width: int) -> str:
    """Return a number in at most `width` characters, or with one digit if none fits."""
    texts = [scalar(number, digits) for digits in (4, 3, 2, 1)]
    return next((text for text in texts if len(text) <= width), texts[-1])


def unhealthy(array: Array) -> str:
    """Return "nan" or "inf" if an array contains one; huge arrays are not searched."""
    if array.size > SUMMARY_LIMIT or np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "inf"
