"""The plan of a graph of arrays: calls with bound buffers, which are all parts of one arena."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import accumulate, chain, repeat

import numpy as np

from miniflow.node import Input
from miniflow.ops.base import Array, Call, Op, Shape, as_floats, follows_rules
from miniflow.ops.calls import run
from miniflow.plans.arena import Arena
from miniflow.plans.base import Leavings, Plan, State
from miniflow.plans.custom_node import LessonNode
from miniflow.plans.node_calls import NodeCalls
from miniflow.plans.silence import context_without_warnings
from miniflow.plans.trace import ArrayTrace, Trace
from miniflow.plans.updates import Updates
from miniflow.structure import Structure
from miniflow.training.progress import Progress

# Size of all rows of a trace: what stays in a processor's cache.
TRACE_BYTES = 2**21


class ArrayPlan(Plan):
    """The plan of a graph of arrays."""

    def __init__(self, graph: Structure, shapes: list[Shape]) -> None:
        super().__init__(graph, shapes)
        self._sgd_step = np.zeros(1, np.int64)
        pool: dict[tuple[Shape, int], Array] = {}
        self._arena = Arena(graph, shapes)
        self._values, self._gradients = self._arena.values, self._arena.gradients
        self._lessons = {
            i: LessonNode(node, graph, i, self.integer_types)
            for i, node in enumerate(graph.nodes)
            if not isinstance(node, Input) and not follows_rules(node)
        }
        self._calls = NodeCalls(
            graph, self._arena, self._lessons, self.needed, self._sgd_step, pool
        )
        self._backward, self._lean_backward = self._calls.backward, self._calls.lean_backward
        self._without_warnings = context_without_warnings().run
        self._checks = True
        self._fed = self._find_fed()
        self._gather_calls = [(table.take, value) for table, value in self._fed]
        self._updates = Updates(graph.training, self.treatments, self._arena, self._sgd_step, pool)
        self._updates.set_rate(self.learning_rate)
        self._updates.compile(self.frozen)
        self._compile_whole()
        cost = self._values[graph.cost]
        self._read_cost = cost.item if cost.size == 1 else cost.sum
        self._load()
        self.feed(0)

    def _load(self) -> None:
        for i, node in enumerate(self.graph.nodes):
            if isinstance(node, Input) and not self.graph.fed_from_data(i):
                self._values[i][...] = as_floats(node)
        for name, initial in zip(self._arena.kept, self._initial_states(), strict=True):
            for part, numbers in zip(self._arena.kept_parts(name), initial, strict=True):
                part[...] = numbers

    # Compiling ---------------------------------------------------------------------------

    def _find_fed(self) -> list[tuple[Array, Array]]:
        """Return each table of the data with the buffer that its rows are copied to."""
        if self.graph.data is None:
            return []
        return [
            (np.ascontiguousarray(table, self.graph.dtype), self._values[self.graph.by_name[name]])
            for name, table in self.graph.data.feeds.items()
        ]

    def _compile_whole(self) -> None:
        """Compile the forward calls, then whole SGD steps and the calls of `walk`."""
        self._calls.compile_forward(checks=self._checks)
        self._forward = self._calls.forward
        self._compile_steps()
        self._walk_calls, self._starts = self._compile_walk()

    def skip_value_checks(self) -> None:
        """Omit the checks of values, if there are any."""
        self._checks = False
        if any(
            type(n).check_calls is not Op.check_calls for n in self.graph.nodes if isinstance(n, Op)
        ):
            self._compile_whole()

    def _compile_steps(self) -> None:
        self._step_calls, self._accumulate_calls = self._compile_step(self._lean_backward)

    def _compile_step(self, backward: list[tuple[Call, ...]]) -> list[tuple[Call, ...]]:
        """Return the calls of an SGD step that updates, and of one that only accumulates."""
        calls = tuple(chain(*self._forward, *reversed(backward)))
        return [(*calls, *ends) for ends in (self._updates.whole, self._updates.accumulate)]

    def _compile_walk(self) -> tuple[tuple[Call, ...], list[int]]:
        """Return the calls of a whole walk, and the offset in them of each moment.

        The updates are omitted: all at once they take fewer calls than one by one.
        """
        parts: list[tuple[Call, ...]] = [()]
        parts += [self._forward[i] for i in self.graph.forward_nodes]
        parts += [self._backward[i] for i in self.graph.backward_nodes]
        starts = [0, *accumulate(map(len, parts))]
        starts += starts[-1:] * len(self.graph.trainables)
        return tuple(chain.from_iterable(parts)), starts

    # Running -----------------------------------------------------------------------------

    def feed(self, sgd_step: int) -> None:
        """Copy the rows of an SGD step into the fed inputs."""
        self._sgd_step[0] = self.steps_before + sgd_step
        self._begin_step(sgd_step)
        if self._fed:
            self._gather(None if self.batches is None else self.batches.rows_of(sgd_step))

    def _feeding(self, first: int, count: int) -> Iterator[int]:
        """Feed one SGD step after the other, and yield the number of each fed step."""
        number, before, gather = self._sgd_step, self.steps_before, self._gather
        drawn = repeat(None) if self.batches is None else self.batches.rows_from(first)
        begins = self.schedule is not None or self.graph.training.accumulate > 1
        for sgd_step, rows in zip(range(first, first + count), drawn, strict=False):
            number[0] = before + sgd_step
            if begins:
                self._begin_step(sgd_step)
            gather(rows)
            yield sgd_step

    def _begin_step(self, sgd_step: int) -> None:
        """Set the number of the update, and the learning rate of the schedule."""
        self._updates.set_number(self.update_number(sgd_step))
        if self.schedule is not None:
            self._follow_schedule(sgd_step)

    def _gather(self, rows: Array | None) -> None:
        if rows is None:
            for table, value in self._fed:
                np.copyto(value, table)
        else:
            for take, value in self._gather_calls:
                # "clip" and out= take 0.27 times as long as table[rows].
                take(rows, 0, value, "clip")

    def forward(self, node: int) -> None:
        """Run the node's forward calls."""
        self._without_warnings(run, self._forward[node])

    def backward(self, node: int) -> None:
        """Run the node's backward calls."""
        self._without_warnings(run, self._backward[node])

    def update(self, trainable: int) -> None:
        """Run the update calls of one parameter."""
        _, each = self._updates.present(updates=self.updates_in(self.sgd_step))
        self._without_warnings(run, each[trainable])

    def walk(self, begin: int, end: int) -> None:
        """Run a range of the compiled calls; updates run one by one unless all are in the range."""
        self._without_warnings(self._walk, begin, end)

    def _walk(self, begin: int, end: int) -> None:
        starts = self._starts
        for call in self._walk_calls[starts[begin] : starts[end]]:
            call()
        updates = len(starts) - 1 - len(self.graph.trainables)
        if end <= updates:
            return
        whole, each = self._updates.present(updates=self.updates_in(self.sgd_step))
        if begin <= updates and end == len(starts) - 1:
            run(whole)
        else:
            for update in each[max(begin - updates, 0) : end - updates]:
                run(update)

    def run(self, first: int, count: int, costs: array[float], trace: Trace | None = None) -> None:
        """Run whole SGD steps in one loop over all calls."""
        if isinstance(trace, ArrayTrace):
            self._without_warnings(self._run_traced, first, count, costs, trace)
        else:
            self._without_warnings(self._run, first, count, costs)

    def _run(self, first: int, count: int, costs: array[float]) -> None:
        updating, read_cost = self._step_calls, self._read_cost
        always = self.graph.training.accumulate == 1
        for sgd_step in self._feeding(first, count):
            calls = updating if always or self.updates_in(sgd_step) else self._accumulate_calls
            for call in calls:
                call()
            costs.append(read_cost())

    def _run_traced(self, first: int, count: int, costs: array[float], trace: ArrayTrace) -> None:
        read_cost = self._read_cost
        backward = self._backward if trace.full else self._lean_backward
        updating, accumulating = self._compile_step(backward)
        trace.begin(first, self._arena.parameters)
        whole = self._arena.whole.data.cast("B")
        rows = trace.rows[trace.steps : trace.steps + count]
        for sgd_step, row in zip(self._feeding(first, count), rows, strict=True):
            for call in updating if self.updates_in(sgd_step) else accumulating:
                call()
            costs.append(read_cost())
            if trace.copies:
                row[:] = whole
        trace.steps += count

    def new_trace(self, most: int, *, full: bool) -> ArrayTrace:
        """Return rows of the block's size; a large block is traced in place, step by step."""
        whole, offset = self._arena.whole, self._arena.offset
        capacity = min(most, TRACE_BYTES // whole.nbytes)
        # Ones, not zeros: a row of pages that were never written costs twice as much.
        block = np.ones((capacity, whole.size), whole.dtype)
        offsets = [
            (offset(value), offset(gradient))
            for value, gradient in zip(self._values, self._gradients, strict=True)
        ]
        rows = block if capacity else whole[None]
        return ArrayTrace(rows, self.shapes, offsets, full=full, copies=capacity > 0)

    # State -------------------------------------------------------------------------------

    def cost(self) -> float:
        """Read the cost, or sum it."""
        return float(self._read_cost())

    def _set_rate(self, rate: float) -> None:
        """Set the rate, which the update calls read."""
        super()._set_rate(rate)
        self._updates.set_rate(rate)

    def _set_frozen(self, frozen: frozenset[int]) -> None:
        """Compile the updates of the others."""
        super()._set_frozen(frozen)
        self._updates.compile(frozen)
        self._compile_steps()

    def value(self, node: int) -> Array:
        """Return the node's part of the block."""
        return self._values[node]

    def gradient(self, node: int) -> Array:
        """Return the node's part of the block."""
        return self._gradients[node]

    def contribution(self, consumer: int, input_index: int) -> Array:
        """Return the edge's buffer; for a source with one consumer, that is its gradient."""
        gradient = self._gradients[self.graph.inbound[consumer][input_index]]
        return self._calls.edges.get((consumer, input_index), gradient)

    def set_value(self, node: int, value: Array) -> None:
        """Copy `value` into the node's part of the block."""
        self._values[node][...] = value
        if node in self._lessons:
            self._lessons[node].set_value(self._values[node])

    def set_gradient(self, node: int, gradient: Array) -> None:
        """Copy `gradient` into the node's part of the block."""
        self._gradients[node][...] = gradient
        if node in self._lessons:
            self._lessons[node].set_gradient(self._gradients[node])

    def optimizer_state(self, trainable: int) -> list[Array]:
        """Return the trainable's parts of the block."""
        return [self._arena.kept_part(name, trainable) for name in self._arena.kept]

    def lasting(self, node: int) -> Mapping[str, Array]:
        """Return the node's parts of the block."""
        return self._arena.of_ops.get(node, {})

    def lasting_before(self, node: int) -> Mapping[str, Array]:
        """Return the copies that the node's forward calls make first."""
        return {name: self._calls.lasting_before(node, name) for name in self.lasting(node)}

    def save(self, over: State | None = None) -> State:
        """Copy the lasting part of the block, and the control of the run."""
        if over is None:
            return self._arena.lasting.copy(), self.control
        np.copyto(over[0], self._arena.lasting)
        return over[0], self.control

    def restore(self, state: State) -> None:
        """Copy the lasting part back."""
        lasting, control = state
        np.copyto(self._arena.lasting, lasting)
        self.take_control(control)

    @property
    def leavings_bytes(self) -> int:
        """The size of the parameters' gradients, of what lasts beside, and of array objects."""
        arena = self._arena
        return arena.parameter_gradients.nbytes + arena.beside_updates.nbytes + 200

    def save_leavings(self, over: Leavings | None = None) -> Leavings:
        """Copy the parameters' gradients, and what lasts and is not updated."""
        parts = self._arena.parameter_gradients, self._arena.beside_updates
        if over is None:
            return tuple(part.copy() for part in parts), self.control
        for copy, part in zip(over[0], parts, strict=True):
            np.copyto(copy, part)
        return over[0], self.control

    def update_again(self, sgd_step: int, leavings: Leavings) -> None:
        """Run the update calls on the gradients of then."""
        (gradients, beside), control = leavings
        np.copyto(self._arena.parameter_gradients, gradients)
        self._sgd_step[0] = self.steps_before + sgd_step
        self._begin_step(sgd_step)
        whole, _ = self._updates.present(updates=self.updates_in(sgd_step))
        self._without_warnings(run, whole)
        np.copyto(self._arena.beside_updates, beside)
        self.take_control(control)

    def progress(self, sgd_steps: int) -> Progress:
        """Return copies of the optimizer's parts of the block."""
        labels = [self.graph.nodes[i].label for i in self.graph.trainables]
        return Progress(self.steps_before + sgd_steps, self._arena.kept_copies(labels))

    @property
    def state_bytes(self) -> int:
        """The size of the lasting part and of an array object, in bytes."""
        return self._arena.lasting.nbytes + 200

    @property
    def sgd_step(self) -> int:
        """The step number that random ops read, minus the steps before this run."""
        return int(self._sgd_step[0]) - self.steps_before
