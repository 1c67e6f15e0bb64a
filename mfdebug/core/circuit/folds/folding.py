"""Which nodes share a box: scopes and repeated blocks, unless they are opened.

A fold has a key: `layer1/` for a scope, `layer1…12 ×12` for a run of repeated blocks. Folds nest:
the children of a scope appear when it is opened, its own scopes folded; the blocks of a run appear
when it is opened, each of them folded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

from mfdebug.core.circuit.folds.repeats import repeated, run_label
from miniflow.graph import Graph
from miniflow.text.scope_names import split_name


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes that share a box; `units` are the nodes of each block of a run.

    `key` is the node's name, or the key of the fold.
    """

    key: str
    kind: Literal["node", "scope", "repeat"]
    nodes: tuple[int, ...]
    units: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Fold:
    """An opened fold: its key, how deep it is nested, and its nodes."""

    key: str
    depth: int
    nodes: frozenset[int]


class Folding:
    """The groups of a graph with some folds opened.

    `opened` are the folds that are open; `forced` are those of them that cannot be closed, because
    their box would be an input of itself.
    """

    def __init__(
        self, graph: Graph, opened: Iterable[str] = (), *, open_repeats: bool = False
    ) -> None:
        self.graph = graph
        self._asked = set(opened)
        self._open_repeats = open_repeats
        self.forced: set[str] = set()
        names = graph.names()
        # Where the scopes in names with dots end; those with slashes alone are quickly found.
        self._dotted = {
            i: [*accumulate(map(len, split_name(name)))]
            for i, name in enumerate(names)
            if "." in name
        }
        self._scoped = bool(self._dotted) or any("/" in name for name in names)
        while True:
            self.groups: list[Group] = []
            self.group_of = [0] * len(graph.nodes)
            self._opened: list[Fold] = []
            self._divide()
            cyclic = {self.groups[i].key for i in self._in_cycles()}
            if not cyclic:
                break
            self.forced |= cyclic
        self.groups = sorted(self.groups, key=lambda group: group.nodes[0])
        for number, group in enumerate(self.groups):
            for node in group.nodes:
                self.group_of[node] = number

    @property
    def opened(self) -> frozenset[str]:
        """The keys of the folds that are open."""
        return frozenset(fold.key for fold in self._opened)

    @cached_property
    def closed(self) -> frozenset[str]:
        """The keys of the folds that are closed: each is a group."""
        return frozenset(group.key for group in self.groups if group.kind != "node")

    @property
    def closable(self) -> bool:
        """Whether a fold is open that can be closed."""
        return not self.opened <= self.forced

    def around(self, node: int) -> str | None:
        """Return the innermost open fold around a node that can be closed, or None."""
        around = [f for f in self._opened if node in f.nodes and f.key not in self.forced]
        return max(around, key=lambda fold: fold.depth).key if around else None

    def _is_open(self, key: str) -> bool:
        return key in self._asked or key in self.forced

    def _divide(self) -> None:
        names = self.graph.names()
        todo: list[tuple[str, Sequence[int], int]] = [("", range(len(names)), 0)]
        while todo:
            scope, nodes, depth = todo.pop()
            units = self._units(names, scope, nodes)
            in_runs: set[str] = set()
            for run in repeated(self.graph, units):
                blocks = [tuple(units[key]) for key in run]
                members = tuple(sorted(node for block in blocks for node in block))
                key = f"{run_label(run)} ×{len(run)}"
                if self._open_repeats or self._is_open(key):
                    self._opened.append(Fold(key, 2 * depth + 1, frozenset(members)))
                else:
                    self._add(Group(key, "repeat", members, tuple(blocks)))
                    in_runs.update(run)
            for key, members_of in units.items():
                if key in in_runs:
                    continue
                if names[members_of[0]] == key:
                    for node in members_of:
                        self._add(Group(names[node], "node", (node,)))
                elif self._is_open(key):
                    self._opened.append(Fold(key, 2 * depth + 2, frozenset(members_of)))
                    todo.append((key, members_of, depth + 1))
                else:
                    self._add(Group(key, "scope", tuple(members_of)))

    def _units(self, names: list[str], scope: str, nodes: Iterable[int]) -> dict[str, list[int]]:
        """Return the nodes of each scope within `scope`, and its own nodes, by key."""
        if not self._scoped:
            return {names[i]: [i] for i in nodes}
        units: dict[str, list[int]] = {}
        start = len(scope)
        for node in nodes:
            name = names[node]
            if node in self._dotted:
                key = name[: next(end for end in self._dotted[node] if end > start)]
            else:
                end = name.find("/", start) + 1
                # A name may end with a slash, or have two in a row.
                key = name[:end] if start < end - 1 and end < len(name) else name
            units.setdefault(key, []).append(node)
        return units

    def _add(self, group: Group) -> None:
        for node in group.nodes:
            self.group_of[node] = len(self.groups)
        self.groups.append(group)

    def _in_cycles(self) -> list[int]:
        """Return the folded groups that lie on cycles, or between two of them."""
        if len(self.groups) == len(self.graph.nodes):
            return []
        group_of = self.group_of
        needs: list[set[int]] = [set() for _ in self.groups]
        for node, sources in enumerate(self.graph.inbound):
            needs[group_of[node]].update(group_of[source] for source in sources)
        users: list[set[int]] = [set() for _ in self.groups]
        for number, sources_of in enumerate(needs):
            sources_of.discard(number)
            for source in sources_of:
                users[source].add(number)
        left = _without_sources(set(range(len(needs))), needs, users)
        left = _without_sources(left, users, needs)
        return [number for number in left if self.groups[number].kind != "node"]

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


def scopes_of(graph: Graph) -> set[str]:
    """Return the keys of all scopes of a graph."""
    found: set[str] = set()
    for name in graph.names():
        *scopes, _ = split_name(name)
        found.update(accumulate(scopes))
    return found


def _without_sources(
    left: set[int], needs: Sequence[set[int]], users: Sequence[set[int]]
) -> set[int]:
    """Remove, again and again, the groups of `left` that need none of `left`."""
    count: dict[int, int] = defaultdict(int)
    for number in left:
        count[number] = len(needs[number] & left)
    ready = [number for number in left if not count[number]]
    left = set(left)
    while ready:
        number = ready.pop()
        left.discard(number)
        for user in users[number]:
            if user in left:
                count[user] -= 1
                if not count[user]:
                    ready.append(user)
    return left
