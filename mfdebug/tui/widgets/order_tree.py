"""The topological order as a tree, with the value and the gradient of every node.

Rows are rendered when they become visible, so a graph of 100,000 nodes costs the same as one of
100. Consecutive nodes of one scope (`layer1/W`, `layer1/b`) are under a row of the scope, which
folds; a node's row opens to its edges.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, NamedTuple

from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.explain.list_marks import BAR_MARK, FOLDED_MARK
from mfdebug.core.explain.scopes import Scope
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.widgets.arrangement import LIST, WIDE_LIST
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.order_columns import MARGIN
from mfdebug.tui.widgets.order_lines import OrderLines
from mfdebug.tui.widgets.order_rows import OrderRows
from mfdebug.tui.widgets.selected_row import has_few_colours, select_start

# Lines that are kept at most, some screens.
MOST_KEPT = 400


class Bookmark(NamedTuple):
    """A position in the list: the row of the cursor, and the first visible line."""

    row: int
    top: int


class OrderTree(LinesView, can_focus=True):
    """The order tree; `selected` is the node under its cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "order--now",
        "order--selected",
        "order--dim",
        "order--gradient",
        "order--received",
        "order--new",
        "order--bar",
        "order--scope",
        "order--plain",
        "order--unhealthy",
        "order--stop",
        "order--found",
    }
    DEFAULT_CSS = """
    OrderTree {
        background: $background;
        overflow-x: hidden;
        & > .order--now { color: $accent; text-style: bold; }
        & > .order--selected { background: $boost; }
        &:focus > .order--selected { background: $chosen; }
        & > .order--dim { color: $text-muted; }
        & > .order--gradient { color: $warning; }
        & > .order--received { color: $warning; text-style: bold; }
        & > .order--new { color: $accent; text-style: bold; }
        & > .order--bar { color: $bar; }
        & > .order--found { text-style: underline; }
        & > .order--plain { color: $text; }
        & > .order--unhealthy { color: $text-error; text-style: bold; }
        & > .order--stop { color: $warning; text-style: bold; }
        & > .order--scope { color: $text-muted; text-style: italic; }
        &:nocolor > .order--bar { text-style: dim; }
        &:nocolor > .order--new, &:ansi > .order--new { text-style: bold underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("order")

    class Selected(Message):
        """The cursor has moved to another row, perhaps of another node; it is not shown yet."""

        def __init__(self, node: int) -> None:
            super().__init__()
            self.node = node

    class Folded(Message):
        """The user has opened or closed a scope."""

    class Fitted(Message):
        """The columns have changed, and with them their headings."""

    def __init__(
        self,
        debugger: Debugger,
        stops: Stops,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self.debugger = debugger
        # For an audience: a blank line between rows, while there is room for it.
        self.roomy = False
        self._rows = OrderRows(debugger)
        self._order_lines = OrderLines(debugger, stops, self._rows, self.get_component_rich_style)
        self._cursor = 0
        # The lines that have been shown, without the cursor, and which of them are of this moment.
        # A line that stays as it was stays the same strip: what is rendered of it is kept then.
        self._strips: dict[int, Strip] = {}
        self._present: set[int] = set()

    # Interface for the screen ----------------------------------------------------------

    @property
    def selected(self) -> int:
        """The node under the cursor; the row of a scope or an edge counts as its node.

        A folded scope counts as the present node if that is in it.
        """
        row, now = self._rows[self._cursor], self.debugger.where.node
        if row.scope is not None and now is not None and now in row.scope:
            return now if self._rows.is_folded(row.scope) else row.node
        return row.node

    def select(self, node: int, *, unfold: bool = True) -> list[Scope]:
        """Put the cursor on a node; return the scopes that were opened for that.

        Without `unfold`, it is put on the folded scope that hides the node, if any.
        """
        opened = self._rows.unfold(node) if unfold else []
        self._cursor = self._rows.row_of(node)
        return opened

    @property
    def bookmark(self) -> Bookmark:
        """Where the list is, for `return_to`."""
        return Bookmark(self._cursor, self.scroll_offset.y)

    def return_to(self, bookmark: Bookmark) -> None:
        """Return to where the list was, with the same scopes folded as then."""
        self._cursor = bookmark.row
        self.scroll_to(y=bookmark.top, animate=False)

    def fold(self, scopes: list[Scope]) -> None:
        """Fold scopes again that `select` has opened."""
        self._rows.fold(scopes)

    @property
    def scopes(self) -> Scope:
        """The scopes of the graph, which the circuit folds too."""
        return self._rows.root

    @property
    def opened(self) -> frozenset[str]:
        """The keys of the scopes that are open."""
        return self._rows.opened

    def use_opened(self, keys: frozenset[str], node: int) -> None:
        """Open the scopes with these keys, fold all others, and put the cursor on a node."""
        self._rows.use_opened(keys)
        self.select(node, unfold=False)

    @property
    def marked(self) -> str:
        """A text that is marked where it is in names, ops and shapes; nothing if empty."""
        return self._order_lines.found

    @marked.setter
    def marked(self, found: str) -> None:
        self._order_lines.found = found

    @property
    def line_count(self) -> int:
        """The lines that all rows take."""
        return len(self._rows) * self._spacing

    def listed_widths(self, height: int) -> list[int]:
        """Return the widths beside a circuit in which it has more columns, the best first.

        In so many rows it may need a scrollbar, with the blank before it.
        """
        bar = 2 if self.line_count > height else 0
        widths = self._order_lines.listed_widths(LIST - bar, WIDE_LIST - bar)
        return [width + bar for width in widths]

    @property
    def absent_signs(self) -> str:
        """The signs of the legend that no row can have now."""
        bars = self._order_lines.columns.gradient_bar
        return f"{'' if bars else BAR_MARK}{'' if self._has_scopes else FOLDED_MARK}"

    @cached_property
    def _has_scopes(self) -> bool:
        return any(isinstance(part, Scope) for part in self.scopes.parts)

    @property
    def headings(self) -> list[tuple[int, str]]:
        """The words over the columns of numbers, each with its position."""
        return self._order_lines.headings()

    def show(self) -> None:
        """Show the present moment."""
        self._present.clear()
        if len(self._strips) > MOST_KEPT:
            self._strips.clear()
        self._order_lines.refresh()
        self.show_cursor()

    def show_cursor(self) -> None:
        """Show where the cursor is, if nothing else has changed."""
        self._fit()
        extent = Size(self.line_width, self.line_count)
        self.reload(extent, reveal=self._cursor * self._spacing)

    def _fit(self) -> None:
        if self._order_lines.fit(self.line_width):
            self._present.clear()
            self.post_message(self.Fitted())

    @property
    def _spacing(self) -> int:
        return 2 if self.roomy and 2 * len(self._rows) <= self.size.height else 1

    # Moving ------------------------------------------------------------------------------

    def _go(self, row: int) -> None:
        row = min(max(row, 0), len(self._rows) - 1)
        if row != self._cursor:
            self._cursor = row
            # The receiver shows the cursor, in one frame with the node.
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
        of_scope = self._rows[self._cursor].scope is not None
        self._cursor = self._rows.toggle(self._cursor)
        self.show()
        if of_scope:
            self.post_message(self.Folded())

    def on_click(self, event: Click) -> None:
        """Move the cursor to the clicked row; a click on the sign of a scope folds or opens it."""
        y = (event.y + self.scroll_offset.y) // self._spacing
        if y >= len(self._rows):
            return
        self._go(y)
        row = self._rows[y]
        if row.scope is not None and self._order_lines.is_sign(row, event.x + self.scroll_offset.x):
            self.action_open()

    # Rows --------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Fit the columns to the panel."""
        self.show()

    def line(self, y: int) -> Strip:
        """Return line `y`: a row, or a blank between rows."""
        # A scrollbar may have appeared or disappeared, of which Textual sends no event.
        self._fit()
        y, blank = divmod(y, self._spacing)
        if blank:
            return Strip.blank(self.line_width)
        strip = self._row(y)
        if y == self._cursor:
            row = self._rows[y]
            is_node = row.scope is None and row.edge < 0
            room = self._order_lines.columns.name if is_node else None
            strip = select_start(
                strip,
                self.get_component_rich_style("order--selected"),
                self.size.width,
                few=has_few_colours(self.app),
                start=MARGIN,
                room=room,
            )
        return strip

    def _row(self, y: int) -> Strip:
        """Return row `y` without the cursor, read once for each moment."""
        strip = self._strips.get(y)
        if strip is None or y not in self._present:
            segments = self._order_lines.segments(self._rows[y])
            if strip is None or [*strip] != segments:
                strip = self._strips[y] = Strip(segments)
            self._present.add(y)
        return strip
