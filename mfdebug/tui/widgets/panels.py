"""The panels between status line and message line: order and lists, node, cost and output."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from mfdebug.core.session.session import Session
from mfdebug.tui.keys import keys_of
from mfdebug.tui.run_progress import RunProgress
from mfdebug.tui.shown_node import ShownNode
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.legend import Legend
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.output_list import OutputList
from mfdebug.tui.widgets.panel import Panel, show_all
from mfdebug.tui.widgets.panel_title import PanelTitle
from mfdebug.tui.widgets.side_list import SideList
from mfdebug.tui.widgets.stop_list import StopList
from mfdebug.tui.widgets.watch_list import WatchList

# The panels that can have the whole screen, in the order in which a key shows them.
ZOOMED = ("node", "cost", "order")


class Panels(Horizontal):
    """The order at the left, the node at the right; `shown` is the node that both are at."""

    def __init__(self, session: Session, *, roomy: bool, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        debugger = session.debugger
        self.order = OrderTree(debugger, session.stops, id="order")
        self.watches = WatchList(session.watches, id="watches")
        self.stops = StopList(session.stops, id="stops")
        self.node = NodePanel(debugger, id="node")
        self.cost = CostPlot(debugger, id="cost")
        self.output = OutputList(session.printed or list, id="output")
        self.order.roomy = self.node.roomy = self.cost.roomy = roomy
        self.shown = ShownNode(debugger, self.order, self.node)
        self._panels: tuple[Panel, ...] = (
            self.order,
            self.watches,
            self.stops,
            self.node,
            self.cost,
            self.output,
        )
        # The panel that has the whole screen, or "".
        self.zoomed = ""
        self._focused_before: Widget | None = None

    def compose(self) -> ComposeResult:
        """Order and node side by side; below them their lists, the cost and the output."""
        with Vertical(id="left"):
            yield PanelTitle("order")
            yield self.order
            yield Legend(id="legend")
            yield self.watches
            yield self.stops
        with Vertical(id="right"):
            yield PanelTitle("node")
            yield self.node
            yield self.cost
            yield self.output

    def prepare(self) -> None:
        """Mount what the first moment does not show and the first keys need."""
        for rows in self.query(SideList):
            rows.prepare()

    def show(self) -> None:
        """Update every panel to the present moment."""
        show_all(self._panels)
        self.draw_titles()

    def grow(self, progress: RunProgress) -> None:
        """Let the curve grow during a run in the background."""
        self.cost.show_if_it_fits(running=True)
        if self.cost.display:
            self.cost.grow(math.floor(progress.reached), math.floor(progress.aim or 0))

    def zoom(self, panel: str) -> None:
        """Give a panel of `ZOOMED` the whole screen; "" shows all panels again."""
        if not self.zoomed:
            self._focused_before = self.screen.focused
        self.zoomed = panel
        self.node.zoomed = panel == "node"
        self.cost.zoomed = panel
        for name in ZOOMED:
            self.screen.set_class(name == panel, f"zoom-{name}")
        self.cost.show_if_it_fits()
        focused = {"cost": self.cost, "node": self.node, "order": self.order}
        self.screen.set_focus(focused.get(panel, self._focused_before))
        # On a narrow screen either the order or the node is shown.
        at_node = self.screen.focused in (self.node, self.cost)
        self.screen.set_class(at_node, "at-node")
        self.node.show()
        self.call_after_refresh(self.draw_titles)

    def zoom_next(self) -> None:
        """Give the next panel the whole screen."""
        names = [name for name in ZOOMED if name != "cost" or self.cost.has_curve]
        after = names.index(self.zoomed) + 1 if self.zoomed in names else 0
        self.zoom(names[after % len(names)])

    def draw_titles(self) -> None:
        """Draw the title lines to their width, that of the focused panel in bold."""
        focused = self.screen.focused
        for title in self.query(PanelTitle):
            note = self._hidden_words() if title.panel == "node" else ""
            headings = self.order.headings if title.panel == "order" else ()
            title.draw(None if focused is None else focused.id, headings, note)
        self.cost.draw_title(focused=focused is self.cost)

    def _hidden_words(self) -> str:
        """Return how many lines of the node panel are out of view, and the keys that show them."""
        above, below = self.node.hidden_lines
        keys = keys_of(self)
        parts = [
            f"{count} {words}: {keys.name(key)}"
            for count, words, key in ((above, "above", "node-up"), (below, "below", "node-down"))
            if count and keys.of(key)
        ]
        return f"lines {', '.join(parts)}" if parts else ""

    @property
    def ring(self) -> list[Widget]:
        """The panels that can have the focus, in the order in which a key gives it to them."""
        return [self.order, self.node, *([self.cost] if self.cost.is_curve else [])]

    def focus_next(self) -> bool:
        """Focus the next panel; return whether it is at the right, beside the order."""
        ring = self.ring
        after = ring.index(self.screen.focused) + 1 if self.screen.focused in ring else 0
        return self.focus_panel(ring[after % len(ring)])

    def focus_panel(self, panel: Widget) -> bool:
        """Focus a panel; return whether it is at the right, beside the order."""
        # Not `Widget.focus`, which waits for a refresh.
        self.screen.set_focus(panel)
        return panel is not self.order

    def on_panel_title_clicked(self, event: PanelTitle.Clicked) -> None:
        """Focus the panel whose title was clicked; clicked twice, zoom it or show all again."""
        panel = self.query_one(f"#{event.panel}", Widget)
        if event.twice and event.panel in ZOOMED:
            self.zoom("" if self.zoomed else event.panel)
        elif panel in self.ring:
            self.focus_panel(panel)

    def on_order_tree_fitted(self) -> None:
        """Draw the headings over the columns of the order."""
        self.draw_titles()

    def focus_shown(self) -> None:
        """Focus the panel that has the whole screen, or the order."""
        if self.zoomed == "node":
            self.node.focus()
        elif self.zoomed == "cost":
            self.cost.focus()
        else:
            self.order.focus()

    def on_order_tree_selected(self, event: OrderTree.Selected) -> None:
        """Show the node under the cursor of the order."""
        self.node.node = event.node
        self.node.show()
        self.draw_titles()

    def on_node_panel_entry_chosen(self) -> None:
        """Update the node panel for the selected entry."""
        self.node.show()
        self.draw_titles()

    def on_node_panel_scrolled(self) -> None:
        """Draw how many lines are out of view."""
        self.draw_titles()
