"""The lines of the order tree: each row as segments, in columns that are fitted to the panel."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.breakpoints.diagnosis import Diagnosis
from mfdebug.core.explain.names import kind_of
from mfdebug.core.explain.scopes import Scope, within
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import input_note
from mfdebug.tui.terminal.text_fitting import fit, fit_end
from mfdebug.tui.widgets.name_texts import NameTexts
from mfdebug.tui.widgets.order_columns import (
    GAP,
    MARGIN,
    Columns,
    Wanted,
    fit_columns,
    listed_widths,
)
from mfdebug.tui.widgets.order_numbers import ASKED, OrderNumbers
from mfdebug.tui.widgets.order_rows import OrderRows, Row
from mfdebug.tui.widgets.ordering_numbers import OrderingNumbers
from miniflow.node import Input
from miniflow.ops.base import shape_text
from miniflow.text.lists import counted

# Names, ops and shapes of the first nodes decide the widths of their columns.
MEASURED = 2000
# Cells by which a row is indented for each scope around it, and in narrow panels.
INDENT, NARROW_INDENT, NARROW = 2, 1, 40


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
        self._numbers = OrderNumbers(debugger, style)
        self._ordering = OrderingNumbers(debugger, style)
        # The stops' marks by node.
        self._stop_marks: dict[int, str] = {}
        self.columns = Columns(name=8)
        self._names = NameTexts(rows)
        self._width = 0
        self._indent = INDENT
        # The text that is searched for, whose occurrences are marked.
        self.found = ""

    def refresh(self) -> None:
        """Read the stops and the moment; called once per frame."""
        self._diagnosis.refresh()
        self._numbers.refresh()
        self._stop_marks = {}
        for stop in self._stops:
            if (node := stop.trigger.node) is not None and self._stop_marks.get(node) != "●":
                self._stop_marks[node] = "●" if stop.enabled else "○"

    def fit(self, width: int) -> bool:
        """Fit the columns to a width; return whether they have changed."""
        if width == self._width:
            return False
        self._width = width
        self._indent = NARROW_INDENT if width < NARROW else INDENT
        before, self.columns = self.columns, fit_columns(self._wanted(), width)
        self._names = NameTexts(self._rows)
        return before != self.columns

    def listed_widths(self, least: int, most: int) -> list[int]:
        """Return the widths in these bounds with more columns than the least, the best first."""
        return listed_widths(self._wanted(), least, most)

    def _wanted(self) -> Wanted:
        first = range(min(len(self._rows.names), MEASURED))
        return Wanted(
            max(self._name_width(node) for node in first),
            max(cell_len(self._kind(node)) for node in first),
            max(len(self._shape(node)) for node in first),
            self._debugger.graph.trains,
        )

    def headings(self) -> list[tuple[int, str]]:
        """Return the words over the columns of numbers, each with its position."""
        return self.columns.headings(ordering=self._debugger.moment < 0)

    def _cells(self, node: int) -> list[Segment]:
        """Return the numbers of a node, or what it waits for while the order is found."""
        numbers = self._ordering if self._debugger.moment < 0 else self._numbers
        return numbers.segments(node, self.columns)

    def _name_width(self, node: int) -> int:
        name = f"{self._rows.own_name(node)}{self._star(node)}"
        return cell_len(name) + self._indent * self._rows.level_of(node)

    def _star(self, node: int) -> str:
        """Return the mark of a parameter that an update changes, after its name."""
        target = self._debugger.graph.nodes[node]
        return "*" if isinstance(target, Input) and target.trainable else ""

    def _kind(self, node: int) -> str:
        return kind_of(self._debugger.graph.nodes[node])

    def _shape(self, node: int) -> str:
        if (node, "shape") in self._debugger.state.concealed:
            return ASKED
        return self._debugger.state.shape_text(node)

    def segments(self, row: Row) -> list[Segment]:
        """Return a row as segments."""
        if row.edge >= 0:
            return self._edge_segments(row)
        if row.scope is not None:
            return self._scope_segments(row, row.scope)
        return self._node_segments(row)

    def is_sign(self, row: Row, x: int) -> bool:
        """Whether column `x` of a scope's row is at its sign, or beside it."""
        return 0 <= x - MARGIN - self._indent * row.level < 2

    # Scopes ------------------------------------------------------------------------------

    def _scope_segments(self, row: Row, scope: Scope) -> list[Segment]:
        """A folded scope has the numbers of its last node, or of the present one, if that is in it.

        It names the present one.
        """
        style = self._style
        folded = self._rows.is_folded(scope)
        label = f"{' ' * self._indent * row.level}{'▸' if folded else '▾'} {scope.title}"
        if not folded:
            return [Segment("   "), *self._marked(label, style("order--scope"))]
        now = self._debugger.where.node
        active = now if now is not None and now in scope else None
        room = self.columns.name + GAP + self.columns.middle
        count = scope.end - scope.first
        inside = counted(count, "node")
        if active is not None:
            inside = within(self._rows.names[active], scope)
        left = fit(label, min(cell_len(label), room))
        space = max(0, room - cell_len(left) - 1)
        inside = fit_end(inside, space) if active is not None else inside
        # The count alone would be read as a shape.
        inside = inside if cell_len(inside) <= space else ""
        gap = " " * (room - cell_len(left) - cell_len(inside))
        if active is not None and gap:
            left, gap = f"{left} ", gap[1:]
        shown = style("order--now") if active is not None else style("order--dim")
        text = [Segment(inside, shown), Segment(gap)]
        if active is None:
            text.reverse()
        return [
            Segment(self._scope_stop(scope), style("order--stop")),
            Segment("▶ " if active is not None else "  ", style("order--now")),
            *self._marked(left, style("order--scope")),
            *text,
            *self._cells(row.node if active is None else active),
        ]

    def _scope_stop(self, scope: Scope) -> str:
        marks = {mark for node, mark in self._stop_marks.items() if node in scope}
        return "●" if "●" in marks else "○" if marks else " "

    # Nodes -------------------------------------------------------------------------------

    def _node_segments(self, row: Row) -> list[Segment]:
        node, columns, style = row.node, self.columns, self._style
        now, star = self._debugger.where.node == node, self._star(node)
        waiting = self._debugger.state.value_freshness(node).absent
        plain = style("order--now" if now else "order--dim" if waiting else "order--plain")
        indent = " " * self._indent * row.level
        room = max(1, columns.name - len(indent) - len(star))
        hidden = (node, "name") in self._debugger.state.concealed
        name = ASKED if hidden else self._names.text(node, room).rstrip()
        return [
            Segment(self._stop_marks.get(node, " "), style("order--stop")),
            Segment("▶ " if now else "  ", style("order--now")),
            # Few changes of colour: each costs ten bytes per row when the list scrolls.
            *self._marked(fit(f"{indent}{name}{star}", columns.name + GAP), plain),
            *self._middle(self._kind(node), self._shape(node), self._wrong(node)),
            *self._cells(node),
        ]

    def _wrong(self, node: int) -> str:
        """Return the health rule that a node's current numbers break, or an empty string."""
        word = self._diagnosis.word(node)
        # "ratio" says more than "update-rat…".
        return word if len(word) <= self.columns.middle else word.rpartition("-")[2]

    def _middle(self, op: str, shape: str, wrong: str) -> list[Segment]:
        """Return the columns of op and shape, or `wrong` in place of the shape or of both."""
        columns, style = self.columns, self._style
        ahead = f"{fit(op, columns.op)}{' ' * bool(columns.shape)}" if columns.op else ""
        if not wrong:
            text = f"{ahead}{fit(shape, columns.shape)}" if columns.shape else ahead
            return self._marked(text, style("order--dim"))
        if len(wrong) > columns.shape:
            return [Segment(fit(wrong, columns.middle), style("order--unhealthy"))]
        return [
            Segment(ahead, style("order--dim")),
            Segment(fit(wrong, columns.shape), style("order--unhealthy")),
        ]

    def _marked(self, text: str, style: Style) -> list[Segment]:
        """Return a text with the first occurrence of what is searched for underlined."""
        at = text.casefold().find(self.found.casefold()) if self.found else -1
        if at < 0 or len(text.casefold()) != len(text):
            return [Segment(text, style)]
        end = at + len(self.found)
        mark = style + self._style("order--found")
        parts = (text[:at], style), (text[at:end], mark), (text[end:], style)
        return [Segment(part, styled) for part, styled in parts if part]

    # Edges -------------------------------------------------------------------------------

    def _edge_segments(self, row: Row) -> list[Segment]:
        graph, debugger = self._debugger.graph, self._debugger
        sources = graph.inbound[row.node]
        last = row.edge == len(sources) + len(graph.consumers[row.node]) - 1
        branch = f"{' ' * (2 + self._indent * (row.level + 1))} {'└' if last else '├'} "
        if row.edge < len(sources):
            source = sources[row.edge]
            shared = len(graph.consumers[source]) > 1
            word, other = "inbound", source
            note = self._input_note(row.node, row.edge)
            note += f" {self._shape(source)}{' (shared)' if shared else ''}"
            if row.node != source and debugger.state.value_freshness(source) is Freshness.WAITING:
                note += " ∙ not computed yet"
        else:
            other, input_index = graph.consumers[row.node][row.edge - len(sources)]
            word, note = "outbound", self._input_note(other, input_index)
            if (row.node, "gradient") in debugger.state.concealed:
                note += f" {ASKED}"
            elif (contribution := debugger.state.contribution(other, input_index)) is not None:
                sent = contribution.sent
                if sent is None:
                    note += " ∙ none yet"
                elif sent.size == 1:
                    note += f" sent {scalar(float(sent.reshape(())))}"
                else:
                    note += f" sent shape {shape_text(sent.shape)}"
        room = self._width - len(branch) - len(word) - 1 - cell_len(note)
        name = self._rows.names[other]
        name = name if cell_len(name) <= room else fit_end(name, max(room, 8))
        line = fit(f"{branch}{word} {name}{note}", self._width)
        return [Segment(line, self._style("order--dim"))]

    def _input_note(self, node: int, input_index: int) -> str:
        """Return which input an edge is, if the same node is several inputs of another node."""
        sources = self._debugger.graph.inbound[node]
        return input_note(input_index) if sources.count(sources[input_index]) > 1 else ""
