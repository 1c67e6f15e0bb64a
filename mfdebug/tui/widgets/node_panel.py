"""The panel of the shown node, with the selected entry of its tensor."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef, Index
from mfdebug.core.timeline.timeline import Phase
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.moment_lines import moment_lines, ordering_panel_lines
from mfdebug.tui.widgets.node_look import Look
from mfdebug.tui.widgets.quiet_scrollbar import QuietScrollBar

if TYPE_CHECKING:
    from mfdebug.tui.widgets.node_content import NodeContent
    from mfdebug.tui.widgets.tensor import Line
    from mfdebug.tui.widgets.tensor_columns import NumberSpan
    from mfdebug.tui.widgets.tensor_view import View

# A lower panel below the circuit begins with what is computed, not with the numbers.
BRIEF = 9


class NodePanel(LinesView, can_focus=True):
    """The node panel; `node` is the shown node, or None at moments without one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "node--title",
        "node--label",
        "node--dim",
        "node--fresh",
        "node--positive",
        "node--negative",
        "node--positive-faint",
        "node--negative-faint",
        "node--chosen",
        "node--heat",
        "node--heat-zero",
        "node--heat-positive",
        "node--heat-negative",
        "node--heat-alarm",
    }
    DEFAULT_CSS = """
    NodePanel {
        background: $background;
        padding: 0 0 0 1;
        overflow-x: hidden;
        overflow-y: scroll;
        & > .node--title { color: $accent; text-style: bold; }
        & > .node--label { color: $text-muted; text-style: bold; }
        & > .node--dim { color: $text-muted; }
        & > .node--fresh { color: $text; text-style: bold; }
        & > .node--positive { color: $text-success; }
        & > .node--negative { color: $text-error; }
        & > .node--positive-faint { color: $success-darken-2; }
        & > .node--negative-faint { color: $error-darken-2; }
        & > .node--heat { color: $foreground; }
        & > .node--heat-zero { color: $panel; }
        & > .node--heat-positive { color: $primary; }
        & > .node--heat-negative { color: $warning; }
        & > .node--heat-alarm { color: $error; text-style: bold; }
        & > .node--chosen { text-style: underline bold; }
        &:focus > .node--chosen { text-style: reverse bold; }
        &:ansi:focus > .node--chosen { color: ansi_default; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("entries")

    class EntryChosen(Message):
        """Another entry of the tensor has been selected."""

    class WhyAsked(Message):
        """The user asks where the selected entry comes from."""

    class Scrolled(Message):
        """Other lines are in view, without another moment."""

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger
        self.node: int | None = None
        # For an audience: fewer lines, more space, and only new numbers in bold.
        self.roomy = False
        # On the whole screen there is room for matrices at work.
        self.zoomed = False
        # Below the circuit, which has the numbers, what is computed comes first.
        self.low = False
        # Lines shown at the start instead of the graph's description.
        self.opening: list[str] = []
        self._entries: dict[int, Index] = {}
        # Whether value or gradient is asked about, if the user has chosen, and the phase of that.
        self._chosen: tuple[Phase, bool] | None = None
        self._compares = False
        self._shown: tuple[int | None, Phase] | None = None

    @property
    def _has_numbers(self) -> bool:
        """Whether the numbers of a node are shown; the moments of the ordering have none."""
        return self.node is not None and self.debugger.where.phase != "order"

    @cached_property
    def _content(self) -> NodeContent:
        from mfdebug.tui.widgets.node_content import NodeContent

        return NodeContent(self.debugger)

    # What is selected --------------------------------------------------------------------

    def entry_of(self, node: int) -> Index:
        """Return the selected entry of a node; each node has its own."""
        return self._entries.get(node, (0,) * len(self.debugger.plan.shapes[node]))

    def choose(self, ref: EntryRef) -> None:
        """Select an entry of a node, and of the shown node if it has the same shape."""
        shapes = self.debugger.plan.shapes
        self._entries[ref.node] = ref.index
        if self.node is not None and shapes[self.node] == shapes[ref.node]:
            self._entries[self.node] = ref.index

    def asks_gradient(self, node: int) -> bool:
        """Whether commands take the entry from the node's gradient, not from its value.

        By default during backward, where the node has received something. The user's choice is
        valid until the next phase.
        """
        debugger, phase = self.debugger, self.debugger.where.phase
        freshness = debugger.state.gradient_freshness(node)
        if self._chosen is not None and self._chosen[0] == phase:
            return self._chosen[1] and not freshness.absent
        received = freshness in (Freshness.CURRENT, Freshness.PARTIAL)
        return phase == "backward" and received

    def ask_other(self, node: int) -> str:
        """Ask about the gradient instead of the value, or back; return why that is not possible."""
        if self.debugger.state.gradient_freshness(node).absent:
            reason = self.debugger.state.no_gradient(node) or self.debugger.state.unknown(
                node, gradient=True
            )
            name = self.debugger.graph.nodes[node].label
            return f"{name} has no gradient: {reason or 'not computed yet'}"
        self._chosen = self.debugger.where.phase, not self.asks_gradient(node)
        return ""

    def compare(self) -> bool:
        """Show or hide value or gradient of the previous pass; return whether it is shown."""
        self._compares = not self._compares
        return self._compares

    @property
    def compares(self) -> bool | None:
        """Whether the previous pass is shown, too; None where there is none."""
        node = self.node
        if node is None or self.debugger.moment < 0:
            return None
        gradient = self.asks_gradient(node)
        return self._compares if self._content.has_previous(node, gradient=gradient) else None

    def action_entry(self, rows: int, columns: int) -> None:
        """Move the selected entry by lines and columns; past the end of a line is the next line."""
        self._move_entry(rows, columns)

    def action_entry_page(self, by: int) -> None:
        """Move the selected entry by windows of lines."""
        self._move_entry(pages=by)

    def action_entry_edge(self, to: int) -> None:
        """Select the first or the last entry of the tensor."""
        node = self.node
        if node is not None:
            shape = self.debugger.plan.shapes[node]
            if 0 not in shape:
                self._select(tuple(n - 1 if to > 0 else 0 for n in shape))

    def action_why(self) -> None:
        """Ask where the selected entry comes from."""
        self.post_message(self.WhyAsked())

    def _move_entry(self, rows: int = 0, columns: int = 0, *, pages: int = 0) -> None:
        node = self.node
        shape = () if node is None else self.debugger.plan.shapes[node]
        if node is not None and shape and 0 not in shape:
            self._select(self._content.moved(shape, self.entry_of(node), rows, columns, pages))

    def _select(self, entry: Index) -> None:
        if self.node is not None:
            self._entries[self.node] = entry
            self.post_message(self.EntryChosen())

    # Numbers, heatmap or picture ---------------------------------------------------------

    def next_view(self) -> View:
        """Show tensors in the next view that there is for the shown node; return which."""
        return self._content.next_view(self.node)

    @property
    def shown_view(self) -> View | None:
        """How the tensors of the shown node are shown; None if there are no several entries."""
        return self._content.shown_view if self._has_numbers else None

    def on_click(self, event: Click) -> None:
        """Select the entry that was clicked, of the value or of the gradient; twice asks why."""
        y = event.y + self.scroll_offset.y
        x = event.x + self.scroll_offset.x - self.styles.gutter.left
        clicked = (at for at in self.spans if at.line == y and at.start <= x < at.end)
        span, node = next(clicked, None), self.node
        if span is None or node is None:
            return
        shape = self.debugger.plan.shapes[node]
        columns = shape[-1] if shape else 1
        inner = divmod(span.position, columns)[2 - len(shape[-2:]) :]
        self._entries[node] = (*self.entry_of(node)[:-2], *inner)
        if span.label in ("value", "gradient"):
            asks = span.label == "gradient"
            if asks != self.asks_gradient(node):
                self.ask_other(node)
        self.post_message(self.EntryChosen() if event.chain == 1 else self.WhyAsked())

    # Showing -----------------------------------------------------------------------------

    def show(self) -> None:
        """Show the node at the present moment, from its first line if it is another one."""
        shown = self.node, self.debugger.where.phase
        if shown != self._shown:
            self._shown = shown
            if self.scroll_offset.y:
                self.scroll_to(y=0, animate=False, immediate=True)
        self.update_lines(Strip(line) for line in self._compose_lines())

    def on_mount(self) -> None:
        """Have a scrollbar that is there from the start, so that its coming needs no layout."""
        self.vertical_scrollbar.renderer = QuietScrollBar  # type: ignore[misc]

    def on_resize(self) -> None:
        """Fit the lines to the panel."""
        self.show()
        self.post_message(self.Scrolled())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Report that other lines are in view."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Scrolled())

    @property
    def spans(self) -> list[NumberSpan]:
        """Where the entries of value and gradient are, in cells and lines of the content."""
        return self._content.spans if self._has_numbers else []

    def notes(self) -> list[str]:
        """Return words for the title line, the longest first: previous pass, lines not in view."""
        hidden, key = self._hidden_words(), keys_of(self).name("compare")
        words = {None: "", False: f"{key} previous pass", True: f"{key} hides the previous"}
        before = words[self.compares]
        return ["  ".join(filter(None, (before, hidden))), hidden, before]

    def _hidden_words(self) -> str:
        """Return how many lines are out of view, and the keys that show them."""
        above, below = self.hidden_lines
        keys = keys_of(self)
        parts = [
            f"{count} {words}: {keys.name(key)}"
            for count, words, key in ((above, "above", "node-up"), (below, "below", "node-down"))
            if count and keys.of(key)
        ]
        return f"lines {', '.join(parts)}" if parts else ""

    @property
    def hidden_lines(self) -> tuple[int, int]:
        """How many lines are above and below those in view."""
        above, height = self.scroll_offset.y, self.size.height
        return above, max(0, self.virtual_size.height - above - height) if height else 0

    def scroll_lines(self, by: int) -> None:
        """Scroll by half a panel; `by` is 1 or -1."""
        self.scroll_relative(y=by * max(1, self.size.height // 2), animate=False, immediate=True)

    # Lines -------------------------------------------------------------------------------

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"node--{name}")

    def _compose_lines(self) -> Iterable[Line]:
        # Two columns are reserved for the scrollbar and a blank before it, so that lines do not
        # move when it appears.
        width = max(20, self.outer_size.width - self.styles.gutter.width - 2)
        keys = keys_of(self)
        if self.node is None:
            if self.debugger.where.phase == "start" and self.opening:
                return [[Segment(line, self._style("title"))] for line in self.opening]
            return moment_lines(self.debugger, width, keys, self._style)
        if not self._has_numbers:
            return ordering_panel_lines(self.debugger, self.node, width, self._style)
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        return self._content.lines(
            self.node,
            self.entry_of(self.node),
            Look(
                width,
                self.size.height,
                keys,
                self._style,
                zoomed=self.zoomed,
                brief=self.low and self.size.height < BRIEF,
                roomy=self.roomy,
                ascii_only=ascii_only,
                # The few colours of a terminal have no shades.
                half_blocks=not (ascii_only or self.app.current_theme.name.startswith("ansi")),
            ),
            gradient_asked=self.asks_gradient(self.node),
            compares=self._compares,
        )
