"""The cursor on the timeline: after a move to moment t the plan is in the state of moment t.

Stepping, running, going back and replaying are one operation. The state at t is a function of the
graph, the edits and t alone, bit for bit, whatever path the cursor took.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable

from msgspec import Struct

from mfdebug.core.format.hints import GO_BACK
from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY, History
from mfdebug.core.timeline.timeline import NODE_PHASES, Moment, Phase, Timeline
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.plans.trace import Trace

# Seconds between progress reports in a long run, which can also stop it.
REPORT_EVERY = 0.05
# Initial number of moments executed between two checks of the clock.
FIRST_BATCH = 64

Progress = Callable[[int], bool]


class DebuggerError(MiniflowError):
    """A command that cannot be executed in the present state."""


class Edit(Struct, frozen=True):
    """A change made right after moment `after`: an input's value or entry, or the learning rate.

    `node` is None for the learning rate; `index` is None for a whole value.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str


class Update(Struct, frozen=True):
    """The update of the present moment: the parameter before and after, and the learning rate.

    The optimizer's state for the parameter has one array for each of its `state_names`.
    """

    before: Array
    after: Array
    rate: float
    state_before: tuple[Array, ...] = ()
    state_after: tuple[Array, ...] = ()


class Cursor:
    """A graph, its plan, and the present moment on its timeline.

    `history_memory` bounds the memory of checkpoints, in bytes. Each of `edits` takes effect right
    after its moment. `last_update` is the update that the present moment made, if it made one.
    """

    def __init__(
        self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY, plan: Plan | None = None
    ) -> None:
        self.graph = graph
        self.plan = compile_plan(graph) if plan is None else plan
        self.timeline = Timeline(graph)
        self.history = History(self.plan, history_memory)
        self.edits: tuple[Edit, ...] = ()
        self.moment = 0
        self.last_update: Update | None = None
        self._edits_after: dict[int, list[Edit]] = {}
        # SGD steps run in one call of the plan.
        self._batch = 1

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
        """Whether the cursor is at the end of the timeline."""
        return self.moment == self.timeline.end

    @property
    def endless(self) -> bool:
        """Whether the timeline has no end."""
        return self.timeline.end is None

    @property
    def has_steps(self) -> bool:
        """Whether the graph has SGD steps: it has none if nothing is trained."""
        return self.graph.trains

    @property
    def ending(self) -> str:
        """Why the timeline ends, as text; empty if it does not."""
        return "" if self.graph.trains else "nothing is trained here"

    @property
    def coming_step(self) -> int:
        """The SGD step of the next moment."""
        return self.timeline.sgd_step(self.moment + 1)

    @property
    def costs_reached(self) -> int:
        """The number of SGD steps whose cost is computed by the present moment."""
        cost = self.timeline.position_of("forward", self.graph.cost) or 1
        here = self.timeline.position(self.moment)
        return self.sgd_step + (here >= cost)

    def cost_moment(self, sgd_step: int) -> int:
        """Return the moment that computes the cost of an SGD step; its feed if nothing does."""
        position = self.timeline.position_of("forward", self.graph.cost) or 1
        return self.timeline.start_of(sgd_step) + position

    def coming(self) -> Moment | None:
        """Return the name of the next moment, or None at the end."""
        return None if self.at_end else self.timeline.name(self.moment + 1)

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor to `moment`, or the nearest that exists; return the moment reached.

        During a long run `progress` is called with the present moment every `REPORT_EVERY`
        seconds; if it returns True, the run stops at the end of an SGD step.
        """
        target = self.timeline.clamp(moment)
        if target != self.moment:
            self.last_update = None
        near = self.timeline.start_of(self.timeline.sgd_step(self.moment) + 2)
        try:
            if self.moment <= target <= near:
                self._walk(target, progress)
            else:
                self._travel(target, progress)
        except MiniflowError:
            # A run of whole SGD steps keeps only the state that lasts between steps.
            self.settle()
            raise
        return self.moment

    def step(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by `count` moments; a negative count moves back."""
        return self.move(self.moment + count, progress)

    def phases(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move to the end of the phase, or back to its start if negative, `count` times."""
        return self.move(self.timeline.phases_from(self.moment, count), progress)

    def sgd(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by whole SGD steps, first to the end (or back to the start) of the present one."""
        return self.move(self.sgd_target(count, progress), progress)

    def sgd_target(self, count: int, progress: Progress | None = None) -> int:
        """Return the moment that `sgd(count)` moves to; finding it may itself take a run."""
        length = self.timeline.length
        step = self.moment // length if count >= 0 else -(-self.moment // length)
        return (step + count) * length

    def next_moment(self, node: int, phase: Phase | None = None) -> int:
        """Return the next moment of a node; raise `DebuggerError` if there is none."""
        phases = (phase,) if phase else NODE_PHASES
        found = [self.timeline.next_of(self.moment, name, node) for name in phases]
        ahead = [moment for moment in found if moment is not None]
        if not ahead:
            name = self.graph.nodes[node].label
            ends = f"end of the run; {GO_BACK}"
            never = "the feed sets its value" if phase is None else "nor in later SGD steps"
            raise DebuggerError(
                f"{name} has no {phase or 'further'} moment ahead",
                hint=ends if self.timeline.end else never,
            )
        return min(ahead)

    # Moving ------------------------------------------------------------------------------

    def _walk(self, target: int, progress: Progress | None = None) -> None:
        """Execute moment by moment up to `target`, and record what the update at `target` did.

        Ends early, at an earlier moment, when `progress` returns True.
        """
        batch, last_report = FIRST_BATCH, time.monotonic()
        while self.moment < target - 1:
            started = time.monotonic()
            self._execute_up_to(min(target - 1, self.moment + batch))
            now = time.monotonic()
            if now - started < REPORT_EVERY / 4:
                batch *= 2
            if progress is not None and now - last_report > REPORT_EVERY:
                last_report = now
                if progress(self.moment):
                    return
        if self.moment < target:
            self._execute(target, last=True)

    def _execute_up_to(self, target: int) -> None:
        """Execute one moment, or all up to the next one that needs handling, `target` at most."""
        step, position = divmod(self.moment, self.timeline.length)
        start = self.timeline.start_of(step)
        cost = self.timeline.position_of("forward", self.graph.cost) or 0
        ends = [edited for edited in self._edits_after if edited > self.moment]
        ends += [target, start + self.timeline.length]
        ends += [start + cost] * (position < cost)
        last = min(ends)
        if position == 0 or last == self.moment + 1:
            self._execute(self.moment + 1)
            return
        self.last_update = None
        try:
            self.plan.walk(position, last - start)
        except MiniflowError:
            self._replay_singly(self.moment, last)
            raise
        self.moment = last
        self._apply_edits(last)
        if last == start + cost:
            self.history.record_cost(step, self.plan.cost())

    def _replay_singly(self, start: int, end: int) -> None:
        """Execute moments one by one after one of them raised an error.

        The error is raised again, with the cursor at the last moment before it.
        """
        self.moment = start
        self.settle()
        while self.moment < end:
            self._execute(self.moment + 1)

    def _execute(self, moment: int, *, last: bool = False) -> None:
        """Execute one moment: the plan's next call, then the edits made right after it.

        For the `last` moment, which will be shown, what an update did is recorded.
        """
        name = self.timeline.name(moment)
        self.last_update = None
        if self.timeline.position(moment) == 1:
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
                before, state_before = self._parameter(name.node, name.part - 1)
                self.plan.update(name.part - 1)
                after, state_after = self._parameter(name.node, name.part - 1)
                rate = self.plan.learning_rate
                self.last_update = Update(before, after, rate, state_before, state_after)
            else:
                self.plan.update(name.part - 1)
        self.moment = moment
        self._apply_edits(moment)
        if name.phase == "forward" and name.node == self.graph.cost:
            self.history.record_cost(name.sgd_step, self.plan.cost())

    def _parameter(self, node: int, trainable: int) -> tuple[Array, tuple[Array, ...]]:
        """Return copies of a parameter and of the optimizer's state for it."""
        state = self.plan.optimizer_state(trainable)
        return self.plan.value(node).copy(), tuple(array.copy() for array in state)

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
        """Move far, or back: from a checkpoint in whole SGD steps, then moment by moment.

        The SGD step before the target's is walked too: what the target's own pass has not
        computed yet still shows the values of that step.
        """
        walk_from = max(self.timeline.sgd_step(target) - 1, 0)
        step = self._restore_at(walk_from, ahead=target > self.moment)
        last_report = time.monotonic()
        while step < walk_from:
            step = self._run(step, walk_from)
            if progress is not None and time.monotonic() - last_report > REPORT_EVERY:
                last_report = time.monotonic()
                if progress(self.moment):
                    # Walk one more step, so that all numbers shown are of one pass.
                    self._walk(self.timeline.start_of(step + 1))
                    return
        self._walk(target, progress)

    def _restore_at(self, sgd_step: int, *, ahead: bool) -> int:
        """Put the plan at the start of the last step known at or before `sgd_step`; return it."""
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

        Stops early where a checkpoint is due, before a step with edits, and to report progress.
        """
        last = self._unedited_until(first, last)
        if last == first:
            self._walk(self.timeline.start_of(first + 1))
            return first + 1
        return self._run_batch(first, last)

    def _run_batch(self, first: int, last: int, trace: Trace | None = None) -> int:
        """Run whole SGD steps for about `REPORT_EVERY` seconds at most; return the step reached."""
        self.history.record(first, self.plan)
        count = min(last, self.history.due(first + 1), first + self._batch) - first
        costs = array("d")
        started = time.monotonic()
        try:
            self.plan.run(first, count, costs, trace)
        except MiniflowError:
            self._replay_singly(
                self.timeline.start_of(first), self.timeline.start_of(first + count)
            )
            raise
        elapsed = time.monotonic() - started
        if count == self._batch and elapsed < REPORT_EVERY / 4:
            self._batch *= 2
        elif elapsed > REPORT_EVERY:
            self._batch = max(1, self._batch // 2)
        self.history.record_costs(first, costs)
        self.moment = self.timeline.start_of(first + count)
        return first + count

    def _unedited_until(self, first: int, last: int) -> int:
        """Return the first SGD step at or after `first` that has edits, `last` at most."""
        length = self.timeline.length
        edited = [t for t in self._edits_after if first * length < t <= last * length]
        return self.timeline.sgd_step(min(edited)) if edited else last

    def run_traced(self, last: int, trace: Trace) -> None:
        """Run whole SGD steps into a trace, from the start of the present one to `last` at most.

        Stops early when the trace is full, after `REPORT_EVERY` seconds and before a step with
        edits, possibly without running a step. Stale numbers shown at later moments are right only
        if at least one step was run.
        """
        first = self.moment // self.timeline.length
        trace.clear()
        last = self._unedited_until(first, min(last, first + trace.capacity))
        started = time.monotonic()
        while first < last and time.monotonic() - started < REPORT_EVERY:
            first = self._run_batch(first, last, trace)
            self.last_update = None

    def settle(self) -> None:
        """Recompute the present moment, with all that a run of whole SGD steps does not keep."""
        self._travel(self.moment, None)

    @property
    def learning_rate(self) -> float:
        """The learning rate in force."""
        return self.plan.learning_rate
