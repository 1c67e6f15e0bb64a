"""The rows of the order tree: which scopes are folded, and which nodes are open to their edges."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger


class Row(Struct, frozen=True, gc=False):
    """A row: a scope, a node, or an edge of a node (its position among the node's edges)."""

    node: int
    scope: str = ""
    edge: int = -1


class OrderRows:
    """The rows in topological order, by their position."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self.names = debugger.graph.names()
        self._opened: set[int] = set()
        self._folded: set[str] = set()
        self._rows: list[Row] = []
        self._row_of: dict[int, int] = {}
        self._lay_out()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, y: int) -> Row:
        return self._rows[y]

    @property
    def scoped(self) -> bool:
        """Whether there are rows of scopes."""
        return any(row.scope for row in self._rows)

    def is_folded(self, scope: str) -> bool:
        """Whether the nodes of a scope are hidden."""
        return scope in self._folded

    def show_node(self, node: int) -> int:
        """Open the scope into which a node is folded, if any; return the node's row."""
        if node not in self._row_of:
            self._folded.discard(scope_of(self.names[node]))
            self._lay_out()
        return self._row_of[node]

    def toggle(self, y: int) -> int:
        """Open or close a row: fold a scope, show the edges of a node; return its new position.

        The row of an edge closes its node.
        """
        row = self._rows[y]
        if row.scope:
            self._folded ^= {row.scope}
        else:
            self._opened ^= {row.node}
        self._lay_out()
        return self._rows.index(row) if row.scope else self._row_of[row.node]

    def _lay_out(self) -> None:
        rows: list[Row] = []
        row_of: dict[int, int] = {}
        current = ""
        for node, name in enumerate(self.names):
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
                edges = len(self._debugger.graph.inbound[node])
                edges += len(self._debugger.graph.consumers[node])
                rows.extend(Row(node, edge=edge) for edge in range(edges))
        self._rows = rows
        self._row_of = row_of


def scope_of(name: str) -> str:
    """Return the scope of a name: `layer1` for `layer1/W`, an empty string for `W`."""
    return name.rpartition("/")[0]
