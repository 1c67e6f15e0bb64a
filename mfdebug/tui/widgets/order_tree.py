"""The topological order as a tree, with marks for values and gradients.

Rows are rendered when they become visible, so a graph of 100,000 nodes costs the same as one of
100. Consecutive nodes of one scope (`layer1/W`, `layer1/b`) are under a row of the scope, which
folds; a node's row opens to its edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.breakpoints.diagnosis import Diagnosis
from mfdebug.core.explain.report import kind_of
from mfdebug.core.format.numbers import histogram, scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import input_note
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.lines import LinesView
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


class Row(Struct, frozen=True, gc=False):
    """A row: a scope, a node, or an edge of a node (its position among the node's edges)."""

    node: int
    scope: str = ""
    edge: int = -1


@dataclass(frozen=True)
class _Columns:
    """Widths of the columns, computed for the graph and again when the panel is resized."""

    name: int
    kind: int
    shape: int
    summary: int


class OrderTree(LinesView, can_focus=True):
    """The order tree; `selected` is the node under its cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "order--now",
        "order--selected",
        "order--dim",
        "order--gradient",
        "order--scope",
        "order--plain",
        "order--unhealthy",
        "order--stop",
    }
    DEFAULT_CSS = """
    OrderTree {
        background: $background;
        overflow-x: hidden;
        & > .order--now { color: $accent; text-style: bold; }
        & > .order--selected { background: $boost; text-style: bold; }
        &:focus > .order--selected { background: $block-cursor-blurred-background; }
        & > .order--dim { color: $text-muted; }
        & > .order--gradient { color: $warning; }
        & > .order--plain { color: $text; }
        & > .order--unhealthy { color: $text-error; text-style: bold; }
        & > .order--stop { color: $warning; text-style: bold; }
        & > .order--scope { color: $text-muted; text-style: italic; }
        &:nocolor > .order--selected, &:ansi > .order--selected { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("order")

    class Selected(Message):
        """The cursor has moved to another node."""

        def __init__(self, node: int) -> None:
            super().__init__()
            self.node = node

    def __init__(
        self,
        debugger: Debugger,
        stops: Stops,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self.debugger = debugger
        self._stops = stops
        self._diagnosis = Diagnosis(debugger, stops)
        # The marks of nodes and scopes with stops.
        self._stop_marks: dict[int | str, str] = {}
        # For an audience: a blank line between rows, while there is room for it.
        self.roomy = False
        self._opened: set[int] = set()
        self._folded: set[str] = set()
        self._names = debugger.graph.names()
        self._rows: list[Row] = []
        self._row_of: dict[int, int] = {}
        self._columns = _Columns(8, 8, 5, 0)
        self._fitted_to = 0
        self._cursor = 0
        self._lay_out()

    # Interface for the screen ----------------------------------------------------------

    @property
    def selected(self) -> int:
        """The node under the cursor; the row of a scope or an edge counts as its node."""
        return self._rows[self._cursor].node

    def select(self, node: int) -> None:
        """Put the cursor on a node, opening the scope it is folded into."""
        if node not in self._row_of:
            self._folded.discard(scope_of(self._names[node]))
            self._lay_out()
        self._cursor = self._row_of[node]

    def show(self) -> None:
        """Show the present moment."""
        self._diagnosis.refresh()
        self._stop_marks = self._marks_of_stops()
        self.reload(Size(self.line_width, len(self._rows) * self._spacing))
        self.reveal(self._cursor * self._spacing)

    @property
    def _spacing(self) -> int:
        return 2 if self.roomy and 2 * len(self._rows) <= self.size.height else 1

    # Moving ------------------------------------------------------------------------------

    def _go(self, row: int) -> None:
        row = min(max(row, 0), len(self._rows) - 1)
        if row != self._cursor:
            self._cursor = row
            self.show()
            self.post_message(self.Selected(self.selected))

    def action_move(self, by: int) -> None:
        """Move the cursor by `by` rows."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by `by` pages."""
        self._go(self._cursor + by * max(1, self.size.height - 1))

    def action_edge(self, side: int) -> None:
        """Go to the first or last row."""
        self._go(0 if side < 0 else len(self._rows) - 1)

    def action_open(self) -> None:
        """Open or close the row under the cursor."""
        row = self._rows[self._cursor]
        if row.scope:
            self._folded ^= {row.scope}
        else:
            self._opened ^= {row.node}
        self._lay_out()
        self._cursor = self._row_of[row.node] if not row.scope else self._rows.index(row)
        self.show()

    def on_click(self, event: Click) -> None:
        """Move the cursor to the clicked row."""
        self._go((event.y + self.scroll_offset.y) // self._spacing)

    # Rows --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        rows: list[Row] = []
        row_of: dict[int, int] = {}
        current = ""
        for node, name in enumerate(self._names):
            scope = scope_of(name)
            if scope != current:
                current = scope
                if scope:
                    rows.append(Row(node, scope))
            if scope in self._folded:
                continue
            row_of[node] = len(rows)
            rows.append(Row(node))
            if node in self._opened:
                edges = len(self.debugger.graph.inbound[node])
                edges += len(self.debugger.graph.consumers[node])
                rows.extend(Row(node, edge=edge) for edge in range(edges))
        self._rows = rows
        self._row_of = row_of
        self._cursor = min(self._cursor, len(rows) - 1)

    def on_resize(self) -> None:
        """Fit the columns to the panel."""
        self._fit_columns()
        self.show()

    def _fit_columns(self) -> None:
        self._fitted_to = self.line_width
        width = self._fitted_to - 9  # the marker, the star, the marks and the gaps between them
        indent = 2 if any(row.scope for row in self._rows) else 0
        names = [cell_len(name.rpartition("/")[2]) for name in self._names[:10_000]]
        name = min(max(names, default=4) + indent, max(6, width // 2))
        first = range(min(len(self._names), 10_000))
        kind = min(max(len(self._kind(node)) for node in first), 10)
        shape = min(max(len(self._shape(node)) for node in first), 9)
        name = max(4, min(name, width - kind - shape))
        kind = max(3, min(kind, width - name - shape))
        summary = width - name - kind - shape - 1
        self._columns = _Columns(name, kind, shape, min(summary, 12) if summary >= 5 else 0)

    def _kind(self, node: int) -> str:
        return kind_of(self.debugger.graph.nodes[node])

    def _shape(self, node: int) -> str:
        return shape_text(self.debugger.plan.shapes[node])

    def line(self, y: int) -> Strip:
        """Return line `y`: a row, or a blank between rows."""
        if self.line_width != self._fitted_to:
            # A scrollbar has appeared or disappeared, of which Textual sends no event.
            self._fit_columns()
        y, blank = divmod(y, self._spacing)
        if blank:
            return Strip.blank(self.line_width)
        row = self._rows[y]
        if row.scope:
            segments = self._scope_segments(row.scope)
        elif row.edge >= 0:
            segments = self._edge_segments(row)
        else:
            segments = self._node_segments(row.node)
        strip = Strip(segments)
        if y == self._cursor:
            chosen = self.get_component_rich_style("order--selected")
            # On top of the columns' styles, whose colours stay.
            over = Style(bgcolor=chosen.bgcolor, bold=chosen.bold, reverse=chosen.reverse)
            wide = strip.extend_cell_length(self.size.width)
            strip = Strip(Segment.apply_style(wide, post_style=over))
        return strip

    def _marks_of_stops(self) -> dict[int | str, str]:
        marks: dict[int | str, str] = {}
        for stop in self._stops:
            if (node := stop.trigger.node) is not None:
                for key in (node, scope_of(self._names[node])):
                    if marks.get(key) != "●":
                        marks[key] = "●" if stop.enabled else "○"
        return marks

    def _stop_mark(self, key: int | str) -> Segment:
        return Segment(self._stop_marks.get(key, " "), self.get_component_rich_style("order--stop"))

    def _scope_segments(self, scope: str) -> list[Segment]:
        folded = scope in self._folded
        return [
            # In an open scope the mark is at the node itself.
            self._stop_mark(scope if folded else ""),
            Segment(
                f"{'▸' if folded else '▾'} {scope}/", self.get_component_rich_style("order--scope")
            ),
        ]

    def _node_segments(self, node: int) -> list[Segment]:
        debugger, columns = self.debugger, self._columns
        style = self.get_component_rich_style
        target = debugger.graph.nodes[node]
        now = debugger.where.node == node
        name = self._names[node]
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
        debugger = self.debugger
        word = ""
        if not value.absent:
            word = unhealthy(debugger.value(node))
        if not word and gradient in (Freshness.CURRENT, Freshness.PARTIAL):
            word = unhealthy(debugger.gradient(node))
        return word or self._diagnosis.word(node)

    def _kind_and_shape(self, node: int, wrong: str) -> list[Segment]:
        """Return the two columns, or `wrong` in place of the shape or of both."""
        columns, style = self._columns, self.get_component_rich_style
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
        style = self.get_component_rich_style
        if not freshness.absent and unhealthy(self.debugger.value(node)):
            return Segment("! ", style("order--unhealthy"))
        if self.debugger.outdated_by(node) is not None:
            freshness = Freshness.STALE
        return Segment(f"{VALUE_MARKS[freshness]} ", style("order--dim"))

    def _summary(self, node: int, freshness: Freshness, wrong: str) -> list[Segment]:
        if not self._columns.summary or (freshness.absent and not wrong):
            return []
        value = self.debugger.value(node)
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
        style = self.get_component_rich_style(kind)
        return [Segment(f" {fit(text, self._columns.summary)}", style)]

    def _gradient_mark(self, node: int, freshness: Freshness) -> Segment:
        style = self.get_component_rich_style
        there = freshness in (Freshness.CURRENT, Freshness.PARTIAL, Freshness.STALE)
        if there and unhealthy(self.debugger.gradient(node)):
            return Segment("!", style("order--unhealthy"))
        fresh = there and freshness is not Freshness.STALE
        mark = GRADIENT_MARKS[freshness]
        if freshness is Freshness.PARTIAL and self.debugger.has_all(node):
            mark = COMPLETE_MARK
        return Segment(mark, style("order--gradient" if fresh else "order--dim"))

    def _edge_segments(self, row: Row) -> list[Segment]:
        graph, debugger = self.debugger.graph, self.debugger
        sources = graph.inbound[row.node]
        last = row.edge == len(sources) + len(graph.consumers[row.node]) - 1
        branch = "└" if last else "├"
        if row.edge < len(sources):
            source = sources[row.edge]
            shared = len(graph.consumers[source]) > 1
            text = f"from {self._names[source]}{self._input_note(row.node, row.edge)}"
            text += f" {self._shape(source)}{' (shared)' if shared else ''}"
        else:
            consumer, input_index = graph.consumers[row.node][row.edge - len(sources)]
            text = f"to {self._names[consumer]}{self._input_note(consumer, input_index)}"
            if (contribution := debugger.contribution(consumer, input_index)) is not None:
                sent = contribution.sent
                if sent is None:
                    text += " ∙ nothing back yet"
                elif sent.size == 1:
                    text += f" sends {scalar(float(sent.reshape(())))}"
                else:
                    text += f" sends shape {shape_text(sent.shape)}"
        line = fit(f"      {branch} {text}", self.line_width)
        return [Segment(line, self.get_component_rich_style("order--dim"))]

    def _input_note(self, node: int, input_index: int) -> str:
        """Return which input an edge is, if the same node is several inputs of another node."""
        sources = self.debugger.graph.inbound[node]
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


def scope_of(name: str) -> str:
    """Return the scope of a name: `layer1` for `layer1/W`, an empty string for `W`."""
    return name.rpartition("/")[0]
