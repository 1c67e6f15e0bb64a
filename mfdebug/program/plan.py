"""The plan of a program's run: it plays back what the program's passes have worked out."""

from __future__ import annotations

from array import array
from typing import ClassVar, NoReturn

import numpy as np

from mfdebug.program.passes import Passes
from mfdebug.program.replay import as_array
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.plan import Plan, State
from miniflow.trace import Trace


class ProgramPlan(Plan):
    """Moment by moment, from the record: a pass must be there before it is fed.

    Arrays are replaced, never changed in place, so states are lists of references. The shapes are
    those of the pass that was fed last: programs change the size of their batches.
    """

    traces: ClassVar[bool] = False

    def __init__(self, passes: Passes) -> None:
        detail = passes.detail(0)
        shapes = [value.shape for value in detail.values]
        shapes += [()] * (len(passes.graph) - len(shapes))
        super().__init__(passes.graph, shapes)
        self._passes = passes
        self._step = 0
        self._values: list[Array] = [np.zeros(shape) for shape in shapes]
        self._gradients: list[Array] = [np.zeros(shape) for shape in shapes]
        self._sent: dict[tuple[int, int], Array] = {}
        self._heard: dict[int, dict[tuple[int, int], Array]] = {}
        self._feed_inputs(0)

    def _feed_inputs(self, number: int) -> None:
        for place, value in self._passes.inputs(number).items():
            self._values[place] = as_array(value)
            self.shapes[place] = self._values[place].shape

    def feed(self, sgd_step: int) -> None:
        """Give every input what it began the pass with."""
        self._step = sgd_step
        self._feed_inputs(sgd_step)
        self._heard.clear()
        self._passes.graph.fed = self._passes.fed(sgd_step)
        self.learning_rate = self.graph.training.optimizer.learning_rate

    def forward(self, node: int) -> None:
        """Take the node's value."""
        detail = self._passes.detail(self._step)
        self._values[node] = detail.values[node]
        self.shapes[node] = self._values[node].shape
        if node not in self._heard and self._gradients[node].shape != self.shapes[node]:
            self._gradients[node] = np.zeros(self.shapes[node])

    def backward(self, node: int) -> None:
        """Take what the node sent, and add it up where it came."""
        detail = self._passes.detail(self._step)
        if node == self.graph.cost:
            self._gradients[node] = np.ones(self.shapes[node])
        for slot, source in enumerate(self.graph.inbound[node]):
            sent = detail.sent.get((node, slot))
            if sent is None:
                continue
            self._sent[node, slot] = sent
            heard = self._heard.setdefault(source, {})
            heard[node, slot] = sent
            total = np.zeros(self._values[source].shape, self._values[source].dtype)
            for edge in sorted(heard):
                total = total + heard[edge]
            self._gradients[source] = np.asarray(total)
        if node in detail.own:
            self._gradients[node] = detail.own[node]

    def update(self, trainable: int) -> None:
        """Take the value that the program gave the trainable after the pass."""
        node = self.graph.trainables[trainable]
        self._values[node] = self._passes.after(self._step, node)

    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Go over whole passes."""
        for number in range(first, first + count):
            costs.append(self._passes.all[number].cost)
        self._step = first + count - 1
        self._feed_inputs(self._step)
        for trainable in range(len(self.graph.trainables)):
            self.update(trainable)

    def new_trace(self, most: int, *, full: bool) -> NoReturn:
        """A program's passes leave no trace."""
        raise NotImplementedError

    def value(self, node: int) -> Array:
        """Return the value that was taken last."""
        return self._values[node]

    def gradient(self, node: int) -> Array:
        """Return the sum of what was sent so far."""
        return self._gradients[node]

    def contribution(self, consumer: int, slot: int) -> Array:
        """Return what was sent last."""
        source = self.graph.inbound[consumer][slot]
        return self._sent.get((consumer, slot), np.zeros(self.shapes[source]))

    def set_value(self, node: int, value: Array) -> None:
        """Put another value in place of an input's."""
        self._values[node] = np.asarray(value)

    def set_gradient(self, node: int, gradient: Array) -> None:
        """Put another gradient in place of a node's."""
        self._gradients[node] = np.asarray(gradient)

    def optimizer_state(self, trainable: int) -> list[Array]:
        """What a program's own optimizer keeps is not known."""
        return []

    def save(self) -> State:
        """Return the inputs' values, as references."""
        inputs = [
            self._values[i] if isinstance(node, Input) else None
            for i, node in enumerate(self.graph.nodes)
        ]
        return inputs, self.learning_rate

    def restore(self, state: State) -> None:
        """Put the inputs' values back."""
        inputs, self.learning_rate = state
        for i, value in enumerate(inputs):
            if value is not None:
                self._values[i] = value
                self.shapes[i] = value.shape

    @property
    def state_bytes(self) -> int:
        """The arrays themselves are kept in the record."""
        return 100 + 8 * len(self._values)

    @property
    def sgd_step(self) -> int:
        """The pass that was fed last."""
        return self._step
