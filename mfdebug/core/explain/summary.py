"""A summary of a graph: its modules with their shapes, parameters and bytes.

A module is a scope of names: `net.l1.` of `net.l1.weight`. Nodes without a scope are listed
themselves. A parameter counts once, in the module that its name says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct

from mfdebug.core.explain.names import kind_of
from mfdebug.core.timeline.debugger import Debugger, Freshness
from miniflow.node import Input
from miniflow.ops.base import Shape
from miniflow.text.scope_names import split_name

# The class of an input that a program declares to be a parameter, trained or not.
PARAMETER = "Parameter"


class Tied(Struct, frozen=True):
    """A parameter that several modules use, and the others of them."""

    parameter: str
    others: tuple[str, ...]


class Module(Struct, frozen=True):
    """A module, or a node without one (then `is_node`), and what it has with all within it.

    `label` is its name within the module around it. `kinds` are the ops right in it. `shape` is
    that of its last op, or of the parameter or input; None if it is not known. `parameters` counts
    numbers, of which `trained` are trained; `bytes` are theirs. `unknown` counts parameters whose
    value is not known, which add to nothing.
    """

    name: str
    label: str
    depth: int
    is_node: bool
    kinds: tuple[str, ...]
    shape: Shape | None
    parameters: int
    trained: int
    bytes: int
    unknown: int
    tied: tuple[Tied, ...]


class Summary(Struct, frozen=True):
    """The modules of a graph in the order of their first nodes, and all of it together.

    `value_bytes` are those of all values that ops computed in a pass, as far as they are known.
    """

    name: str
    modules: tuple[Module, ...]
    total: Module
    ops: int
    value_bytes: int


class _Scope:
    """What is collected of a scope: its own nodes and scopes, and the nodes of all of these."""

    def __init__(self, name: str, label: str, depth: int) -> None:
        self.name, self.label, self.depth = name, label, depth
        self.parts: dict[str, _Scope] = {}
        self.order: list[_Scope | int] = []
        self.own: list[int] = []
        self.all: list[int] = []


def summary_of(debugger: Debugger) -> Summary:
    """Return the summary of a graph at the present moment, at which its shapes should be known."""
    return _Collector(debugger).summary()


class _Collector:
    def __init__(self, debugger: Debugger) -> None:
        self._debugger, self._graph = debugger, debugger.graph
        self._paths = [split_name(node.label)[:-1] for node in self._graph.nodes]
        trained = set(self._graph.trainables)
        self._trained = trained
        self._parameters = {
            i
            for i, node in enumerate(self._graph.nodes)
            if i in trained or (isinstance(node, Input) and kind_of(node) == PARAMETER)
        }
        # A function with several results is one op.
        nodes = range(len(self._graph.nodes))
        self._results = {i for node in nodes for i in debugger.state.results(node)}
        self._root = _Scope("", "", 0)
        for i, path in enumerate(self._paths):
            self._place(i, path)

    def _place(self, node: int, path: Sequence[str]) -> None:
        scope = self._root
        scope.all.append(node)
        for part in path:
            if part not in scope.parts:
                depth = scope.depth + (scope is not self._root)
                scope.parts[part] = inner = _Scope(scope.name + part, part, depth)
                scope.order.append(inner)
            scope = scope.parts[part]
            scope.all.append(node)
        scope.own.append(node)
        if scope is self._root:
            scope.order.append(node)

    def summary(self) -> Summary:
        root = self._root
        ops = [i for i, sources in enumerate(self._graph.inbound) if sources]
        value_bytes = sum(self._bytes(i) or 0 for i in ops)
        modules = tuple(self._listed(root))
        return Summary(self._graph.name, modules, self._module(root), len(ops), value_bytes)

    def _listed(self, scope: _Scope) -> Iterator[Module]:
        # By a stack: names may have any number of scopes.
        stack: list[_Scope | int] = [*reversed(scope.order)]
        while stack:
            part = stack.pop()
            if isinstance(part, int):
                yield self._node(part)
            else:
                yield self._module(part)
                stack += reversed(part.order)

    def _node(self, node: int) -> Module:
        label = self._graph.nodes[node].label
        own = _Scope(label, label, 0)
        own.own, own.all = [node], [node]
        return self._module(own, is_node=True)

    def _module(self, scope: _Scope, *, is_node: bool = False) -> Module:
        parameters = [i for i in scope.all if i in self._parameters]
        known = {i: size for i in parameters if (size := self._bytes(i)) is not None}
        sizes = {i: math.prod(self._shape(i) or ()) for i in known}
        ops = [i for i in scope.own if self._graph.inbound[i] and i not in self._results]
        last = max((i for i in scope.all if self._graph.inbound[i]), default=None)
        shown = scope.own[0] if is_node else last
        kinds = [kind_of(self._graph.nodes[i]) for i in (scope.own if is_node else ops)]
        return Module(
            scope.name,
            scope.label,
            scope.depth,
            is_node,
            tuple(kinds),
            None if shown is None else self._shape(shown),
            sum(sizes.values()),
            sum(size for i, size in sizes.items() if i in self._trained),
            sum(known.values()),
            len(parameters) - len(known),
            tuple(tied for i in scope.own if (tied := self._tied(i))),
        )

    def _tied(self, node: int) -> Tied | None:
        """Return the modules that use a parameter besides its own, or besides the first.

        Ops outside of all modules, and those of a module around its own, are no such use: a
        penalty on weights reads them all.
        """
        if node not in self._parameters:
            return None
        own = "".join(self._paths[node])
        users: dict[str, None] = {}
        for consumer, _ in self._graph.consumers[node]:
            scope = "".join(self._paths[consumer])
            if own and scope.startswith(own):
                users[own] = None
            elif not own.startswith(scope):
                users[scope] = None
        others = [user for user in users if user != own] if own in users else [*users][1:]
        return Tied(self._graph.nodes[node].label, tuple(others)) if others else None

    def _is_known(self, node: int) -> bool:
        wanted = Freshness.CURRENT, Freshness.WAITING
        return self._debugger.state.value_freshness(node) in wanted

    def _shape(self, node: int) -> Shape | None:
        return self._debugger.plan.shapes[node] if self._is_known(node) else None

    def _bytes(self, node: int) -> int | None:
        if not self._is_known(node):
            return None
        return int(self._debugger.plan.typed_value(node).nbytes)
