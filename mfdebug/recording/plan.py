"""The plan of a recorded line: what every node had at a place of a pass, read from the record.

Nothing is computed again and nothing lasts from one moment to the next: where the plan stands, it
asks the record. What an earlier pass left is shown only as far as the pass just before has it.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import ClassVar, NoReturn, cast, overload

import numpy as np

from mfdebug.core.timeline.timeline import Timeline
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import RecordedPass, as_floats
from mfdebug.recording.records import Outline, Run
from mfdebug.recording.updates import UNKNOWN_RATE, Updates
from miniflow.node import Input
from miniflow.ops.base import Array, Shape
from miniflow.plans.base import Plan, State
from miniflow.plans.trace import Trace

# Passes whose numbers are at hand: the present one, the one before, and those just visited.
AT_HAND = 4


class RecordedPlan(Plan):
    """A line of a run, freshness at `place` of the pass number `sgd_step`.

    `value` and `gradient` return NaN in place of what is not known; `known_value` and
    `known_gradient` return None.
    """

    traces: ClassVar[bool] = False

    def __init__(self, run: Run, line: int, graph: RecordedGraph) -> None:
        super().__init__(graph, [])
        # Any sequence will do to those who only look.
        self.shapes = cast("list[Shape]", _Shapes(self))
        self.run_of, self.line = run, line
        self.recorded_graph = graph
        self.timeline = Timeline(graph)
        inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        self.updates = Updates(run, line, inputs, self._gradient_after)
        self._step = self._place = 0
        self._passes: OrderedDict[int, RecordedPass] = OrderedDict()

    # Passes ------------------------------------------------------------------------------------

    def pass_of(self, step: int) -> RecordedPass | None:
        """Return a pass of the line, or None if there is none of that number."""
        found = self._passes.get(step)
        if found is None:
            steps = self.run_of.steps(self.line)
            if not 0 <= step < len(steps):
                return None
            found = RecordedPass(self.run_of, steps[step], self.recorded_graph, self.timeline)
            self._passes[step] = found
            if len(self._passes) > AT_HAND:
                self._passes.popitem(last=False)
        self._passes.move_to_end(step)
        return found

    def renew(self) -> None:
        """Read passes again about which more has become known, or whose moments have moved."""
        self._passes.clear()

    def outline(self, step: int) -> Outline:
        """Return what is always kept of a pass."""
        return self.run_of.outline(self.run_of.steps(self.line)[step])

    @property
    def present(self) -> RecordedPass | None:
        """The pass where the plan stands."""
        return self.pass_of(self._step)

    def _gradient_after(self, step: int, node: int) -> Array | None:
        found = self.pass_of(step)
        return None if found is None else found.gradient(node, self.timeline.length)

    # Where it stands ---------------------------------------------------------------------------

    def go_to(self, step: int, place: int) -> None:
        """Stand at a place of a pass: 0 before its feed, 1 after it, and so on."""
        self._step, self._place = step, place
        present = self.pass_of(step)
        if present is not None and not present.finished:
            # It was read while the program was still at it.
            del self._passes[step]

    def feed(self, sgd_step: int) -> None:
        """Stand at the beginning of a pass."""
        self.go_to(sgd_step, 1)

    def forward(self, node: int) -> None:
        """Stand where a node has its value."""
        self._place = self.timeline.position_of("forward", node) or self._place

    def backward(self, node: int) -> None:
        """Stand where a node has sent its gradients."""
        self._place = self.timeline.position_of("backward", node) or self._place

    def update(self, trainable: int) -> None:
        """Stand where a trainable has its new value."""
        node = self.graph.trainables[trainable]
        self._place = self.timeline.position_of("update", node) or self._place

    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Stand at the end of the last of these passes."""
        costs.extend(self.outline(step).cost for step in range(first, first + count))
        self.go_to(first + count - 1, self.timeline.length)

    def new_trace(self, most: int, *, full: bool) -> NoReturn:
        """A record is not run, and leaves no trace."""
        raise NotImplementedError

    @property
    def sgd_step(self) -> int:
        """The pass where the plan stands."""
        return self._step

    @property
    def place(self) -> int:
        """The place of the pass where the plan stands."""
        return self._place

    # What there is -----------------------------------------------------------------------------

    def known_value(self, node: int) -> Array | None:
        """Return a node's value as it stands, of its own type; of the pass before if need be."""
        found = self.pass_of(self._step)
        value = None if found is None else found.value(node, self._place)
        if value is None and self._waits_for_value(node):
            earlier = self.pass_of(self._step - 1)
            value = None if earlier is None else earlier.value(node, self.timeline.length)
        return value

    def _waits_for_value(self, node: int) -> bool:
        computed = self.timeline.position_of("forward", node)
        return computed is not None and computed > self._place

    def known_gradient(self, node: int) -> Array | None:
        """Return a node's gradient as it stands; of the pass before if need be.

        One of another shape than the value that is shown is not known.
        """
        found = self.pass_of(self._step)
        if found is None:
            return None
        gradient = found.gradient(node, self._place)
        if gradient is None and self.waits_for_gradient(node):
            earlier = self.pass_of(self._step - 1)
            gradient = None if earlier is None else earlier.gradient(node, self.timeline.length)
        value = self.known_value(node)
        fits = gradient is not None and value is not None and gradient.shape == value.shape
        return gradient if fits else None

    def waits_for_gradient(self, node: int) -> bool:
        """Whether nothing has come back to a node in this pass, and its turn has not come."""
        found, turn = self.pass_of(self._step), self.timeline.position_of("backward", node)
        return (turn is None or turn > self._place) and not (
            found is not None and found.heard(node, self._place)
        )

    def value(self, node: int) -> Array:
        """Return a node's value as floats; NaN where it is not known."""
        value = self.known_value(node)
        return np.full(self.shape_of(node), np.nan) if value is None else as_floats(value)

    def typed_value(self, node: int) -> Array:
        """Return a node's value as the program had it: integers stay integers."""
        value = self.known_value(node)
        return self.value(node) if value is None else value

    def gradient(self, node: int) -> Array:
        """Return the sum of what was sent so far; NaN where that is not known."""
        gradient = self.known_gradient(node)
        return np.full(self.shape_of(node), np.nan) if gradient is None else gradient

    def contribution(self, consumer: int, input_index: int) -> Array:
        """Return what was sent along an edge; NaN where that is not known."""
        found = self.pass_of(self._step)
        sent = None if found is None else found.sent(consumer, input_index)
        turn = self.timeline.position_of("backward", consumer)
        if sent is None and turn is not None and turn > self._place:
            earlier = self.pass_of(self._step - 1)
            sent = None if earlier is None else earlier.sent(consumer, input_index)
        source = self.graph.inbound[consumer][input_index]
        shape = self.shape_of(source)
        # A node may give its input, or an update a parameter, a value of another shape.
        return np.full(shape, np.nan) if sent is None or sent.shape != shape else sent

    def shape_of(self, node: int) -> Shape:
        """Return the shape of a node's value as it stands, or that of a pass nearby."""
        value = self.known_value(node)
        if value is not None:
            return value.shape
        for step in (self._step, self._step - 1, self._step + 1):
            near = self.pass_of(step) if step == self._step or step in self._passes else None
            shape = None if near is None else near.shape(node)
            if shape is not None:
                return shape
        return ()

    def cost(self) -> float:
        """Return the cost as it stands; of a pass of which no more is kept too."""
        value = self.known_value(self.graph.cost)
        if value is not None:
            with np.errstate(all="ignore"):
                return float(as_floats(value).sum())
        step = self._step - self._waits_for_value(self.graph.cost)
        return self.outline(step).cost if step >= 0 else math.nan

    @property
    def rate(self) -> float:
        """The learning rate of the pass, NaN where it is not known."""
        return self.updates.of(self._step).rate if self.timeline.update else UNKNOWN_RATE

    # What a record does not take ---------------------------------------------------------------

    def set_value(self, node: int, value: Array) -> NoReturn:
        """A record cannot be changed."""
        raise NotImplementedError

    def set_gradient(self, node: int, gradient: Array) -> NoReturn:
        """A record cannot be changed."""
        raise NotImplementedError

    def optimizer_state(self, trainable: int) -> list[Array]:
        """What a program's own optimizer keeps is not known."""
        return []

    def save(self) -> State:
        """Return where the plan stands."""
        return (self._step, self._place), 0.0

    def restore(self, state: State) -> None:
        """Stand where the plan stood."""
        self.go_to(*state[0])

    @property
    def state_bytes(self) -> int:
        """Two numbers."""
        return 100


class _Shapes(Sequence[Shape]):
    """The shapes of the values as they stand: batches may be of any size."""

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
