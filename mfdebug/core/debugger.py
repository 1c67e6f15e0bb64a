"""The debugger: a cursor on the line of moments.

Stepping, running, going back, edits and replays are one operation: move the cursor to moment t
and show the state there. The state at t follows from the graph, the edits and t alone, bit for
bit, by whatever way the cursor came.
"""

from __future__ import annotations

import dataclasses
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from mfdebug.core.history import DEFAULT_MEMORY, History
from mfdebug.core.timeline import NODE_PHASES, Moment, Phase, Timeline
from miniflow.errors import GraphError, MiniflowError, ShapeError
from miniflow.files import save as save_graph
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text
from miniflow.trace import Trace
from miniflow.training import compile_plan

# A long run looks up this often, in seconds, to report progress and to see whether to stop.
REPORT_EVERY = 0.05

Progress = Callable[[int], bool]


class DebuggerError(MiniflowError):
    """A command that cannot be carried out here and now."""


class Standing(Enum):
    """How a value or gradient stands at the present moment."""

    NONE = "none"  # it never has one: its node is not under the cost
    WAITING = "waiting"  # not computed yet
    PARTIAL = "partial"  # a gradient that some consumers have not sent to yet
    CURRENT = "current"  # computed in this pass
    STALE = "stale"  # computed in an earlier pass


@dataclass(frozen=True)
class Edit:
    """A change made right after moment `after`: an input's entry, or the learning rate.

    `node` None is the learning rate; `index` None is the whole value.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str


@dataclass(frozen=True)
class Update:
    """What the update of the present moment did: the value before and after, and the rate."""

    before: Array
    after: Array
    rate: float


@dataclass(frozen=True)
class Contribution:
    """What one consumer sends back along one edge."""

    consumer: int
    slot: int
    reported: bool
    sent: Array | None


class Debugger:
    """A graph, and a cursor on its line of moments.

    `history_memory` bounds the memory of checkpoints, in bytes. `last_update` is what the present
    moment did, if it is an update.
    """

    def __init__(self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY) -> None:
        self.graph = graph
        self.plan = compile_plan(graph)
        self.timeline = Timeline(graph)
        self.history = History(self.plan, history_memory)
        self.edits: tuple[Edit, ...] = ()
        self.branches: list[tuple[Edit, ...]] = [()]
        self._undone: list[tuple[Edit, ...]] = []
        self._done: list[tuple[Edit, ...]] = []
        self._edits_after: dict[int, list[Edit]] = {}
        self.moment = 0
        self.last_update: Update | None = None
        self._first_reports: dict[int, int] = {}

    # The cursor --------------------------------------------------------------------------

    @property
    def where(self) -> Moment:
        """The name of the present moment."""
        return self.timeline.name(self.moment)

    @property
    def sgd_step(self) -> int:
        """The SGD step of the present moment."""
        return self.timeline.sgd_step(self.moment)

    @property
    def at_end(self) -> bool:
        """Whether there is no later moment."""
        return self.moment == self.timeline.end

    @property
    def coming_step(self) -> int:
        """The SGD step of the next moment."""
        return self.timeline.sgd_step(self.moment + 1)

    def coming(self) -> Moment | None:
        """Return the name of the next moment, or None at the end."""
        return None if self.at_end else self.timeline.name(self.moment + 1)

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor to `moment`, or the nearest that exists; return where it is.

        During a long run `progress` is told the present moment now and then; when it returns
        True the run stops at the end of an SGD step.
        """
        target = self.timeline.clamp(moment)
        if target != self.moment:
            self.last_update = None
        near = self.timeline.start_of(self.timeline.sgd_step(self.moment) + 2)
        if self.moment <= target <= near:
            self._walk(target)
        else:
            self._travel(target, progress)
        return self.moment

    def step(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by `count` moments, back when it is negative."""
        return self.move(self.moment + count, progress)

    def phases(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move to the end of this phase, or back to where it began, `count` times."""
        return self.move(self.timeline.phases_from(self.moment, count), progress)

    def sgd(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by whole SGD steps: to the end of this one first, or back to its start."""
        return self.move(self.sgd_target(count), progress)

    def sgd_target(self, count: int) -> int:
        """Return where `count` SGD steps lead."""
        length = self.timeline.length
        begun = self.moment // length if count >= 0 else -(-self.moment // length)
        return (begun + count) * length

    def until(self, node: int, phase: Phase | None = None, progress: Progress | None = None) -> int:
        """Run on to the next moment of a node: its next phase, or the one named."""
        return self.move(self.next_moment(node, phase), progress)

    def next_moment(self, node: int, phase: Phase | None = None) -> int:
        """Return the next moment of a node, or raise `DebuggerError` if there is none ahead."""
        phases = (phase,) if phase else NODE_PHASES
        found = [self.timeline.next_of(self.moment, one, node) for one in phases]
        ahead = [moment for moment in found if moment is not None]
        if not ahead:
            name = self.graph.nodes[node].label
            raise DebuggerError(
                f"{name} has no {phase or 'further'} moment ahead",
                hint="the line ends here; go back with S" if self.timeline.end else "",
            )
        return min(ahead)

    # Moving ------------------------------------------------------------------------------

    def _walk(self, target: int) -> None:
        while self.moment < target - 1:
            self._happen(self.moment + 1)
        if self.moment < target:
            self._happen(target, last=True)

    def _happen(self, moment: int, *, last: bool = False) -> None:
        """Let one thing happen: the plan's next call, then the edits made right after it.

        Of the `last` thing, the one that will be shown, it is noted what an update did.
        """
        place = self.timeline.place(moment)
        name = self.timeline.name(moment)
        if place == 1:
            self.history.record(name.sgd_step, self.plan, recent=True)
            self.plan.feed(name.sgd_step)
            if isinstance(self.graph.nodes[self.graph.cost], Input):
                self.history.record_cost(name.sgd_step, self.plan.cost())
        elif name.node is not None:
            if name.phase == "forward":
                self.plan.forward(name.node)
            elif name.phase == "backward":
                self.plan.backward(name.node)
            elif last:
                before = self.plan.value(name.node).copy()
                self.plan.update(name.part - 1)
                after = self.plan.value(name.node).copy()
                self.last_update = Update(before, after, self.plan.learning_rate)
            else:
                self.plan.update(name.part - 1)
        self.moment = moment
        self._apply_edits(moment)
        if name.phase == "forward" and name.node == self.graph.cost:
            self.history.record_cost(name.sgd_step, self.plan.cost())

    def _apply_edits(self, moment: int) -> None:
        for edit in self._edits_after.get(moment, ()):
            if edit.node is None:
                self.plan.set_learning_rate(float(edit.value))
            elif edit.index is None:
                self.plan.set_value(edit.node, edit.value)
            else:
                changed = self.plan.value(edit.node).copy()
                changed[edit.index] = edit.value
                self.plan.set_value(edit.node, changed)

    def _travel(self, target: int, progress: Progress | None) -> None:
        """Go far, or back: from a checkpoint, in whole SGD steps, then moment by moment.

        The SGD step before the target's is walked too: what the target's own pass has not
        computed yet still shows the values of that one.
        """
        walk_from = max(self.timeline.sgd_step(target) - 1, 0)
        begin = self._begin_at(walk_from, ahead=target > self.moment)
        told = time.monotonic()
        while begin < walk_from:
            begin = self._run(begin, walk_from)
            if progress is not None and time.monotonic() - told > REPORT_EVERY:
                told = time.monotonic()
                if progress(self.moment):
                    # One step more, walked: so all that is shown is of one pass.
                    self._walk(self.timeline.start_of(begin + 1))
                    return
        self._walk(target)

    def _begin_at(self, sgd_step: int, *, ahead: bool) -> int:
        """Put the plan at the start of the last SGD step known at or before `sgd_step`."""
        found = self.history.before(sgd_step)
        if ahead:
            here = -(-self.moment // self.timeline.length)
            if found is None or found[0] <= here <= sgd_step:
                self._walk(self.timeline.start_of(here))
                return here
        if found is None:
            self.plan.restore(self.history.origin)
            self.moment = 0
            self._apply_edits(0)
            return 0
        step, state = found
        self.plan.restore(state)
        self.moment = self.timeline.start_of(step)
        return step

    def _run(self, first: int, last: int) -> int:
        """Run whole SGD steps from `first` towards `last`; return the step reached.

        Ends early where a checkpoint is due, before a step with edits, or when it takes long.
        """
        self.history.record(first, self.plan)
        last = self._unedited_until(first, last)
        if last == first:
            self._walk(self.timeline.start_of(first + 1))
            return first + 1
        last = min(last, self.history.due(first + 1))
        costs = array("d")
        begun = time.monotonic()
        done = 0
        while first + done < last and time.monotonic() - begun < REPORT_EVERY:
            chunk = max(1, min(done, last - first - done))
            self.plan.run(first + done, chunk, costs)
            done += chunk
        for step, cost in enumerate(costs, first):
            self.history.record_cost(step, cost)
        self.moment = self.timeline.start_of(first + done)
        return first + done

    def _unedited_until(self, first: int, last: int) -> int:
        """Return the first SGD step from `first` on that has edits in it, `last` at most."""
        length = self.timeline.length
        edited = [t for t in self._edits_after if first * length < t <= last * length]
        return self.timeline.sgd_step(min(edited)) if edited else last

    def run_traced(self, last: int, trace: Trace) -> None:
        """Run whole SGD steps from the start of one, to `last` at most, and leave a trace.

        Ends early when the trace is full, when it takes long, and before a step with edits: there
        may be no step at all. What the moments after show of an earlier pass is right only if a
        step at least was run.
        """
        first = self.moment // self.timeline.length
        trace.clear()
        last = self._unedited_until(first, min(last, first + trace.capacity))
        begun = time.monotonic()
        while first < last and time.monotonic() - begun < REPORT_EVERY:
            self.history.record(first, self.plan)
            count = min(last, self.history.due(first + 1)) - first
            count = min(count, max(1, trace.steps))
            costs = array("d")
            self.plan.run(first, count, costs, trace)
            for step, cost in enumerate(costs, first):
                self.history.record_cost(step, cost)
            first += count
            self.moment = self.timeline.start_of(first)
            self.last_update = None

    def settle(self) -> None:
        """Work the present moment out again, with all that a run at a stretch has left out."""
        self._travel(self.moment, None)

    # Edits -------------------------------------------------------------------------------

    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Set an input's entry, or its whole value: a branch in time.

        Within a pass the change counts from its feed on, and what lies downstream is worked out
        again; a parameter already updated changes from here on. Returns the number of later
        edits left behind on the old branch.
        """
        target = self.graph.nodes[node]
        if not isinstance(target, Input):
            inputs = ", ".join(n.label for n in target.inbound_nodes[:4])
            raise DebuggerError(
                f"{target.label} is computed; set one of its inputs ({inputs})", where="set"
            )
        new = self._checked(node, index, value)
        words = f"{target.label}{index_text(index)} = {_short(new)}"
        return self._branch(Edit(self._counts_from(node), node, index, new, words))

    def set_learning_rate(self, rate: float) -> int:
        """Set the learning rate for all updates after the present moment."""
        if not self.graph.trains:
            raise DebuggerError("nothing is trained here: no learning rate", where="set lr")
        if not np.isfinite(rate):
            raise DebuggerError(f"the learning rate must be a finite number, not {rate}")
        return self._branch(Edit(self.moment, None, None, np.array(rate), f"lr = {rate:g}"))

    def _checked(self, node: int, index: tuple[int, ...] | None, value: Any) -> Array:
        name, shape = self.graph.nodes[node].label, self.plan.shapes[node]
        new = np.asarray(value)
        if new.dtype.kind not in "biuf":
            raise DebuggerError("that is not a number, nor rows of numbers", where=f"set {name}")
        with np.errstate(over="ignore"):
            new = new.astype(self.graph.dtype)
        if index is None:
            try:
                return np.array(np.broadcast_to(new, shape))
            except ValueError:
                raise ShapeError(
                    f"{name} has shape {shape_text(shape)}, the value {shape_text(new.shape)}",
                    where="set",
                ) from None
        self.check_index(node, index)
        if new.shape:
            raise ShapeError(f"{name}{index_text(index)} takes one number", where="set")
        return new

    def check_index(self, node: int, index: tuple[int, ...]) -> None:
        """Raise `ShapeError` unless the node's value has an entry at `index`."""
        name, shape = self.graph.nodes[node].label, self.plan.shapes[node]
        if len(index) != len(shape) or any(
            not -n <= i < n for i, n in zip(index, shape, strict=True)
        ):
            raise ShapeError(
                f"{name}{index_text(index)} does not exist: its shape is {shape_text(shape)}"
            )

    def _counts_from(self, node: int) -> int:
        """Return the moment after which an edit of this input, made now, counts."""
        step_ends = self.graph.trains and self.timeline.place(self.moment) == self.timeline.length
        if self.moment == 0 or step_ends:
            # The data will overwrite what it feeds: the edit waits until it has.
            return self.moment + self.graph.fed_from_data(node)
        updated = self.timeline.place_of("update", node)
        if updated is not None and updated <= self.timeline.place(self.moment):
            return self.moment
        return self.timeline.start_of(self.sgd_step) + 1

    def _branch(self, edit: Edit) -> int:
        before = self.edits
        kept = tuple(e for e in before if e.after <= edit.after)
        self._take_edits((*kept, edit))
        self.branches.append(self.edits)
        self._done.append(before)
        self._undone.clear()
        return len(before) - len(kept)

    def _take_edits(self, edits: tuple[Edit, ...]) -> None:
        """Put other edits in force, and work out the present moment again.

        When that fails the edits before are in force again, and the error is raised.
        """
        before, moment = self.edits, self.moment
        try:
            self._replay_with(edits)
        except MiniflowError:
            self.moment = moment
            self._replay_with(before)
            raise

    def _replay_with(self, edits: tuple[Edit, ...]) -> None:
        same = 0
        for old, new in zip(self.edits, edits, strict=False):
            if old is not new:
                break
            same += 1
        changed = min((edit.after for edit in (*self.edits[same:], *edits[same:])), default=None)
        if changed is None:
            return
        length = self.timeline.length
        self.history.forget_from(-(-changed // length), costs_from=changed // length)
        self.edits = edits
        self._edits_after = {}
        for edit in edits:
            self._edits_after.setdefault(edit.after, []).append(edit)
        self._travel(self.moment, None)

    def undo(self) -> Edit:
        """Take back the last edit; what it left behind comes back. Returns the edit."""
        if not self._done:
            raise DebuggerError("nothing to undo")
        edits = self.edits
        self._take_edits(self._done[-1])
        self._done.pop()
        self._undone.append(edits)
        return edits[-1]

    def redo(self) -> Edit:
        """Make the edit again that was taken back last."""
        if not self._undone:
            raise DebuggerError("nothing to redo")
        edits = self.edits
        self._take_edits(self._undone[-1])
        self._undone.pop()
        self._done.append(edits)
        return self.edits[-1]

    @contextmanager
    def visiting(self, moment: int, branch: int | None = None) -> Iterator[None]:
        """Be at another moment for a while, on another branch too if one is given.

        `branch` is a place in `branches`: 0 is the run without edits, n the one that the n-th edit
        made. After it the debugger stands where it stood, bit for bit.
        """
        present, edits = self.moment, self.edits
        last_update = self.last_update
        try:
            if branch is not None and self.branches[branch] is not edits:
                self._replay_with(self.branches[branch])
            self.move(moment)
            yield
        finally:
            if self.edits is not edits:
                self._replay_with(edits)
            self.move(present)
            self.last_update = last_update

    def save(self, path: str | Path) -> None:
        """Save the graph with its present parameters and learning rate as a graph file."""
        graph = self.graph
        inputs = [node for node in graph.nodes if isinstance(node, Input)]
        before = [(node, node.value) for node in inputs], graph.training
        optimizer = dataclasses.replace(
            graph.training.optimizer, learning_rate=self.plan.learning_rate
        )
        try:
            self.plan.store()
            graph.training = dataclasses.replace(graph.training, optimizer=optimizer)
            save_graph(graph, path)
        finally:
            for node, value in before[0]:
                node.value = value
            graph.training = before[1]

    # What there is to see ----------------------------------------------------------------

    def value(self, node: int) -> Array:
        """Return a node's value as it stands; see `value_standing` for what it is worth."""
        return self.plan.value(node)

    def gradient(self, node: int) -> Array:
        """Return a node's gradient as it stands; see `gradient_standing` for what it is worth."""
        return self.plan.gradient(node)

    def value_standing(self, node: int) -> Standing:
        """Return whether a node's value is of this pass, of an earlier one, or not there yet."""
        target = self.graph.nodes[node]
        if isinstance(target, Input):
            fed = target.trainable or self.moment > 0
            return Standing.CURRENT if fed else Standing.WAITING
        return self._standing(self.timeline.place_of("forward", node))

    def gradient_standing(self, node: int) -> Standing:
        """Return whether a node's gradient is whole, partly there, old, or not there."""
        if not self.graph.under_cost[node]:
            return Standing.NONE
        standing = self._standing(self.timeline.place_of("backward", node))
        if standing is not Standing.CURRENT and self._has_heard(node):
            return Standing.PARTIAL
        return standing

    def _has_heard(self, node: int) -> bool:
        """Whether any consumer has sent to a node; asked for every visible row of every frame."""
        first = self._first_reports.get(node)
        if first is None:
            places = self._report_places(node)
            first = self._first_reports[node] = min(places, default=self.timeline.length + 1)
        return first <= self.timeline.place(self.moment)

    def _report_places(self, node: int) -> list[int]:
        """Return the place in an SGD step at which each edge to a consumer reports."""
        backward = (self.timeline.place_of("backward", c) for c, _ in self.graph.consumers[node])
        return [place for place in backward if place is not None]

    def _standing(self, place: int | None) -> Standing:
        if place is None:
            return Standing.NONE
        if place <= self.timeline.place(self.moment):
            return Standing.CURRENT
        return Standing.STALE if self.sgd_step > 0 else Standing.WAITING

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of this phase of a node, or None when there was none."""
        place = self.timeline.place_of(phase, node)
        if place is None:
            return None
        step = self.sgd_step - (place > self.timeline.place(self.moment))
        return self.timeline.start_of(step) + place if step >= 0 else None

    def updated_at(self, node: int) -> int | None:
        """Return the last moment that updated a trainable, or None when there was none."""
        return self.written_at(node, "update")

    def reported(self, node: int) -> int:
        """Return how many of a node's edges to consumers have sent their contribution."""
        now = self.timeline.place(self.moment)
        return sum(place <= now for place in self._report_places(node))

    def contributions(self, node: int) -> list[Contribution]:
        """Return what comes back to a node, an edge each, in the order in which it is sent."""
        graph, place = self.graph, self.timeline.place(self.moment)
        found: list[Contribution] = []
        for consumer, slot in sorted(graph.consumers[node], key=lambda edge: (-edge[0], edge[1])):
            when = self.timeline.place_of("backward", consumer)
            if when is not None:
                sent = when <= place
                found.append(
                    Contribution(
                        consumer,
                        slot,
                        sent,
                        self.plan.contribution(consumer, slot) if sent else None,
                    )
                )
        return found

    def cost_standing(self) -> Standing:
        """Return how the cost's value stands."""
        return self.value_standing(self.graph.cost)

    @property
    def learning_rate(self) -> float:
        """The learning rate in force."""
        return self.plan.learning_rate


def index_text(index: tuple[int, ...] | None) -> str:
    """Return an index as it is typed: `[2,3]`, or nothing."""
    return "" if not index else f"[{','.join(map(str, index))}]"


def place_or_error(graph: Graph, name: str) -> int:
    """Return a node's place by name, or raise an error with the nearest right name."""
    try:
        return graph.place(name)
    except GraphError as error:
        raise DebuggerError(error.problem, hint=error.hint) from None


def _short(value: Array) -> str:
    first = float(value.reshape(-1)[0]) if value.size else 0.0
    return f"{first:g}" if value.size == 1 else f"{shape_text(value.shape)} numbers"
