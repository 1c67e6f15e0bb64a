"""Taps on the nodes and functions of a running program: they tell when a pass begins.

A pass begins where a function of the lesson is called that runs one, or where a node's `forward()`
is called that has been called in this pass before, or after the program has gone back. So a program
may also run its nodes by loops of its own.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import Any, Protocol

from miniflow import lesson
from miniflow.node import Node

# The attributes under which the printings of the lesson keep a node's inputs and consumers.
INBOUND = ("inbound_nodes", "inbound_layers", "inbound_neurons")
OUTBOUND = ("outbound_nodes", "outbound_layers", "outbound_neurons")
FUNCTIONS = ("forward_and_backward", "forward_pass", "sgd_update", "topological_sort")


class Listener(Protocol):
    """Who is told. All is called in the program's own thread, and may keep it waiting."""

    def pass_begins(
        self, nodes: Sequence[Any], cost: Any, *, backward: bool, ours: bool, frame: FrameType
    ) -> None:
        """A pass over these nodes is about to begin; `frame` is the program's."""

    def sorted(self, nodes: Sequence[Any], frame: FrameType) -> None:
        """The program has put nodes in order; `frame` is where."""

    def goes_back(self) -> None:
        """A loop of the program goes back through the nodes of this pass."""

    def updated(self, trainables: Sequence[Any], rate: float) -> None:
        """The program has updated these inputs."""


class Taps:
    """Taps that are in place between `install` and `remove`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        # While a function that is known runs, or a node, its calls of nodes tell nothing new.
        self.closed = False
        self._forward: set[Any] = set()
        self._back = False
        self._sorted: list[Any] = []
        self._undo: list[Callable[[], object]] = []
        self._tapped: set[type] = set()

    def install(self) -> None:
        """Tap miniflow's nodes and functions, and every class of nodes made from now on."""
        self._tap_tree(Node)
        for name in FUNCTIONS:
            plain = getattr(lesson, name)
            tapped = self._function(name, plain, ours=True)
            # A program may have it under its own name by now: `from miniflow import *`.
            for module in list(sys.modules.values()):
                if getattr(module, "__dict__", {}).get(name) is plain:
                    self._replace(module, name, tapped)
        build = builtins.__build_class__

        def build_class(*arguments: Any, **keywords: Any) -> Any:
            made = build(*arguments, **keywords)
            if isinstance(made, type) and _is_node_class(made):
                self._tap(made)
            return made

        self._replace(builtins, "__build_class__", build_class)

    def tap_module(self, module: ModuleType) -> None:
        """Tap the functions of a program's own copy of the lesson."""
        for name in FUNCTIONS:
            plain = vars(module).get(name)
            if callable(plain):
                self._replace(module, name, self._function(name, plain, ours=False))

    def remove(self) -> None:
        """Leave everything as it was."""
        while self._undo:
            self._undo.pop()()

    def _replace(self, holder: Any, name: str, new: Any) -> None:
        old = getattr(holder, name)
        self._undo.append(lambda: setattr(holder, name, old))
        setattr(holder, name, new)

    # Nodes -------------------------------------------------------------------------------------

    def _tap_tree(self, kind: type) -> None:
        self._tap(kind)
        below: list[type] = kind.__subclasses__()
        for one in below:
            self._tap_tree(one)

    def _tap(self, kind: type) -> None:
        if kind in self._tapped:
            return
        self._tapped.add(kind)
        for name, tell in (("forward", self._forwards), ("backward", self._backwards)):
            plain = kind.__dict__.get(name)
            if callable(plain):
                setattr(kind, name, self._method(plain, tell))
                self._undo.append(functools.partial(setattr, kind, name, plain))

    def _method(self, plain: Any, tell: Callable[[Any], None]) -> Any:
        taps = self

        @functools.wraps(plain)
        def method(node: Any, *arguments: Any, **keywords: Any) -> Any:
            if taps.closed:
                return plain(node, *arguments, **keywords)
            tell(node)
            # What a node calls besides, as its base class's rule, is a part of it.
            taps.closed = True
            try:
                return plain(node, *arguments, **keywords)
            finally:
                taps.closed = False

        return method

    def _forwards(self, node: Any) -> None:
        if self._back or not self._forward or node in self._forward:
            self._begin(node, sys._getframe(2))
        self._forward.add(node)

    def _begin(self, node: Any, frame: FrameType) -> None:
        self._forward, self._back = set(), False
        nodes = self._order_of(node, frame)
        self._listener.pass_begins(nodes, nodes[-1], backward=False, ours=False, frame=frame)

    def _backwards(self, _node: Any) -> None:
        if not self._back:
            self._back = True
            self._listener.goes_back()

    def _order_of(self, node: Any, frame: FrameType) -> list[Any]:
        """Return the nodes of the pass that begins with `node`: a list the program has, or all."""
        if node in self._sorted:
            return self._sorted
        at: FrameType | None = frame
        for _ in range(4):
            if at is None:
                break
            for value in list(at.f_locals.values()):
                if isinstance(value, list | tuple) and value and value[0] is node:
                    return list(value)
            at = at.f_back
        return connected(node)

    # Functions ---------------------------------------------------------------------------------

    def _function(self, name: str, plain: Any, *, ours: bool) -> Any:
        made: dict[str, Callable[..., Any]] = {
            "forward_and_backward": self._both_ways,
            "forward_pass": self._one_way,
            "sgd_update": self._update,
            "topological_sort": self._sort,
        }

        @functools.wraps(plain)
        def function(*arguments: Any, **keywords: Any) -> Any:
            if self.closed:
                return plain(*arguments, **keywords)
            return made[name](plain, ours, *arguments, **keywords)

        return function

    def _within(self, plain: Any, *arguments: Any, **keywords: Any) -> Any:
        self.closed = True
        try:
            return plain(*arguments, **keywords)
        finally:
            self.closed = False

    def _both_ways(self, plain: Any, ours: bool, graph: Sequence[Any]) -> Any:
        frame = sys._getframe(2)
        self._back = True
        nodes = list(graph)
        self._listener.pass_begins(nodes, nodes[-1], backward=True, ours=ours, frame=frame)
        return self._within(plain, graph)

    def _one_way(self, plain: Any, ours: bool, *given: Any, **named: Any) -> Any:
        frame = sys._getframe(2)
        lists = [one for one in (*given, *named.values()) if isinstance(one, list | tuple)]
        nodes = list(lists[0]) if lists else []
        if not nodes:
            return plain(*given, **named)
        outputs = [one for one in (*given, *named.values()) if one in nodes]
        cost = outputs[0] if outputs else nodes[-1]
        self._forward, self._back = set(nodes), False
        self._listener.pass_begins(nodes, cost, backward=False, ours=ours, frame=frame)
        return self._within(plain, *given, **named)

    def _update(self, plain: Any, _ours: bool, trainables: Any, learning_rate: float = 1e-2) -> Any:
        nodes = list(trainables)
        done = self._within(plain, nodes, learning_rate)
        self._listener.updated(nodes, float(learning_rate))
        return done

    def _sort(self, plain: Any, _ours: bool, *given: Any, **named: Any) -> Any:
        found = self._within(plain, *given, **named)
        if isinstance(found, list):
            self._sorted = found
            self._listener.sorted(found, sys._getframe(2))
        return found


def _is_node_class(kind: type) -> bool:
    """Whether a class is one of nodes, ours or in the lesson's style."""
    return issubclass(kind, Node) or all(
        callable(getattr(kind, name, None)) for name in ("forward", "backward")
    )


def neighbours(node: Any, names: Sequence[str]) -> list[Any]:
    """Return a node's inputs or consumers, whatever its printing calls them."""
    for name in names:
        found = getattr(node, name, None)
        if found is not None:
            return list(found)
    return []


def connected(node: Any) -> list[Any]:
    """Return all nodes that are connected with one, each after its inputs."""
    found = {node: None}
    stack = [node]
    while stack:
        one = stack.pop()
        for other in (*neighbours(one, INBOUND), *neighbours(one, OUTBOUND)):
            if other not in found:
                found[other] = None
                stack.append(other)
    waits = {one: len({*neighbours(one, INBOUND)}) for one in found}
    ready = [one for one in found if not waits[one]]
    order = []
    while ready:
        one = ready.pop(0)
        order.append(one)
        for consumer in dict.fromkeys(neighbours(one, OUTBOUND)):
            waits[consumer] -= 1
            if not waits[consumer]:
                ready.append(consumer)
    return order
