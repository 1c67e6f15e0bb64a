"""The search in the order: it goes to a match while one types, and repeats from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.core.commands.table import split
from mfdebug.core.explain.scopes import Scope
from mfdebug.core.format.hints import FIND
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.tui.widgets.order_tree import Bookmark, OrderTree
from mfdebug.tui.widgets.shown_node import ShownNode

if TYPE_CHECKING:
    from mfdebug.core.explain.node_search import NodeSearch


class Finder:
    """Searches for nodes from where the user is; `show` draws neither order nor panel."""

    def __init__(self, debugger: Debugger, order: OrderTree, shown: ShownNode) -> None:
        self._debugger = debugger
        self._order = order
        self._shown = shown
        self._wanted = ""
        self._search: NodeSearch | None = None
        # Where the search that is being typed has started, and the scopes opened for its match.
        self._origin: tuple[int | None, Bookmark] | None = None
        self._opened: list[Scope] = []

    def typed(self, line: str) -> bool:
        """Go to the first match of a line that is being typed; return whether anything changed."""
        command, wanted = split(line)
        if command != "find":
            return self.cancel()
        if self._origin is None:
            self._origin = self._shown.position
            # Made anew, as shapes may have changed since the last search.
            self._search = None
        self._return()
        found = self._matches.next(wanted, self._shown.selection.shown)
        if found is not None:
            self._opened = self._shown.go_to(found)
        self._order.marked = wanted
        return True

    def repeats(self, line: str) -> bool:
        """Whether a line is a search without a text, which repeats the last search."""
        return bool(self._wanted) and split(line) == ("find", "")

    def cancel(self) -> bool:
        """Return to where the typed search has started; return whether there was one."""
        if self._origin is None:
            return False
        self._return()
        self._origin = None
        self._order.marked = ""
        return True

    def _return(self) -> None:
        self._order.fold(self._opened)
        self._opened = []
        if self._origin is not None:
            self._shown.restore(self._origin)

    def answered(self, line: str, found: list[int]) -> None:
        """Stay at the match of a search that is complete; without one, go to the next match."""
        if self._origin is None or self._shown.selection.shown not in found:
            self._shown.go_to_next(found)
        self._origin, self._opened = None, []
        self._wanted = self._order.marked = split(line)[1]

    def next(self, by: int) -> None:
        """Go to the next match, or to the previous one if `by` is negative.

        Raises `DebuggerError` if nothing has been searched for, or is not found any more.
        """
        self._origin = None
        if not self._wanted:
            raise DebuggerError("nothing was searched for yet", hint=FIND)
        found = self._matches.next(self._wanted, self._shown.selection.shown, back=by < 0)
        if found is None:
            raise DebuggerError(f"no node's name, op or shape contains {self._wanted!r}")
        self._shown.go_to(found)
        self._order.marked = self._wanted

    def clear(self) -> bool:
        """Remove the marks; return whether there were any."""
        marked, self._order.marked = self._order.marked, ""
        return bool(marked)

    @property
    def _matches(self) -> NodeSearch:
        if self._search is None:
            from mfdebug.core.explain.node_search import NodeSearch

            self._search = NodeSearch(self._debugger)
        return self._search
