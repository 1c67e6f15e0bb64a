"""The node that the main screen shows: that of the present moment, or one that was selected."""

from __future__ import annotations

from mfdebug.core.explain.scopes import Scope
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.tui.selection import Selection
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import Bookmark, OrderTree


class ShownNode:
    """Keeps the cursor of the order and the node panel at one node; `show` draws neither."""

    def __init__(self, debugger: Debugger, order: OrderTree, panel: NodePanel) -> None:
        self._debugger = debugger
        self._order = order
        self._panel = panel
        self._followed = -1

    @property
    def selection(self) -> Selection:
        """The selection; at the feed, which has no node, the node under the cursor."""
        cursor, panel = self._order.selected, self._panel
        shown = cursor if panel.node is None else panel.node
        gradient = panel.asks_gradient(shown)
        return Selection(self._debugger, cursor, shown, panel.entry_of(shown), gradient)

    def follow(self) -> bool:
        """Go to the node of the present moment; return whether that is another one."""
        before = (self._panel.node, self._order.selected)
        self._followed = self._debugger.moment
        node = self._debugger.where.node
        self._panel.node = node
        if node is not None:
            # What is folded stays folded: the row of the scope then stands for the node.
            self._order.select(node, unfold=False)
        return before != (self._panel.node, self._order.selected)

    def follow_if_moved(self) -> None:
        """Go to the node of the present moment, if the moment has changed since."""
        if self._debugger.moment != self._followed:
            self.follow()

    def go_to(self, node: int) -> list[Scope]:
        """Go to a node that a command names; return the scopes that were opened for that."""
        self._panel.node = node
        return self._order.select(node)

    def show(self, node: int) -> None:
        """Go to a node, and leave folded what is folded."""
        self._panel.node = node
        self._order.select(node, unfold=False)

    def go_to_next(self, found: list[int]) -> None:
        """Go to the first of several nodes that is after the present one, or else the first."""
        now = self.selection.shown
        self.go_to(next((node for node in found if node > now), found[0]))

    @property
    def position(self) -> tuple[int | None, Bookmark]:
        """What is shown, for `restore`."""
        return self._panel.node, self._order.bookmark

    def restore(self, position: tuple[int | None, Bookmark]) -> None:
        """Show again what was shown before."""
        self._panel.node, bookmark = position
        self._order.return_to(bookmark)

    def go_to_entry(self, ref: EntryRef) -> None:
        """Go to the node of an entry, and select the entry."""
        if ref.node != self.selection.shown:
            self.go_to(ref.node)
        self._panel.choose(ref)
