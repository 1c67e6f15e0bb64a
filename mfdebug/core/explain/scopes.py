"""Scopes: the parts of a graph that node names form, as `layer1` in `layer1/W`.

The list and the circuit fold by them. A scope here is a run of consecutive nodes in topological
order, so that its nodes can be shown as one row where they are, and as one box, which is never an
input of itself. One whose nodes are in several runs is no scope: the names of what is in it start
with its name. Building is linear in the nodes and their names.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby

from miniflow.graph import Graph
from miniflow.ops.base import Shape
from miniflow.text.scope_names import split_name

# Fewer alike scopes in a row are not worth a row of their own.
LEAST_REPEATS = 3
# The digits of a number in a name that is compared with the next one.
_LONGEST_NUMBER = 18
_DIGITS = re.compile(r"\d+")
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))


class Scope:
    """Nodes `first` to `end` - 1: in `parts`, in order, its nodes and the scopes within it.

    `label` is the name within the scope around it, with its separator; `repeats` is the number of
    alike scopes or nodes that are its parts, or 0. The graph itself is the scope without a parent.
    """

    __slots__ = ("depth", "end", "first", "label", "parent", "parts", "repeats", "starts")

    def __init__(self, label: str, first: int, parent: Scope | None = None) -> None:
        self.label = label
        self.first = first
        self.end = first
        self.parent = parent
        self.parts: list[int | Scope] = []
        self.repeats = 0
        # The characters of its nodes' names before their names within it.
        self.depth: int = len(label) + (parent.depth if parent else 0)
        # The first node of each part.
        self.starts: list[int] = []

    @property
    def last(self) -> int:
        """The last node."""
        return self.end - 1

    @property
    def title(self) -> str:
        """The label, and how often its part is repeated: `layer1…12/ ×12`."""
        return f"{self.label} ×{self.repeats}" if self.repeats else self.label

    @property
    def key(self) -> str:
        """The title after the names of the scopes around it; no other scope has the same."""
        around, scope = "", self.parent
        while scope is not None:
            # A group of repeated scopes is no part of their names.
            if scope.depth > (scope.parent.depth if scope.parent else 0):
                around = scope.label + around
            scope = scope.parent
        return around + self.title

    def __contains__(self, node: int) -> bool:
        return self.first <= node < self.end

    def position(self, node: int) -> int:
        """Return the position among `parts` of the part that has a node of this scope."""
        return bisect_right(self.starts, node) - 1


def graph_scopes(graph: Graph, shapes: Sequence[Shape] | None) -> Scope:
    """Return the scopes of a graph, with repeated ones as groups.

    Alike nodes have the same op, and the same shape unless `shapes` is None.
    """
    nodes = graph.nodes

    def alike(node: int) -> Hashable:
        return type(nodes[node]), None if shapes is None else shapes[node]

    return scopes_of(graph.names(), alike, graph.inbound)


def scopes_of(
    names: Sequence[str],
    alike: Callable[[int], Hashable] | None = None,
    inbound: Sequence[Sequence[int]] = (),
) -> Scope:
    """Return the graph as a scope of nodes and scopes.

    With `alike`, which returns what two nodes must have in common besides their names, scopes in a
    row whose names differ in one number, and whose nodes correspond, become the parts of a scope of
    its own, such as `layer1…12/`. With `inbound` so do nodes in a row, such as `h1…10`, whose names
    count by one, and each of which takes the one before.
    """
    root, scattered = _built(names, set())
    if scattered:
        root, _ = _built(names, scattered)
    if alike is not None:
        _Groups(names, alike, inbound).group(root)
    return root


def _built(names: Sequence[str], scattered: set[str]) -> tuple[Scope, set[str]]:
    """Return the scopes without those in `scattered`, and which of them have several runs.

    A scope is known by all of a name up to its end, as `h.0.` in `h.0.attn`.
    """
    root = Scope("", 0)
    path = [root]
    before = ""
    known: set[str] = set()
    again: set[str] = set()
    for node, name in enumerate(names):
        rest = name[len(before) :]
        # Most nodes are in the scope of the node before.
        same = rest and name.startswith(before)
        if not same or "/" in rest or "." in rest:
            *wanted, own = _split(name, scattered)
            before = name[: len(name) - len(own)]
            kept = 0
            while kept < min(len(wanted), len(path) - 1) and path[kept + 1].label == wanted[kept]:
                kept += 1
            for scope in path[kept + 1 :]:
                scope.end = node
            del path[kept + 1 :]
            for label in wanted[kept:]:
                _add(path[-1], scope := Scope(label, node, path[-1]))
                path.append(scope)
                (again if (whole := name[: scope.depth]) in known else known).add(whole)
        _add(path[-1], node)
    for scope in path:
        scope.end = len(names)
    return root, again


def _split(name: str, scattered: set[str]) -> list[str]:
    """Return the parts of a name; a scope that is scattered is part of the next."""
    *scopes, _ = split_name(name)
    parts: list[str] = []
    start = end = 0
    for scope in scopes:
        end += len(scope)
        if name[:end] not in scattered:
            parts.append(name[start:end])
            start = end
    return [*parts, name[start:]]


def _add(scope: Scope, part: int | Scope) -> None:
    scope.parts.append(part)
    scope.starts.append(part if isinstance(part, int) else part.first)


class _Groups:
    """Groups repeated scopes and nodes, innermost first."""

    def __init__(
        self,
        names: Sequence[str],
        alike: Callable[[int], Hashable],
        inbound: Sequence[Sequence[int]],
    ) -> None:
        self._names = names
        self._alike = alike
        self._inbound = inbound
        self._structures: dict[Scope, int] = {}
        # A number for each structure, which stands for it in the structures around it.
        self._numbers: dict[Hashable, int] = {}

    def group(self, scope: Scope) -> None:
        """Group the parts of a scope, and the parts of these."""
        inner = [part for part in scope.parts if isinstance(part, Scope)]
        for part in inner:
            self.group(part)
        if len(scope.parts) < LEAST_REPEATS or not (inner or self._inbound):
            return
        parts: list[int | Scope] = []
        for named_alike, members in groupby(scope.parts, _outline):
            for run in self._runs(members) if named_alike else self._chains(members):
                parts += self._grouped(scope, run)
        scope.parts = parts
        scope.starts = [part if isinstance(part, int) else part.first for part in parts]

    def _runs(self, members: Iterator[int | Scope]) -> Iterator[list[int | Scope]]:
        """Yield the members by structure; structures are computed only where they decide."""
        scopes = [part for part in members if isinstance(part, Scope)]
        if len(scopes) < LEAST_REPEATS:
            yield [*scopes]
            return
        for _, run in groupby(scopes, self._structure):
            yield [*run]

    def _chains(self, members: Iterator[int | Scope]) -> Iterator[list[int | Scope]]:
        """Yield the nodes, those together that count, are alike and feed each other."""
        run: list[int | Scope] = []
        before = -1
        for node in members:
            if not isinstance(node, int):
                continue
            if run and not self._continues(before, node):
                yield run
                run = []
            run.append(node)
            before = node
        yield run

    def _continues(self, before: int, node: int) -> bool:
        inbound = self._inbound
        return (
            bool(inbound)
            and before in inbound[node]
            and bool(inbound[before])
            and _counts(self._names[before], self._names[node])
            and self._alike(before) == self._alike(node)
        )

    def _grouped(self, scope: Scope, run: list[int | Scope]) -> list[int | Scope]:
        if len(run) < LEAST_REPEATS:
            return run
        if len(run) == len(scope.parts) and scope.parent is not None:
            scope.repeats = len(run)
            return run
        return [self._repeated(scope, run)]

    def _repeated(self, parent: Scope, run: list[int | Scope]) -> Scope:
        group = Scope(_span(self._label(run[0], parent), self._label(run[-1], parent)), 0, parent)
        group.depth, group.repeats = parent.depth, len(run)
        for part in run:
            if isinstance(part, Scope):
                part.parent = group
            _add(group, part)
        last = run[-1]
        group.first, group.end = group.starts[0], last + 1 if isinstance(last, int) else last.end
        return group

    def _label(self, part: int | Scope, parent: Scope) -> str:
        return within(self._names[part], parent) if isinstance(part, int) else part.label

    def _structure(self, scope: Scope) -> int:
        known = self._structures.get(scope)
        if known is None:
            parts = tuple(
                (_stem(self._names[part], scope), self._alike(part))
                if isinstance(part, int)
                else (_DIGITS.sub("#", part.label), self._structure(part))
                for part in scope.parts
            )
            known = self._structures[scope] = self._numbers.setdefault(parts, len(self._numbers))
        return known


def _outline(part: int | Scope) -> Hashable:
    """Return what is cheap to compare of scopes that may be alike; None for a node."""
    if isinstance(part, int):
        return None
    return _DIGITS.sub("#", part.label), part.end - part.first


def _stem(name: str, scope: Scope) -> str:
    """Return a node's name within its scope without digits."""
    return name[scope.depth :].translate(_NO_DIGITS)


def _counts(before: str, name: str) -> bool:
    """Whether one number of a name, and nothing else in it, is by one higher than before."""
    if _DIGITS.sub("#", before) != _DIGITS.sub("#", name):
        return False
    pairs = zip(_DIGITS.findall(before), _DIGITS.findall(name), strict=True)
    changed = [(old, new) for old, new in pairs if old != new]
    if len(changed) != 1 or max(map(len, changed[0])) > _LONGEST_NUMBER:
        return False
    return int(changed[0][1]) == int(changed[0][0]) + 1


def _span(first: str, last: str) -> str:
    """Return `layer1…12/` for `layer1/` and `layer12/`."""
    for one, other in zip(_DIGITS.finditer(first), _DIGITS.finditer(last), strict=False):
        if one[0] != other[0]:
            return f"{first[: one.end()]}…{other[0]}{first[one.end() :]}"
    return first


def within(name: str, scope: Scope) -> str:
    """Return a node's name within a scope that has it: `attn/w` of `h/3/attn/w` in `h/3/`."""
    return name[scope.depth :]
