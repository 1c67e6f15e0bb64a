"""The environment of an expression at one moment of a debugger."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from mfdebug.core.expressions.parser import NotComputed
from mfdebug.core.timeline.debugger import Debugger, Freshness, node_or_error
from miniflow.ops.base import Array, Op

T = TypeVar("T")


def require_value(debugger: Debugger, node: int) -> Freshness:
    """Return the freshness of a node's value; raise `NotComputed` if it has none."""
    freshness, label = debugger.state.value_freshness(node), debugger.graph.nodes[node].label
    if freshness is Freshness.UNKNOWN:
        raise NotComputed(f"{label}: {debugger.state.unknown(node)}")
    if freshness is Freshness.WAITING:
        fed = debugger.timeline.position_of("forward", node) is None
        hint = "run: step" if fed else f"run: until {label} forward"
        raise NotComputed(f"{label} is not {'fed' if fed else 'computed'} yet", hint=hint)
    return freshness


def require_gradient(debugger: Debugger, node: int) -> Freshness:
    """Return the freshness of a node's gradient; raise `NotComputed` if nothing of it is known."""
    state = debugger.state
    freshness, label = state.gradient_freshness(node), debugger.graph.nodes[node].label
    if freshness is Freshness.NONE:
        raise NotComputed(f"{label} has no gradient: {state.no_gradient(node)}")
    if freshness is Freshness.UNKNOWN:
        raise NotComputed(f"{label}.grad: {state.unknown(node, gradient=True)}")
    if freshness is Freshness.WAITING:
        raise NotComputed(f"{label} has no gradient yet", hint=f"run: until {label} backward")
    return freshness


class PresentEnvironment:
    """The debugger's present moment as the environment of an expression.

    With `strict`, stale numbers count as not computed.
    """

    def __init__(
        self, debugger: Debugger, moment: int | None = None, *, strict: bool = False
    ) -> None:
        self._debugger = debugger
        self._moment = debugger.moment if moment is None else moment
        self._strict = strict
        self._stale: set[str] = set()

    def node_names(self) -> dict[str, int]:
        """Return the node indices by name."""
        return self._debugger.graph.by_name

    def value(self, node: str) -> Array:
        """Return a node's value, or raise `NotComputed`."""
        index = self._index_of(node)
        freshness = require_value(self._debugger, index)
        if freshness is Freshness.STALE:
            self._note_stale(node)
        return self._debugger.plan.typed_value(index)

    def gradient(self, node: str) -> Array:
        """Return a node's gradient, or raise `NotComputed`."""
        index, state = self._index_of(node), self._debugger.state
        freshness = require_gradient(self._debugger, index)
        if freshness is Freshness.PARTIAL:
            count, reported = len(state.contributions(index)), state.reported(index)
            arrived = f"{reported} of {count} contributions have arrived"
            if reported == count:
                arrived = "all contributions have arrived, but its backward has not run"
            raise NotComputed(
                f"{node}'s gradient is not complete: {arrived}",
                hint=f"run: until {node} backward",
            )
        if freshness is Freshness.STALE:
            self._note_stale(f"{node}.grad")
        return state.gradient(index)

    def lasting(self, node: str, name: str) -> Array:
        """Return an array that a node keeps from pass to pass, or raise `NotComputed`."""
        index = self._index_of(node)
        arrays = self._debugger.plan.lasting(index)
        if name not in arrays:
            op = self._debugger.graph.nodes[index]
            kept = isinstance(op, Op) and name in op.lasts
            raise NotComputed(
                f"the {name} of {node} is not in the record" if kept else f"{node} has no {name}"
            )
        return arrays[name]

    def word(self, name: str) -> float:
        """Return cost, lr, sgd_step or moment."""
        debugger, state = self._debugger, self._debugger.state
        if name == "cost":
            if state.cost_freshness() is Freshness.WAITING:
                raise NotComputed("the cost is not computed yet", hint="run: next")
            if state.cost_freshness() is Freshness.UNKNOWN:
                raise NotComputed(f"the cost: {state.unknown(debugger.graph.cost)}")
            if state.cost_freshness() is Freshness.STALE:
                self._note_stale("cost")
            return debugger.plan.cost()
        if name == "lr":
            if math.isnan(state.learning_rate):
                raise NotComputed("the learning rate is not known here")
            return state.learning_rate
        return float(debugger.sgd_step if name == "sgd_step" else debugger.moment)

    def earlier(self) -> EarlierEnvironment:
        """Return the environment one SGD step earlier."""
        moment = self._moment - self._debugger.timeline.length
        if moment < 0:
            raise NotComputed("there is no earlier SGD step")
        return EarlierEnvironment(self._debugger, moment, strict=self._strict)

    def note(self) -> str:
        """Return a note that names the stale numbers read so far, or ""."""
        if not self._stale:
            return ""
        names = ", ".join(sorted(self._stale))
        return f"  ({names}: stale, of SGD step {self._debugger.sgd_step - 1})"

    def _note_stale(self, what: str) -> None:
        if self._strict:
            raise NotComputed(f"{what} is stale")
        self._stale.add(what)

    def _index_of(self, node: str) -> int:
        return node_or_error(self._debugger.graph, node)


class EarlierEnvironment(PresentEnvironment):
    """An earlier moment, for `prev(x)`: each access visits that moment and returns."""

    def value(self, node: str) -> Array:
        """Return the node's value at that moment."""
        return self._visit(lambda: super(EarlierEnvironment, self).value(node).copy())

    def gradient(self, node: str) -> Array:
        """Return the node's gradient at that moment."""
        return self._visit(lambda: super(EarlierEnvironment, self).gradient(node).copy())

    def lasting(self, node: str, name: str) -> Array:
        """Return the array that the node kept at that moment."""
        return self._visit(lambda: super(EarlierEnvironment, self).lasting(node, name).copy())

    def word(self, name: str) -> float:
        """Return the word's value at that moment."""
        return self._visit(lambda: super(EarlierEnvironment, self).word(name))

    def _visit(self, read: Callable[[], T]) -> T:
        with self._debugger.visiting(self._moment):
            return read()
