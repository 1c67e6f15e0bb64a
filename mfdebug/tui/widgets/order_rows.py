"""The rows of the order tree: which scopes are folded, and which nodes are open to their edges.

A row is found from its position, and a position from its node, in the logarithm of the number of
nodes, whatever is folded: a key costs the same in a graph of 100,000 nodes as in one of 100.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mfdebug.core.explain.scopes import Scope, graph_scopes, within
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.widgets.heights import Heights

# In a graph with more nodes, alike scopes in a row are folded.
MOST_UNFOLDED = 40
# More alike scopes than a screen has rows for are folded into their one row.
MOST_REPEATS = 16


class Row(Struct, frozen=True, gc=False):
    """A row: a scope, a node, or an edge of a node (its position among the node's edges).

    `node` is the node itself, the first node of an open scope, or the last one of a folded scope.
    `level` is how many scopes it is in that have rows.
    """

    node: int
    scope: Scope | None = None
    edge: int = -1
    level: int = 0


class OrderRows:
    """The rows in topological order, by their position."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self.names = debugger.graph.names()
        large = len(self.names) > MOST_UNFOLDED
        self.root = graph_scopes(debugger.graph, debugger.plan.shapes)
        self._opened: set[int] = set()
        self._folded: set[Scope] = set()
        self._heights: dict[Scope, Heights] = {}
        for scope in _inside_out(self.root):
            if large and _folded_at_first(scope):
                self._folded.add(scope)
            self._heights[scope] = Heights(
                1 if isinstance(part, int) else self._height(part) for part in scope.parts
            )

    def __len__(self) -> int:
        return self._heights[self.root].total

    def __getitem__(self, y: int) -> Row:
        scope, level = self.root, 0
        while True:
            position, y = self._heights[scope].find(y)
            part = scope.parts[position]
            if isinstance(part, int):
                return Row(part, edge=y - 1, level=level)
            if y == 0:
                return Row(part.last if part in self._folded else part.first, part, level=level)
            scope, y, level = part, y - 1, level + 1

    def level_of(self, node: int) -> int:
        """Return how many rows of scopes a node is under while none is folded."""
        level, scope = 0, self.root
        while not isinstance(part := scope.parts[scope.position(node)], int):
            scope, level = part, level + 1
        return level

    def own_name(self, node: int) -> str:
        """Return a node's name within the scopes around it."""
        scope = self.root
        while not isinstance(part := scope.parts[scope.position(node)], int):
            scope = part
        return within(self.names[node], scope)

    def is_folded(self, scope: Scope) -> bool:
        """Whether the nodes of a scope are hidden."""
        return scope in self._folded

    def row_of(self, node: int) -> int:
        """Return the position of a node's row, or of the folded scope that hides it."""
        y, scope = 0, self.root
        while True:
            position = scope.position(node)
            y += self._heights[scope].before(position)
            part = scope.parts[position]
            if isinstance(part, int) or part in self._folded:
                return y
            scope, y = part, y + 1

    def unfold(self, node: int) -> list[Scope]:
        """Open the scopes into which a node is folded; return them, the outermost first."""
        opened, scope = [], self.root
        while not isinstance(part := scope.parts[scope.position(node)], int):
            if part in self._folded:
                self._change(part)
                opened.append(part)
            scope = part
        return opened

    @property
    def opened(self) -> frozenset[str]:
        """The keys of the scopes that are open."""
        scopes = _inside_out(self.root)
        return frozenset(s.key for s in scopes if s not in self._folded and s is not self.root)

    def use_opened(self, keys: frozenset[str]) -> None:
        """Open the scopes with these keys, and fold all others."""
        for scope in _inside_out(self.root):
            if scope is not self.root and (scope.key in keys) == (scope in self._folded):
                self._change(scope)

    def fold(self, scopes: list[Scope]) -> None:
        """Fold open scopes again."""
        for scope in reversed(scopes):
            if scope not in self._folded:
                self._change(scope)

    def toggle(self, y: int) -> int:
        """Open or close a row: fold a scope, show the edges of a node; return its new position.

        The row of an edge closes its node.
        """
        row = self[y]
        if row.scope is not None:
            self._change(row.scope)
            return y
        edges = len(self._debugger.graph.inbound[row.node])
        edges += len(self._debugger.graph.consumers[row.node])
        self._opened ^= {row.node}
        scope = self.root
        while not isinstance(part := scope.parts[scope.position(row.node)], int):
            scope = part
        self._grow(scope, scope.position(row.node), edges if row.node in self._opened else -edges)
        return y - row.edge - 1

    def _change(self, scope: Scope) -> None:
        before = self._height(scope)
        self._folded ^= {scope}
        if scope.parent is not None:
            position = scope.parent.position(scope.first)
            self._grow(scope.parent, position, self._height(scope) - before)

    def _grow(self, scope: Scope, position: int, by: int) -> None:
        """Add rows to a part of a scope, and to all that is around it and open."""
        self._heights[scope].add(position, by)
        while scope not in self._folded and scope.parent is not None:
            position = scope.parent.position(scope.first)
            scope = scope.parent
            self._heights[scope].add(position, by)

    def _height(self, scope: Scope) -> int:
        return 1 if scope in self._folded else 1 + self._heights[scope].total


def _folded_at_first(scope: Scope) -> bool:
    if scope.parent and scope.parent.repeats:
        return True
    # Nodes in a row are what one steps through.
    return scope.repeats > MOST_REPEATS and isinstance(scope.parts[0], Scope)


def _inside_out(scope: Scope) -> Iterator[Scope]:
    for part in scope.parts:
        if not isinstance(part, int):
            yield from _inside_out(part)
    yield scope
