"""The plan of a recorded line: the value and gradient of every node at a position of a pass.

Nothing is recomputed, and no state is carried between moments: everything is read from the record
at the current position. Stale values are shown only from the pass just before.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import ClassVar, NoReturn, cast, overload

import numpy as np

from mfdebug.core.timeline.timeline import Timeline
from mfdebug.recording.arrays import as_floats
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.rates import UNKNOWN_RATE
from mfdebug.recording.records import Outline, Run
from mfdebug.recording.update_rules import Updates
from miniflow.node import Input
from miniflow.ops.base import Array, Shape
from miniflow.plans.base import Plan, State
from miniflow.plans.trace import Trace

# Passes whose numbers are in memory: the current one, the one before, and those just visited.
PASSES_IN_MEMORY = 4


class RecordedPlan(Plan):
    """A line of a run, at `position` of pass number `sgd_step` of the line.

    `value` and `gradient` return NaN for what is not known; `known_value` and `known_gradient`
    return None.
    """

    traces: ClassVar[bool] = False

    def __init__(self, run: Run, line: int, graph: RecordedGraph) -> None:
        super().__init__(graph, [])
        # Readers only need a sequence.
        self.shapes = cast("list[Shape]", _Shapes(self))
        self.recorded_run, self.line = run, line
        self.recorded_graph = graph
        self.timeline = Timeline(graph)
        inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        self.updates = Updates(run, line, inputs, self._gradient_after, graph.trainables)
        self._step = self._position = 0
        self._passes: OrderedDict[int, RecordedPass] = OrderedDict()

    # Passes ------------------------------------------------------------------------------------

    def pass_of(self, step: int) -> RecordedPass | None:
        """Return a pass of the line, or None if there is no such pass."""
        found = self._passes.get(step)
        if found is None:
            steps = self.recorded_run.steps(self.line)
            if not 0 <= step < len(steps):
                return None
            found = RecordedPass(self.recorded_run, steps[step], self.recorded_graph, self.timeline)
            self._passes[step] = found
            if len(self._passes) > PASSES_IN_MEMORY:
                self._passes.popitem(last=False)
        self._passes.move_to_end(step)
        return found

    def forget_passes(self) -> None:
        """Forget the passes in memory: more is known about them, or their moments have moved."""
        self._passes.clear()

    def outline(self, step: int) -> Outline:
        """Return the part of a pass that is always kept."""
        return self.recorded_run.outline(self.recorded_run.steps(self.line)[step])

    @property
    def present(self) -> RecordedPass | None:
        """The current pass."""
        return self.pass_of(self._step)

    def _gradient_after(self, step: int, node: int) -> Array | None:
        found = self.pass_of(step)
        return None if found is None else found.gradient(node, self.timeline.length)

    # Moving ------------------------------------------------------------------------------------

    def go_to(self, step: int, position: int) -> None:
        """Move to a position of a pass: 0 is before its feed, 1 after it, and so on."""
        self._step, self._position = step, position
        present = self.pass_of(step)
        if present is not None and not present.finished:
            # It was read before the pass was finished.
            del self._passes[step]

    def feed(self, sgd_step: int) -> None:
        """Move to the feed of a pass."""
        self.go_to(sgd_step, 1)

    def forward(self, node: int) -> None:
        """Move to where a node has its value."""
        self._position = self.timeline.position_of("forward", node) or self._position

    def backward(self, node: int) -> None:
        """Move to where a node has sent its gradients."""
        self._position = self.timeline.position_of("backward", node) or self._position

    def update(self, trainable: int) -> None:
        """Move to where a trainable has its new value."""
        node = self.graph.trainables[trainable]
        self._position = self.timeline.position_of("update", node) or self._position

    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Move to the end of the last of these passes, and append their costs to `costs`."""
        costs.extend(self.outline(step).cost for step in range(first, first + count))
        self.go_to(first + count - 1, self.timeline.length)

    def new_trace(self, most: int, *, full: bool) -> NoReturn:
        """Not supported: a record cannot be run."""
        raise NotImplementedError

    @property
    def sgd_step(self) -> int:
        """The number of the current pass in its line."""
        return self._step

    @property
    def position(self) -> int:
        """The current position in the pass."""
        return self._position

    # Reading -----------------------------------------------------------------------------------

    def known_value(self, node: int) -> Array | None:
        """Return a node's current value in its own dtype, or a stale one of the pass before."""
        found = self.pass_of(self._step)
        value = None if found is None else found.value(node, self._position)
        if value is None and self._waits_for_value(node):
            earlier = self.pass_of(self._step - 1)
            value = None if earlier is None else earlier.value(node, self.timeline.length)
        return value

    def _waits_for_value(self, node: int) -> bool:
        computed = self.timeline.position_of("forward", node)
        return computed is not None and computed > self._position

    def known_gradient(self, node: int) -> Array | None:
        """Return a node's current gradient, or a stale one of the pass before.

        None if its shape differs from that of the value shown.
        """
        found = self.pass_of(self._step)
        if found is None:
            return None
        gradient = found.gradient(node, self._position)
        if gradient is None and self.waits_for_gradient(node):
            earlier = self.pass_of(self._step - 1)
            gradient = None if earlier is None else earlier.gradient(node, self.timeline.length)
        value = self.known_value(node)
        shape = found.shape(node) if value is None else value.shape
        return gradient if gradient is not None and gradient.shape == shape else None

    def waits_for_gradient(self, node: int) -> bool:
        """Whether a node has received no gradient in this pass, and its backward is still ahead."""
        found, due = self.pass_of(self._step), self.timeline.position_of("backward", node)
        return (due is None or due > self._position) and not (
            found is not None and found.has_received(node, self._position)
        )

    def value(self, node: int) -> Array:
        """Return a node's value as floats; NaN if it is not known."""
        value = self.known_value(node)
        return np.full(self.shape_of(node), np.nan) if value is None else as_floats(value)

    def typed_value(self, node: int) -> Array:
        """Return a node's value in the program's dtype: integers stay integers."""
        value = self.known_value(node)
        return self.value(node) if value is None else value

    def gradient(self, node: int) -> Array:
        """Return the sum of the contributions so far; NaN if it is not known."""
        gradient = self.known_gradient(node)
        return np.full(self.shape_of(node), np.nan) if gradient is None else gradient

    def contribution(self, consumer: int, input_index: int) -> Array:
        """Return the contribution along an edge; NaN if it is not known."""
        found = self.pass_of(self._step)
        sent = None if found is None else found.sent(consumer, input_index)
        due = self.timeline.position_of("backward", consumer)
        if sent is None and due is not None and due > self._position:
            earlier = self.pass_of(self._step - 1)
            sent = None if earlier is None else earlier.sent(consumer, input_index)
        source = self.graph.inbound[consumer][input_index]
        shape = self.shape_of(source)
        # A node may change the shape of its input, and an update that of a parameter.
        return np.full(shape, np.nan) if sent is None or sent.shape != shape else sent

    def shape_of(self, node: int) -> Shape:
        """Return the shape of a node's current value; that of a number if it is not known."""
        return self.known_shape(node) or ()

    def known_shape(self, node: int) -> Shape | None:
        """Return the shape of a node's current value, or of its value in a neighbouring pass."""
        value = self.known_value(node)
        if value is not None:
            return value.shape
        for step in (self._step, self._step - 1, self._step + 1):
            near = self.pass_of(step) if step == self._step or step in self._passes else None
            shape = None if near is None else near.shape(node)
            if shape is not None:
                return shape
        return None

    def cost(self) -> float:
        """Return the current cost, also of a pass whose numbers were not kept."""
        value = self.known_value(self.graph.cost)
        if value is not None:
            with np.errstate(all="ignore"):
                return float(as_floats(value).sum())
        step = self._step - self._waits_for_value(self.graph.cost)
        return self.outline(step).cost if step >= 0 else math.nan

    @property
    def rate(self) -> float:
        """The learning rate of the pass, NaN if it is not known."""
        return self.updates.of(self._step).rate if self.timeline.update else UNKNOWN_RATE

    # Not supported -----------------------------------------------------------------------------

    def set_value(self, node: int, value: Array) -> NoReturn:
        """Not supported: a record cannot be changed."""
        raise NotImplementedError

    def set_gradient(self, node: int, gradient: Array) -> NoReturn:
        """Not supported: a record cannot be changed."""
        raise NotImplementedError

    def optimizer_state(self, trainable: int) -> list[Array]:
        """Return nothing: the state of a program's optimizer is not known."""
        return []

    def save(self, over: State | None = None) -> State:
        """Return the current position."""
        return (self._step, self._position), self.control

    def restore(self, state: State) -> None:
        """Return to a saved position."""
        self.go_to(*state[0])

    @property
    def state_bytes(self) -> int:
        """The size of a saved state: two numbers."""
        return 100


class _Shapes(Sequence[Shape]):
    """The shapes of the current values: batches may be of any size."""

    def __init__(self, plan: RecordedPlan) -> None:
        self._plan = plan

    def __len__(self) -> int:
        return len(self._plan.graph)

    @overload
    def __getitem__(self, node: int) -> Shape: ...

    @overload
    def __getitem__(self, node: slice) -> Sequence[Shape]: ...

    def __getitem__(self, node: int | slice) -> Shape | Sequence[Shape]:
        if isinstance(node, slice):
            return [*self][node]
        return self._plan.shape_of(node)

    def __iter__(self) -> Iterator[Shape]:
        return map(self._plan.shape_of, range(len(self)))
