"""A plan: a graph compiled to run, node by node or as a whole.

The plan that a debugger steps and the plan that trains are one: stepping runs the calls of one
node, training runs them all, in the same order on the same memory. What training leaves out are
gradients that no trainable needs (those of the data, say); leaving them out changes no other bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.graph import Graph
from miniflow.integers import in_type, integer_types
from miniflow.node import Input
from miniflow.ops.base import Array, Shape, shape_text
from miniflow.plans.trace import Trace
from miniflow.training.progress import Progress

# What lasts, in the plan's own form, and the learning rate.
State = tuple[Any, float]


# Who is told of each SGD step of a training, when all that it computes is there but no update.
Watcher = Callable[["Plan"], object]


class Plan(ABC):
    """A graph made ready to run, with its state between and within SGD steps.

    Nodes are named by their place in `graph.nodes`, trainables by their place in
    `graph.trainables`. `learning_rate` is the rate in force. SGD steps are counted from 0;
    `steps_before` were taken by the run that this one continues.

    What happens in an SGD step is numbered too: first the feed (0), then forward of each of
    `graph.forward_nodes`, backward of each of `graph.backward_nodes`, update of each trainable.
    """

    # A recorder that watches this process: training then goes step by step, to the same bits.
    watcher: ClassVar[Watcher | None] = None
    # Whether whole SGD steps can be run at a stretch with a trace.
    traces: ClassVar[bool] = True

    def __init__(self, graph: Graph, shapes: list[Shape]) -> None:
        self.graph = graph
        self.shapes = shapes
        self.batches = graph.batches()
        self.learning_rate = graph.training.optimizer.learning_rate
        self.needed = _needed(graph)
        self.integer_types = integer_types(graph)
        self.steps_before = graph.starts_from.sgd_steps

    def _kept_before(self) -> list[list[Array]]:
        """Return what the optimizer keeps at first: for each of its names, for each trainable.

        Raises `ShapeError` where it is not of the parameter's shape.
        """
        return [
            [self._kept_of(name, node) for node in self.graph.trainables]
            for name in self.graph.training.optimizer.keeps
        ]

    def _kept_of(self, name: str, node: int) -> Array:
        label, shape = self.graph.nodes[node].label, self.shapes[node]
        kept = self.graph.starts_from.kept.get(name, {})
        array = np.asarray(kept.get(label, np.zeros(shape)))
        if array.shape != shape:
            raise ShapeError(
                f"its {name} has shape {shape_text(array.shape)}, its value {shape_text(shape)}",
                where=label,
                hint="graph.progress = Progress() begins anew",
            )
        return array

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the updates from now on."""
        self.learning_rate = rate

    @abstractmethod
    def feed(self, sgd_step: int) -> None:
        """Give every fed input its rows for an SGD step."""

    @abstractmethod
    def forward(self, node: int) -> None:
        """Work out one node's value."""

    @abstractmethod
    def backward(self, node: int) -> None:
        """Send one node's contributions to its inputs (for the cost: seed it with ones first)."""

    @abstractmethod
    def update(self, trainable: int) -> None:
        """Update one trainable."""

    def walk(self, begin: int, end: int) -> None:
        """Let things number `begin` to `end` - 1 of an SGD step happen; it has been fed (0).

        They leave what they would have left one by one. A subclass may be faster at it.
        """
        things = [
            *(partial(self.forward, node) for node in self.graph.forward_nodes),
            *(partial(self.backward, node) for node in self.graph.backward_nodes),
            *(partial(self.update, i) for i in range(len(self.graph.trainables))),
        ]
        for thing in things[begin - 1 : end - 1]:
            thing()

    @abstractmethod
    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Run whole SGD steps from number `first`, adding each one's cost to `costs`.

        Gradients that no trainable needs are left out, unless a `trace` wants them. A trace gets a
        row for each step, up to its capacity.
        """

    def run_watched(self, first: int, count: int, costs: array[float], watcher: Watcher) -> None:
        """Run whole SGD steps as `run` does, and tell the watcher of each before its update."""
        updates = 1 + len(self.graph.forward_nodes) + len(self.graph.backward_nodes)
        for step in range(first, first + count):
            self.feed(step)
            self.walk(1, updates)
            costs.append(self.cost())
            watcher(self)
            self.walk(updates, updates + len(self.graph.trainables))

    @abstractmethod
    def new_trace(self, most: int, *, full: bool) -> Trace:
        """Return an empty trace for up to `most` steps, fewer where they would take much memory."""

    @abstractmethod
    def value(self, node: int) -> Array:
        """Return a node's value as it stands (a view: copy it to keep it)."""

    def typed_value(self, node: int) -> Array:
        """Return a node's value as it was given: integers of an input that holds integers."""
        return in_type(self.value(node), self.integer_types.get(node))

    @abstractmethod
    def gradient(self, node: int) -> Array:
        """Return a node's gradient as it stands: what its consumers have sent so far."""

    @abstractmethod
    def contribution(self, consumer: int, input_index: int) -> Array:
        """Return what `consumer` last sent to its input number `input_index`."""

    @abstractmethod
    def set_value(self, node: int, value: Array) -> None:
        """Overwrite an input's value."""

    @abstractmethod
    def set_gradient(self, node: int, gradient: Array) -> None:
        """Overwrite a node's gradient, which its `backward` will send on."""

    def take_any_value(self) -> None:  # noqa: B027 - few ops check values
        """Let ops compute with values that they refuse: finite differences go a little too far."""

    @abstractmethod
    def optimizer_state(self, trainable: int) -> list[Array]:
        """Return what the optimizer keeps for a trainable, one array for each of its names."""

    @abstractmethod
    def save(self) -> State:
        """Return a copy of what lasts from one SGD step to the next."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Put back what `save` returned."""

    def progress(self, sgd_steps: int) -> Progress:
        """Return what a run needs to continue after `sgd_steps` of this one, as things stand.

        A plan that runs no optimizer has no progress.
        """
        return Progress()

    @property
    @abstractmethod
    def state_bytes(self) -> int:
        """The size of what `save` returns."""

    @property
    @abstractmethod
    def sgd_step(self) -> int:
        """The number of the SGD step that was fed last, counted from this plan's first."""

    def cost(self) -> float:
        """Return the cost as it stands; of a cost that is not a scalar, the sum."""
        return float(self.value(self.graph.cost).sum())

    def store(self) -> None:
        """Write parameters and the inputs' own values back to the graph's nodes."""
        for i, node in enumerate(self.graph.nodes):
            if isinstance(node, Input) and not self.graph.fed_from_data(i):
                node.value = self.typed_value(i).copy()


def _needed(graph: Graph) -> list[bool]:
    """Return which nodes' gradients a trainable needs; without trainables, all."""
    if not graph.trainables:
        return [True] * len(graph.nodes)
    trainables = set(graph.trainables)
    needed: list[bool] = []
    for i, sources in enumerate(graph.inbound):
        needed.append(i in trainables or any(needed[source] for source in sources))
    return needed
