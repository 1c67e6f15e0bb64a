"""The plan of a graph of scalars, on Python floats.

A NumPy call on one number costs ten times the arithmetic: here every node is a closure over two
lists of floats, values and gradients.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np

from miniflow.graph import Graph, follows_rules
from miniflow.node import Input
from miniflow.ops.base import OPS, Array, Op, ScalarRule, Shape, as_floats
from miniflow.plan import Plan, State

Thunk = Callable[[], None]


def runs_on_floats(graph: Graph, shapes: list[Shape]) -> bool:
    """Whether every value is a float64 scalar and every op has a rule for Python floats.

    A class derived from one of ours may have changed the array rule alone, so it does not count.
    """
    return (
        graph.data is None
        and graph.dtype == np.float64
        and not any(shapes)
        and all(
            isinstance(node, Input)
            or (
                isinstance(node, Op)
                and follows_rules(node)
                and type(node) is OPS.get(type(node).__name__)
                and node.scalar() is not None
            )
            for node in graph.nodes
        )
    )


class ScalarPlan(Plan):
    """The plan of a graph of scalars."""

    def __init__(self, graph: Graph, shapes: list[Shape]) -> None:
        super().__init__(graph, shapes)
        self._sgd_step = 0
        self._values = [0.0] * len(graph.nodes)
        self._gradients = [0.0] * len(graph.nodes)
        self._edges: dict[tuple[int, int], float] = {}
        self._inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        for i in self._inputs:
            self._values[i] = float(as_floats(graph.nodes[i]))
        self._optimizer = graph.training.optimizer
        self._optimizer_state = [[0.0] * self._optimizer.slots for _ in graph.trainables]
        self._forward: list[Thunk | None] = [None] * len(graph.nodes)
        self._backward: list[Thunk | None] = [None] * len(graph.nodes)
        lean: list[Thunk] = []
        firsts = self._first_senders()
        for i, node in enumerate(graph.nodes):
            rule = node.scalar() if isinstance(node, Op) else None
            if rule is None:
                continue
            sources = graph.inbound[i]
            self._forward[i] = _forward(rule, self._values, i, sources)
            if graph.under_cost[i]:
                self._backward[i] = self._sending(rule, i, firsts[i])
                if self.needed[i]:
                    lean.append(
                        _backward(rule, self._values, self._gradients, i, sources, firsts[i])
                    )
        self._run_forward = [thunk for thunk in self._forward if thunk is not None]
        self._run_backward = lean[::-1]

    def _first_senders(self) -> list[list[bool]]:
        graph = self.graph
        assigned: set[int] = set()
        firsts: list[list[bool]] = [[] for _ in graph.nodes]
        for i in reversed(range(len(graph.nodes))):
            if graph.under_cost[i]:
                for source in graph.inbound[i]:
                    firsts[i].append(source not in assigned)
                    assigned.add(source)
        return firsts

    def _sending(self, rule: ScalarRule, i: int, first: list[bool]) -> Thunk:
        """Return the thunk that sends node i's contributions, each kept to be shown."""
        values, gradients, edges = self._values, self._gradients, self._edges
        sources = self.graph.inbound[i]

        def thunk() -> None:
            sent = rule.vjp(gradients[i], values[i], *[values[source] for source in sources])
            for slot, source in enumerate(sources):
                edges[i, slot] = sent[slot]
                gradients[source] = sent[slot] if first[slot] else gradients[source] + sent[slot]

        return thunk

    def feed(self, sgd_step: int) -> None:
        """Note the SGD step: a graph of scalars keeps its inputs' own values."""
        self._sgd_step = sgd_step

    def forward(self, node: int) -> None:
        """Call the node's closure."""
        if (thunk := self._forward[node]) is not None:
            thunk()

    def backward(self, node: int) -> None:
        """Call the node's closure; the cost's gradient is 1."""
        if node == self.graph.cost:
            self._gradients[node] = 1.0
        if (thunk := self._backward[node]) is not None:
            thunk()

    def update(self, trainable: int) -> None:
        """Update one float."""
        node = self.graph.trainables[trainable]
        self._values[node] = self._optimizer.update_scalar(
            self._values[node],
            self._gradients[node],
            self._optimizer_state[trainable],
            self.learning_rate,
            self._sgd_step,
        )

    def run(self, first: int, count: int, costs: array[float]) -> None:
        """Run whole SGD steps: all closures forward, then backward, then the updates."""
        cost = self.graph.cost
        trainables = range(len(self.graph.trainables))
        for step in range(first, first + count):
            self._sgd_step = step
            for thunk in self._run_forward:
                thunk()
            self._gradients[cost] = 1.0
            for thunk in self._run_backward:
                thunk()
            for trainable in trainables:
                self.update(trainable)
            costs.append(self._values[cost])

    def value(self, node: int) -> Array:
        """Return the float as an array of no dimensions."""
        return np.array(self._values[node])

    def gradient(self, node: int) -> Array:
        """Return the float as an array of no dimensions."""
        return np.array(self._gradients[node])

    def contribution(self, consumer: int, slot: int) -> Array:
        """Return the float as an array of no dimensions."""
        return np.array(self._edges.get((consumer, slot), np.nan))

    def set_value(self, node: int, value: Array) -> None:
        """Set one float."""
        self._values[node] = float(value)

    def save(self) -> State:
        """Copy the inputs' values, the optimizer's state and the learning rate."""
        values = [self._values[i] for i in self._inputs]
        return (values, [list(state) for state in self._optimizer_state]), self.learning_rate

    def restore(self, state: State) -> None:
        """Put them back."""
        (values, optimizer_state), rate = state
        self.set_learning_rate(rate)
        for i, value in zip(self._inputs, values, strict=True):
            self._values[i] = value
        self._optimizer_state = [list(one) for one in optimizer_state]

    @property
    def state_bytes(self) -> int:
        """An object of 32 bytes for each number, and the lists around them."""
        numbers = len(self._inputs) + len(self._optimizer_state) * self._optimizer.slots
        return 32 * numbers + 64 * len(self._optimizer_state) + 200

    @property
    def sgd_step(self) -> int:
        """The number noted when it was fed."""
        return self._sgd_step

    def cost(self) -> float:
        """Return the cost as it stands."""
        return self._values[self.graph.cost]


def _forward(rule: ScalarRule, values: list[float], i: int, sources: list[int]) -> Thunk:
    function = rule.forward
    if len(sources) == 1:
        (a,) = sources

        def unary() -> None:
            values[i] = function(values[a])

        return unary
    if len(sources) == 2:
        a, b = sources

        def binary() -> None:
            values[i] = function(values[a], values[b])

        return binary

    def nary() -> None:
        values[i] = function(*[values[source] for source in sources])

    return nary


def _backward(
    rule: ScalarRule,
    values: list[float],
    gradients: list[float],
    i: int,
    sources: list[int],
    first: list[bool],
) -> Thunk:
    vjp = rule.vjp
    if len(sources) == 1:
        (a,) = sources
        (first_a,) = first

        def unary() -> None:
            (sent,) = vjp(gradients[i], values[i], values[a])
            gradients[a] = sent if first_a else gradients[a] + sent

        return unary
    if len(sources) == 2:
        a, b = sources
        first_a, first_b = first

        def binary() -> None:
            to_a, to_b = vjp(gradients[i], values[i], values[a], values[b])
            gradients[a] = to_a if first_a else gradients[a] + to_a
            gradients[b] = to_b if first_b else gradients[b] + to_b

        return binary

    def nary() -> None:
        sent = vjp(gradients[i], values[i], *[values[source] for source in sources])
        for source, one, assign in zip(sources, sent, first, strict=True):
            gradients[source] = one if assign else gradients[source] + one

    return nary
