"""A plan: a graph compiled to run, node by node or as a whole.

A debugger and training use the same plan: stepping runs the calls of one node, training runs all
calls, in the same order on the same memory. Training omits gradients that no trainable needs (such
as those of the data), which changes no bit of any other number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from miniflow.errors import ShapeError
from miniflow.node import Input
from miniflow.ops.base import Array, Op, Shape, shape_text
from miniflow.plans.integers import in_type, integer_types
from miniflow.plans.trace import Trace
from miniflow.structure import Structure
from miniflow.training.progress import Progress
from miniflow.training.schedules import Schedule


class Control(NamedTuple):
    """What edits of a run can change besides values.

    `rate` is that of the present SGD step: `base_rate` times the factor of the schedule. `frozen`
    has the trainables that are not updated.
    """

    rate: float
    base_rate: float
    schedule: Schedule | None
    frozen: frozenset[int]


# The state that lasts between SGD steps, in the plan's own form, and the control of the run.
State = tuple[Any, Control]
# What an SGD step that was run leaves for its update to be made again, and the control after it.
Leavings = tuple[Any, Control]


# Called in each SGD step of a training, after its backward pass and before its update.
Watcher = Callable[["Plan"], object]


class Plan(ABC):
    """A compiled graph, with its state between and within SGD steps.

    Nodes are indices into `graph.nodes`, trainables indices into `graph.trainables`.
    `learning_rate` is the current rate: `base_rate`, times the factor of `schedule` if there is
    one. `frozen` has the trainables that are not updated. SGD steps are counted from 0;
    `steps_before` were taken by the run that this one continues.

    The moments of an SGD step are numbered: the feed is 0, then come forward of each of
    `graph.forward_nodes`, backward of each of `graph.backward_nodes`, update of each trainable.
    """

    # Set by a recorder in this process: training then runs step by step, to the same bits.
    watcher: ClassVar[Watcher | None] = None
    # Whether several SGD steps can be run in one call with a trace.
    traces: ClassVar[bool] = True

    def __init__(self, graph: Structure, shapes: list[Shape]) -> None:
        self.graph = graph
        self.shapes = shapes
        self.batches = graph.batches()
        self.needed = _needed(graph)
        self.integer_types = integer_types(graph)
        self.steps_before = graph.starts_from.sgd_steps
        training = graph.training
        self.base_rate = training.optimizer.learning_rate
        self.schedule = training.schedule
        self.learning_rate = self.base_rate * training.rate_factor(self.steps_before, self.schedule)
        self.treatments = [training.treatment(graph.nodes[i].label) for i in graph.trainables]
        self.frozen = frozenset(i for i, treated in enumerate(self.treatments) if treated.frozen)

    def _initial_states(self) -> list[list[Array]]:
        """Return the initial state of the updates: for each of its names, one array per trainable.

        Raises `ShapeError` for an array that does not have the shape of its parameter.
        """
        return [
            [self._initial_state(name, node) for node in self.graph.trainables]
            for name in self.graph.training.keeps
        ]

    def _initial_state(self, name: str, node: int) -> Array:
        label, shape = self.graph.nodes[node].label, self.shapes[node]
        kept = self.graph.starts_from.kept.get(name, {})
        array = np.asarray(kept.get(label, np.zeros(shape)))
        if array.shape != shape:
            raise ShapeError(
                f"its {name} has shape {shape_text(array.shape)}, its value {shape_text(shape)}",
                where=label,
                hint="graph.progress = Progress() resets it",
            )
        return array

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of later updates, and end the schedule."""
        self.base_rate, self.schedule = rate, None
        self._set_rate(rate)

    def set_schedule(self, schedule: Schedule | None, sgd_step: int) -> None:
        """Set the schedule of later updates, of which the first is in `sgd_step` of this run."""
        self.schedule = schedule
        self._follow_schedule(sgd_step)

    def set_frozen(self, trainable: int, frozen: bool) -> None:
        """Freeze a trainable, or let later updates change it again."""
        changed = self.frozen | {trainable} if frozen else self.frozen - {trainable}
        self._set_frozen(frozenset(changed))

    def _set_rate(self, rate: float) -> None:
        self.learning_rate = rate

    def _set_frozen(self, frozen: frozenset[int]) -> None:
        self.frozen = frozen

    def _follow_schedule(self, sgd_step: int) -> None:
        """Set the rate of an SGD step of this run."""
        step = self.steps_before + sgd_step
        self._set_rate(self.base_rate * self.graph.training.rate_factor(step, self.schedule))

    @property
    def control(self) -> Control:
        """The present control of the run."""
        return Control(self.learning_rate, self.base_rate, self.schedule, self.frozen)

    def take_control(self, control: Control) -> None:
        """Restore an earlier control."""
        self.base_rate, self.schedule = control.base_rate, control.schedule
        self._set_rate(control.rate)
        if control.frozen != self.frozen:
            self._set_frozen(control.frozen)

    def updates_in(self, sgd_step: int) -> bool:
        """Whether parameters are updated in an SGD step; else their gradients are accumulated."""
        return self.graph.training.updates_after(self.steps_before + sgd_step)

    def update_number(self, sgd_step: int) -> int:
        """Return the number of the update of an SGD step in the whole run, counted from 0."""
        return (self.steps_before + sgd_step) // self.graph.training.accumulate

    @abstractmethod
    def feed(self, sgd_step: int) -> None:
        """Feed every input from data its rows for an SGD step."""

    @abstractmethod
    def forward(self, node: int) -> None:
        """Compute the value of a node."""

    @abstractmethod
    def backward(self, node: int) -> None:
        """Send the contributions of a node to its inputs; the cost is seeded with ones first."""

    @abstractmethod
    def update(self, trainable: int) -> None:
        """Update a trainable."""

    def walk(self, begin: int, end: int) -> None:
        """Run moments `begin` to `end` - 1 of an SGD step, which has been fed (moment 0).

        The result is the same as running them one by one; a subclass may be faster.
        """
        actions = [
            *(partial(self.forward, node) for node in self.graph.forward_nodes),
            *(partial(self.backward, node) for node in self.graph.backward_nodes),
            *(partial(self.update, i) for i in range(len(self.graph.trainables))),
        ]
        for action in actions[begin - 1 : end - 1]:
            action()

    @abstractmethod
    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Run `count` whole SGD steps from step `first`, appending the cost of each to `costs`.

        Gradients that no trainable needs are omitted, unless a full `trace` needs them. A trace
        gets a row for each step, up to its capacity.
        """

    def run_watched(self, first: int, count: int, costs: array[float], watcher: Watcher) -> None:
        """Run whole SGD steps as `run` does, and call the watcher before each update."""
        updates = 1 + len(self.graph.forward_nodes) + len(self.graph.backward_nodes)
        for step in range(first, first + count):
            self.feed(step)
            self.walk(1, updates)
            costs.append(self.cost())
            watcher(self)
            self.walk(updates, updates + len(self.graph.trainables))

    @abstractmethod
    def new_trace(self, most: int, *, full: bool) -> Trace:
        """Return an empty trace for up to `most` steps, or fewer to limit its memory."""

    @abstractmethod
    def value(self, node: int) -> Array:
        """Return the current value of a node (a view: copy it to keep it)."""

    def typed_value(self, node: int) -> Array:
        """Return the current value of a node, as integers for an input that holds integers."""
        return in_type(self.value(node), self.integer_types.get(node))

    @abstractmethod
    def gradient(self, node: int) -> Array:
        """Return the current gradient of a node: the sum of what its consumers have sent so far."""

    @abstractmethod
    def contribution(self, consumer: int, input_index: int) -> Array:
        """Return the contribution that `consumer` last sent to its input `input_index`."""

    @abstractmethod
    def set_value(self, node: int, value: Array) -> None:
        """Overwrite the value of a node, which its consumers read until it is computed again."""

    @abstractmethod
    def set_gradient(self, node: int, gradient: Array) -> None:
        """Overwrite the gradient of a node, which its `backward` propagates.

        The contribution of a sole consumer is overwritten too. The gradient of the cost is seeded
        again by its `backward`.
        """

    def skip_value_checks(self) -> None:  # noqa: B027 - few ops check values
        """Let ops compute with values that they reject: finite differences may leave a range."""

    @abstractmethod
    def optimizer_state(self, trainable: int) -> list[Array]:
        """Return the optimizer's state of a trainable, one array for each of its names."""

    def lasting(self, node: int) -> Mapping[str, Array]:
        """Return the arrays that an op keeps from pass to pass, by name (views: copy to keep)."""
        return {}

    def lasting_before(self, node: int) -> Mapping[str, Array]:
        """Return those arrays as they were before the last forward pass of the node."""
        return {}

    @abstractmethod
    def save(self, over: State | None = None) -> State:
        """Return a copy of the state that lasts from one SGD step to the next.

        It may take the memory of `over`, a state of this plan that is no longer needed: new memory,
        which the system clears first, takes twice as long, in a virtual machine up to thirty times.
        """

    @abstractmethod
    def restore(self, state: State) -> None:
        """Restore a state that `save` returned."""

    @property
    def leavings_bytes(self) -> int:
        """The size of what `save_leavings` returns, in bytes; 0 if the plan has none."""
        return 0

    def save_leavings(self, over: Leavings | None = None) -> Leavings:
        """Return the gradients of the SGD step that was just run, perhaps in the memory of `over`.

        With the state before that step they are all that its update needs: with Adam they are a
        third of the state after it.
        """
        raise NotImplementedError

    def update_again(self, sgd_step: int, leavings: Leavings) -> None:
        """Go from the state before an SGD step to that after it, without its passes."""
        raise NotImplementedError

    def progress(self, sgd_steps: int) -> Progress:
        """Return the progress after `sgd_steps` of this run, from which another run can continue.

        It is empty for a plan without an optimizer.
        """
        return Progress()

    @property
    @abstractmethod
    def state_bytes(self) -> int:
        """The size of what `save` returns, in bytes."""

    @property
    @abstractmethod
    def sgd_step(self) -> int:
        """The SGD step that was fed last, counted from the first step of this run."""

    def cost(self) -> float:
        """Return the current cost; for a cost that is not a scalar, the sum of its entries."""
        return float(self.value(self.graph.cost).sum())

    def store(self) -> None:
        """Write the values of all inputs that are not fed from data back to the graph's nodes.

        So are the arrays that ops keep from pass to pass.
        """
        for i, node in enumerate(self.graph.nodes):
            if isinstance(node, Input):
                if not self.graph.fed_from_data(i):
                    node.value = self.typed_value(i).copy()
            elif isinstance(node, Op) and (lasting := self.lasting(i)):
                node.state = {name: array.copy() for name, array in lasting.items()}


def _needed(graph: Structure) -> list[bool]:
    """Return for each node whether a trainable needs its gradient; all True without trainables."""
    if not graph.trainables:
        return [True] * len(graph.nodes)
    trainables = set(graph.trainables)
    needed: list[bool] = []
    for i, sources in enumerate(graph.inbound):
        needed.append(i in trainables or any(needed[source] for source in sources))
    return needed
