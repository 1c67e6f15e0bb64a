"""The plan of a graph of scalars, on Python floats.

A NumPy call on one number costs ten times the arithmetic: here values and gradients are two lists
of floats, and the plan is a tape, an entry a node, that two loops read. Stepping gives them one
entry, running all. (A closure a node takes twice as long: a call more each way.)
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import accumulate, chain

import numpy as np

from miniflow.graph import Graph, follows_rules
from miniflow.node import Input
from miniflow.ops.base import OPS, Array, Op, Shape, as_floats
from miniflow.plan import Plan, State
from miniflow.trace import ScalarTrace, Trace

# Floats kept by a trace together.
TRACE_NUMBERS = 2**18

# An entry of a tape: the rule, the node, its inputs a and b (None where there is one), and all of
# them where there are more than two. Backward, also which inputs the node is the first to send to.
# (Plain tuples: Python unpacks a named one more slowly.)
Forward = tuple[Callable[..., float], int, int, int | None, list[int] | None]
Backward = tuple[
    Callable[..., tuple[float, ...]], int, int, int | None, list[int] | None, bool, list[bool]
]


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
        self._inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        for i in self._inputs:
            self._values[i] = float(as_floats(graph.nodes[i]))
        self._optimizer = graph.training.optimizer
        self._optimizer_state = [[0.0] * self._optimizer.slots for _ in graph.trainables]
        self._sent: list[tuple[float, ...]] = [()] * len(graph.nodes)
        self._forward: list[list[Forward]] = [[] for _ in graph.nodes]
        self._backward: list[list[Backward]] = [[] for _ in graph.nodes]
        self._compile()
        self._forward_tape = list(chain.from_iterable(self._forward))
        parts = [self._backward[i] for i in graph.backward_nodes]
        self._full_tape = list(chain.from_iterable(parts))
        self._backward_begins = [0, *accumulate(map(len, parts))]
        self._backward_tape = [entry for entry in self._full_tape if self.needed[entry[1]]]

    def _compile(self) -> None:
        """Write each node's entries: none for an input, none back from what is off the cost."""
        first = self._first_senders()
        for i, node in enumerate(self.graph.nodes):
            rule = node.scalar() if isinstance(node, Op) else None
            if rule is None:
                continue
            sources = self.graph.inbound[i]
            a = sources[0]
            b = sources[1] if len(sources) > 1 else None
            more = sources if len(sources) > 2 else None
            self._forward[i].append((rule.forward, i, a, b, more))
            if self.graph.under_cost[i]:
                self._backward[i].append((rule.vjp, i, a, b, more, first[i][0], first[i]))

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

    def feed(self, sgd_step: int) -> None:
        """Note the SGD step: a graph of scalars keeps its inputs' own values."""
        self._sgd_step = sgd_step

    def forward(self, node: int) -> None:
        """Run the node's entry."""
        _run_forward(self._forward[node], self._values)

    def backward(self, node: int) -> None:
        """Run the node's entry; the cost's gradient is 1."""
        if node == self.graph.cost:
            self._gradients[node] = 1.0
        _run_backward(self._backward[node], self._values, self._gradients, self._sent)

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

    def walk(self, begin: int, end: int) -> None:
        """Run a piece of the forward tape, of the backward tape, and some of the updates."""
        begin, end = begin - 1, end - 1
        if forward := self._forward_tape[begin:end]:
            _run_forward(forward, self._values)
        begin, end = begin - len(self._forward_tape), end - len(self._forward_tape)
        if end > 0:
            if begin <= 0:
                self._gradients[self.graph.cost] = 1.0
            places = self._backward_begins
            last = len(places) - 1
            backward = self._full_tape[places[min(max(begin, 0), last)] : places[min(end, last)]]
            _run_backward(backward, self._values, self._gradients, self._sent)
            for trainable in range(max(begin - last, 0), end - last):
                self.update(trainable)

    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Run whole SGD steps: the tape forward, then backward, then the updates."""
        cost, backward_tape = self.graph.cost, self._backward_tape
        traced = trace if isinstance(trace, ScalarTrace) else None
        if traced is not None:
            traced.begin(first, self._values)
            if traced.full:
                backward_tape = self._full_tape
        trainables = range(len(self.graph.trainables))
        for step in range(first, first + count):
            self._sgd_step = step
            _run_forward(self._forward_tape, self._values)
            self._gradients[cost] = 1.0
            _run_backward(backward_tape, self._values, self._gradients, self._sent)
            for trainable in trainables:
                self.update(trainable)
            costs.append(self._values[cost])
            if traced is not None:
                traced.add(self._values, self._gradients)

    def new_trace(self, most: int, *, full: bool) -> ScalarTrace:
        """Return an empty trace."""
        numbers = 2 * len(self._values)
        return ScalarTrace(max(1, min(most, TRACE_NUMBERS // numbers)), full=full)

    def value(self, node: int) -> Array:
        """Return the float as an array of no dimensions."""
        return np.array(self._values[node])

    def gradient(self, node: int) -> Array:
        """Return the float as an array of no dimensions."""
        return np.array(self._gradients[node])

    def set_gradient(self, node: int, gradient: Array) -> None:
        """Take the only entry."""
        self._gradients[node] = float(gradient)

    def contribution(self, consumer: int, slot: int) -> Array:
        """Return the float as an array of no dimensions."""
        sent = self._sent[consumer]
        return np.array(sent[slot] if sent else np.nan)

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


def _run_forward(tape: list[Forward], values: list[float]) -> None:
    for function, node, a, b, more in tape:
        if b is None:
            values[node] = function(values[a])
        elif more is None:
            values[node] = function(values[a], values[b])
        else:
            values[node] = function(*[values[source] for source in more])


def _run_backward(
    tape: list[Backward],
    values: list[float],
    gradients: list[float],
    sent: list[tuple[float, ...]],
) -> None:
    for vjp, node, a, b, more, first_a, first in tape:
        if b is None:
            sent[node] = (to_a,) = vjp(gradients[node], values[node], values[a])
            gradients[a] = to_a if first_a else gradients[a] + to_a
        elif more is None:
            sent[node] = to_a, to_b = vjp(gradients[node], values[node], values[a], values[b])
            gradients[a] = to_a if first_a else gradients[a] + to_a
            gradients[b] = to_b if first[1] else gradients[b] + to_b
        else:
            inputs = [values[source] for source in more]
            sent[node] = vjp(gradients[node], values[node], *inputs)
            for source, one, assign in zip(more, sent[node], first, strict=True):
                gradients[source] = one if assign else gradients[source] + one
