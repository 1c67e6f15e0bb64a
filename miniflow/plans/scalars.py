"""The plan of a graph of scalars, on Python floats.

A NumPy call on one number costs ten times the arithmetic. Here values and gradients are two lists
of floats, and the plan is a tape, with one entry per node, that two loops read. Stepping passes
them one entry, running passes all. (One closure per node takes twice as long: one more call each
way.)
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np

from miniflow.node import Input, Node
from miniflow.ops.base import OPS, Array, Op, ScalarRule, Shape, as_floats, follows_rules
from miniflow.plans.base import Plan, State
from miniflow.plans.trace import ScalarTrace, Trace
from miniflow.structure import Structure
from miniflow.training.direction import scale_of
from miniflow.training.progress import Progress

# Most floats kept by a trace.
TRACE_NUMBERS = 2**18

# An entry of a tape: the rule, the node, its inputs a and b (b is None for a single input), and all
# inputs if there are more than two. Backward entries also have flags: whether the node is the first
# to send to an input. (Plain tuples: Python unpacks named tuples more slowly.)
Forward = tuple[Callable[..., float], int, int, int | None, list[int] | None]
Backward = tuple[
    Callable[..., tuple[float, ...]], int, int, int | None, list[int] | None, bool, list[bool]
]


def runs_on_floats(graph: Structure, shapes: list[Shape]) -> bool:
    """Whether every value is a float64 scalar and every op has a rule for Python floats.

    Subclasses of our ops are excluded: they may have changed the array rule alone.
    """
    return (
        graph.data is None
        and graph.dtype == np.float64
        and not any(shapes)
        and all(map(_has_rule, {type(node): node for node in graph.nodes}.values()))
    )


def _has_rule(node: Node) -> bool:
    if isinstance(node, Input):
        return True
    if not isinstance(node, Op) or type(node) is not OPS.get(type(node).__name__):
        return False
    return follows_rules(node) and node.scalar() is not None


class ScalarPlan(Plan):
    """The plan of a graph of scalars."""

    def __init__(self, graph: Structure, shapes: list[Shape]) -> None:
        super().__init__(graph, shapes)
        self._sgd_step = 0
        self._values = [0.0] * len(graph.nodes)
        self._gradients = [0.0] * len(graph.nodes)
        self._inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        for i in self._inputs:
            self._values[i] = float(as_floats(graph.nodes[i]))
        training = graph.training
        self._optimizer = training.optimizer
        self._optimizers = [treatment.optimizer for treatment in self.treatments]
        self._directions = [training.direction(optimizer) for optimizer in self._optimizers]
        # Whether every update is the optimizer's rule for the gradient itself.
        self._plain = all(direction.plain for direction in self._directions) and all(
            treatment.rate == 1.0 and treatment.optimizer == self._optimizer
            for treatment in self.treatments
        )
        self._scale = 1.0
        initial = self._initial_states()
        self._optimizer_state = [
            [float(arrays[i]) for arrays in initial] for i in range(len(graph.trainables))
        ]
        self._sent: list[tuple[float, ...]] = [()] * len(graph.nodes)
        self._forward_tape: list[Forward] = []
        self._backward_tape: list[Backward] = []
        # Where in the backward tape each of `graph.backward_nodes` starts; inputs have no entry.
        self._backward_starts: list[int] = []
        self._build_tapes()
        self._lean_tape = [entry for entry in self._backward_tape if self.needed[entry[1]]]
        self._forward_of = {entry[1]: position for position, entry in enumerate(self._forward_tape)}
        self._backward_of = {
            entry[1]: position for position, entry in enumerate(self._backward_tape)
        }

    def _build_tapes(self) -> None:
        """Append the entries of each node."""
        graph, inbound = self.graph, self.graph.inbound
        rules: dict[int, ScalarRule] = {}
        for i in graph.forward_nodes:
            node = graph.nodes[i]
            rule = node.scalar() if isinstance(node, Op) else None
            assert rule is not None, "runs_on_floats"
            rules[i] = rule
            a, b, more = _operands(inbound[i])
            self._forward_tape.append((rule.forward, i, a, b, more))
        assigned = [False] * len(graph.nodes)
        for i in graph.backward_nodes:
            self._backward_starts.append(len(self._backward_tape))
            if i not in rules:
                continue
            first: list[bool] = []
            for source in inbound[i]:
                first.append(not assigned[source])
                assigned[source] = True
            a, b, more = _operands(inbound[i])
            self._backward_tape.append((rules[i].vjp, i, a, b, more, first[0], first))
        self._backward_starts.append(len(self._backward_tape))

    def feed(self, sgd_step: int) -> None:
        """Record the SGD step; a graph of scalars has no data to feed."""
        self._sgd_step = sgd_step
        if self.schedule is not None:
            self._follow_schedule(sgd_step)

    def forward(self, node: int) -> None:
        """Run the node's entry."""
        if (position := self._forward_of.get(node)) is not None:
            _run_forward(self._forward_tape[position : position + 1], self._values)

    def backward(self, node: int) -> None:
        """Run the node's entry; the cost's gradient is 1."""
        if node == self.graph.cost:
            self._gradients[node] = 1.0
        if (position := self._backward_of.get(node)) is not None:
            entry = self._backward_tape[position : position + 1]
            _run_backward(entry, self._values, self._gradients, self._sent)

    def update(self, trainable: int) -> None:
        """Update one float."""
        self._update_rule()(trainable)

    def _update_rule(self) -> Callable[[int], None]:
        return self._update_directed if not self._plain or self.frozen else self._update_plainly

    def _update_plainly(self, trainable: int) -> None:
        node = self.graph.trainables[trainable]
        self._values[node] = self._optimizer.update_scalar(
            self._values[node],
            self._gradients[node],
            self._optimizer_state[trainable],
            self.learning_rate,
            self.steps_before + self._sgd_step,
        )

    def _update_directed(self, trainable: int) -> None:
        """Update one float from an accumulated or clipped gradient, in its group."""
        if trainable in self.frozen:
            return
        node, direction = self.graph.trainables[trainable], self._directions[trainable]
        state, g = self._optimizer_state[trainable], self._gradients[node]
        if not self.updates_in(self._sgd_step):
            begins = (self.steps_before + self._sgd_step) % direction.passes == 0
            state[-1] = g if begins else state[-1] + g
            return
        if direction.clip_norm is not None:
            self._scale = scale_of(self._square_sum(), direction.clip_norm)
        accumulated = state[-1] if direction.passes > 1 else 0.0
        self._values[node] = self._optimizers[trainable].update_scalar(
            self._values[node],
            direction.of(self._values[node], g, accumulated, self._scale),
            state,
            self.learning_rate * self.treatments[trainable].rate,
            self.update_number(self._sgd_step),
        )

    def _square_sum(self) -> float:
        """Return the sum of the squares of all gradients that are used."""
        total = 0.0
        for i, node in enumerate(self.graph.trainables):
            if i not in self.frozen:
                g, passes = self._gradients[node], self._directions[i].passes
                if passes > 1:
                    g = self._directions[i].mean(g, self._optimizer_state[i][-1])
                total += g * g
        return total

    def walk(self, begin: int, end: int) -> None:
        """Run a range of the forward tape, of the backward tape, and of the updates."""
        begin, end = begin - 1, end - 1
        if forward := self._forward_tape[begin:end]:
            _run_forward(forward, self._values)
        begin, end = begin - len(self._forward_tape), end - len(self._forward_tape)
        if end > 0:
            if begin <= 0:
                self._gradients[self.graph.cost] = 1.0
            starts = self._backward_starts
            last = len(starts) - 1
            part = slice(starts[min(max(begin, 0), last)], starts[min(end, last)])
            _run_backward(self._backward_tape[part], self._values, self._gradients, self._sent)
            for trainable in range(max(begin - last, 0), end - last):
                self.update(trainable)

    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Run whole SGD steps: the tape forward, then backward, then the updates."""
        cost, backward_tape = self.graph.cost, self._lean_tape
        traced = trace if isinstance(trace, ScalarTrace) else None
        if traced is not None:
            traced.begin(first, self._values)
            if traced.full:
                backward_tape = self._backward_tape
        trainables = range(len(self.graph.trainables))
        update, scheduled = self._update_rule(), self.schedule is not None
        for step in range(first, first + count):
            self._sgd_step = step
            if scheduled:
                self._follow_schedule(step)
            _run_forward(self._forward_tape, self._values)
            self._gradients[cost] = 1.0
            _run_backward(backward_tape, self._values, self._gradients, self._sent)
            for trainable in trainables:
                update(trainable)
            costs.append(self._values[cost])
            if traced is not None:
                traced.add(self._values, self._gradients)

    def new_trace(self, most: int, *, full: bool) -> ScalarTrace:
        """Return an empty trace."""
        numbers = 2 * len(self._values)
        return ScalarTrace(max(1, min(most, TRACE_NUMBERS // numbers)), full=full)

    def value(self, node: int) -> Array:
        """Return the float as a 0-d array."""
        return np.array(self._values[node])

    def gradient(self, node: int) -> Array:
        """Return the float as a 0-d array."""
        return np.array(self._gradients[node])

    def set_gradient(self, node: int, gradient: Array) -> None:
        """Set one float."""
        self._gradients[node] = float(gradient)

    def contribution(self, consumer: int, input_index: int) -> Array:
        """Return the float as a 0-d array."""
        sent = self._sent[consumer]
        return np.array(sent[input_index] if sent else np.nan)

    def set_value(self, node: int, value: Array) -> None:
        """Set one float."""
        self._values[node] = float(value)

    def optimizer_state(self, trainable: int) -> list[Array]:
        """Return the floats as 0-d arrays."""
        return [np.array(number) for number in self._optimizer_state[trainable]]

    def save(self, over: State | None = None) -> State:
        """Copy the inputs' values, the optimizer's state and the control of the run."""
        values = [self._values[i] for i in self._inputs]
        return (values, [list(state) for state in self._optimizer_state]), self.control

    def restore(self, state: State) -> None:
        """Restore them."""
        (values, optimizer_state), control = state
        self.take_control(control)
        for i, value in zip(self._inputs, values, strict=True):
            self._values[i] = value
        self._optimizer_state = [list(numbers) for numbers in optimizer_state]

    def progress(self, sgd_steps: int) -> Progress:
        """Return the optimizer's floats as 0-d arrays."""
        labels = [self.graph.nodes[i].label for i in self.graph.trainables]
        kept = {
            name: {
                label: np.array(state[i])
                for label, state in zip(labels, self._optimizer_state, strict=True)
            }
            for i, name in enumerate(self.graph.training.keeps)
        }
        return Progress(self.steps_before + sgd_steps, kept)

    @property
    def state_bytes(self) -> int:
        """32 bytes for each number, and the lists that hold them."""
        numbers = len(self._inputs) + len(self._optimizer_state) * len(self.graph.training.keeps)
        return 32 * numbers + 64 * len(self._optimizer_state) + 200

    @property
    def sgd_step(self) -> int:
        """The step that was fed last."""
        return self._sgd_step

    def cost(self) -> float:
        """Return the current cost."""
        return self._values[self.graph.cost]


def _operands(sources: list[int]) -> tuple[int, int | None, list[int] | None]:
    second = sources[1] if len(sources) > 1 else None
    return sources[0], second, sources if len(sources) > 2 else None


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
            for source, contribution, is_first in zip(more, sent[node], first, strict=True):
                if is_first:
                    gradients[source] = contribution
                else:
                    gradients[source] += contribution
