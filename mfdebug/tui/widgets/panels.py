"""The panels between status line and message line: order and lists, node, cost and output."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from mfdebug.core.session.session import Session
from mfdebug.tui.keys import keys_of
from mfdebug.tui.run_progress import RunProgress
from mfdebug.tui.shown_node import ShownNode
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.legend import Legend
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.output_list import OutputList
from mfdebug.tui.widgets.panel_title import PanelTitle
from mfdebug.tui.widgets.stop_list import StopList
from mfdebug.tui.widgets.watch_list import WatchList

# Below this height a curve leaves too little space for numbers that an audience can read.
ROOMY_HEIGHT = 30


class Panels(Horizontal):
    """The order at the left, the node at the right; `shown` is the node that both are at."""

    def __init__(self, session: Session, *, roomy: bool, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._session = session
        self._debugger = session.debugger
        self._roomy = roomy
        self.order = OrderTree(self._debugger, session.stops, id="order")
        self.node = NodePanel(self._debugger, id="node")
        self.order.roomy = self.node.roomy = roomy
        self.cost = CostPlot(self._debugger, id="cost")
        self.shown = ShownNode(self._debugger, self.order, self.node)

    def compose(self) -> ComposeResult:
        """Order and node side by side; below them their lists, the cost and the output."""
        with Vertical(id="left"):
            yield PanelTitle("order")
            yield self.order
            yield Legend(id="legend")
            yield WatchList(self._session.watches, id="watches")
            yield StopList(self._session.stops, id="stops")
        with Vertical(id="right"):
            yield PanelTitle("node")
            yield self.node
            yield self.cost
            yield OutputList(
                self._session.printed or list, keys_of(self).name("output"), id="output"
            )

    def show(self) -> None:
        """Update every panel to the present moment."""
        self.order.show()
        self.query_one(WatchList).show()
        self.query_one(StopList).show()
        self.query_one(OutputList).show()
        self.node.show()
        self.show_curve_if_it_fits()
        self.cost.show()

    def grow(self, progress: RunProgress) -> None:
        """Let the curve grow during a run in the background."""
        self.show_curve_if_it_fits(running=True)
        if self.cost.display:
            self.cost.grow(math.floor(progress.reached), math.floor(progress.aim or 0))

    def show_curve_if_it_fits(self, *, running: bool = False) -> None:
        """Display the cost plot if there are costs to plot, and room for them.

        What a program trains is known when it stops; while it is `running` it may train something.
        """
        trained = self._debugger.graph.trains and self._debugger.moment > 0
        trained = trained or (running and len(self._debugger.history.costs) > 0)
        cramped = self._roomy and self.screen.size.height < ROOMY_HEIGHT
        self.cost.display = trained and not cramped and not self.screen.has_class("low")

    def draw_titles(self) -> None:
        """Draw the title lines to their width, that of the focused panel in bold."""
        focused = self.screen.focused
        for title in self.query(PanelTitle):
            title.draw(None if focused is None else focused.id)

    def focus_other(self) -> bool:
        """Focus the node panel if the order has the focus, or else the order; return which."""
        to_node = self.screen.focused is self.order
        (self.node if to_node else self.order).focus()
        return to_node

    def on_order_tree_selected(self, event: OrderTree.Selected) -> None:
        """Show the node under the cursor of the order."""
        self.node.node = event.node
        self.node.show()

    def on_node_panel_entry_chosen(self) -> None:
        """Update the node panel for the selected entry."""
        self.node.show()
