"""Which nodes share a box: those of a scope that is not open.

Scopes nest, and repeated ones are a scope of their own (`mfdebug/core/explain/scopes.py`): opened,
a scope shows its nodes and the scopes within it. As each is a run of consecutive nodes, no box is
an input of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from mfdebug.core.circuit.cells import width
from mfdebug.core.explain.scopes import Scope
from miniflow.graph import Graph


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes that share a box; `units` are the nodes of each repeated part.

    `key` is the node's name, or the key of the scope.
    """

    key: str
    kind: Literal["node", "scope", "repeat"]
    nodes: tuple[int, ...]
    units: tuple[tuple[int, ...], ...] = ()


class Folding:
    """The groups of a graph, in topological order, with some of its scopes opened."""

    def __init__(self, graph: Graph, scopes: Scope, opened: Iterable[str] = ()) -> None:
        self.graph = graph
        self.scopes = scopes
        self._asked = frozenset(opened)
        self._opened: dict[Scope, str] = {}
        self.groups: list[Group] = []
        self.group_of = [0] * len(graph.nodes)
        self._widest: dict[int, int] = {}
        names = graph.names()
        for part in self._parts(scopes):
            group = Group(names[part], "node", (part,)) if isinstance(part, int) else _folded(part)
            for node in group.nodes:
                self.group_of[node] = len(self.groups)
            self.groups.append(group)

    def _parts(self, scope: Scope) -> Iterator[int | Scope]:
        """Yield the nodes and the folded scopes within an open scope."""
        for part in scope.parts:
            if isinstance(part, Scope) and (key := part.key) in self._asked:
                self._opened[part] = key
                yield from self._parts(part)
            else:
                yield part

    @property
    def opened(self) -> frozenset[str]:
        """The keys of the scopes that are open."""
        return frozenset(self._opened.values())

    @cached_property
    def closed(self) -> frozenset[str]:
        """The keys of the scopes that are closed: each is a group."""
        return frozenset(group.key for group in self.groups if group.kind != "node")

    def around(self, node: int) -> str | None:
        """Return the innermost open scope around a node, or None."""
        found, scope = None, self.scopes
        while isinstance(part := scope.parts[scope.position(node)], Scope) and part in self._opened:
            found, scope = self._opened[part], part
        return found

    def widest(self, number: int, text: Callable[[str], str]) -> int:
        """Return the width of the longest text of a group's nodes; it is computed once."""
        if number not in self._widest:
            nodes = (self.graph.nodes[node] for node in self.groups[number].nodes)
            self._widest[number] = max(width(text(node.label)) for node in nodes)
        return self._widest[number]

    # Edges between groups ------------------------------------------------------------------

    def inputs(self, number: int) -> list[int]:
        """Return the nodes that a group takes: per input of an op, once each for a fold."""
        group = self.groups[number]
        if group.kind == "node":
            return self.graph.inbound[group.nodes[0]]
        sources = (source for node in group.nodes for source in self.graph.inbound[node])
        return [i for i in dict.fromkeys(sources) if self.group_of[i] != number]

    def users(self, node: int) -> list[int]:
        """Return the other groups that take a node's value."""
        groups = (self.group_of[consumer] for consumer, _ in self.graph.consumers[node])
        return [number for number in dict.fromkeys(groups) if number != self.group_of[node]]

    def outputs(self, number: int) -> list[int]:
        """Return the nodes of a group whose value other groups take, or nobody."""
        consumers = self.graph.consumers
        nodes = self.groups[number].nodes
        return [node for node in nodes if not consumers[node] or self.users(node)]


def keys_of_scopes(scope: Scope, *, repeats_only: bool = False) -> Iterator[str]:
    """Yield the keys of the scopes within a scope, or only those of repeated ones."""
    for part in scope.parts:
        if isinstance(part, Scope):
            if part.repeats or not repeats_only:
                yield part.key
            yield from keys_of_scopes(part, repeats_only=repeats_only)


def _folded(scope: Scope) -> Group:
    nodes = tuple(range(scope.first, scope.end))
    if not scope.repeats:
        return Group(scope.key, "scope", nodes)
    units = (
        (part,) if isinstance(part, int) else tuple(range(part.first, part.end))
        for part in scope.parts
    )
    return Group(scope.key, "repeat", nodes, tuple(units))
