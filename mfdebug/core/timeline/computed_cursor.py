"""The cursor of a computed line: after a move to moment t the plan is in the state of moment t.

The state at t is a function of the graph, the edits and t alone, bit for bit, whatever path the
cursor took.
"""

from __future__ import annotations

import time
from array import array

from mfdebug.core.timeline.branch_costs import fork_after
from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY, Checkpoints
from mfdebug.core.timeline.cursor import Cursor, Progress, Update
from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.overrides import Overrides
from mfdebug.core.timeline.timeline import Timeline
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.plans.compile import compile_plan
from miniflow.plans.trace import Trace

# Seconds between progress reports in a long run, which can also stop it.
REPORT_EVERY = 0.05
# Initial number of moments executed between two checks of the clock.
FIRST_BATCH = 64


class ComputedCursor(Cursor):
    """A cursor that executes the calls of a graph's plan, with checkpoints of its state.

    `history_memory` bounds the memory of checkpoints, in bytes.
    """

    def __init__(self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY) -> None:
        super().__init__(graph, compile_plan(graph), Timeline(graph))
        self.checkpoints = Checkpoints(self.plan, history_memory)
        self._edits_after: dict[int, list[Edit]] = {}
        # SGD steps run in one call of the plan.
        self._batch = 1
        # The SGD step that is walked from its start, without edits; -1 if there is none.
        self._walked = -1

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor to `moment`, or the nearest that exists; return the moment reached.

        During a long run `progress` is called with the present moment every `REPORT_EVERY`
        seconds; if it returns True, the run stops at the end of an SGD step.
        """
        target = self.timeline.clamp(moment)
        if target != self.moment:
            self.last_update = None
        # Before the start, the plan is in the state of the start.
        self.moment = max(self.moment, 0)
        if target < 0:
            self._travel(0, progress)
            self.moment = target
            return target
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

    def settle(self) -> None:
        """Recompute the present moment, with all that a run of whole SGD steps does not keep."""
        moment = self.moment
        self.moment = max(moment, 0)
        self._travel(self.moment, None)
        self.moment = min(moment, self.moment)

    def forget_costs_from(self, sgd_step: int) -> None:
        """Keep only the costs of the steps before `sgd_step`, and no checkpoint after them."""
        super().forget_costs_from(sgd_step)
        self.checkpoints.forget_from(sgd_step + 1)

    # Edits -------------------------------------------------------------------------------------

    def take_edits(self, edits: tuple[Edit, ...]) -> None:
        """Replace the edits and recompute the present moment.

        If that fails, the previous edits are restored and the error is raised.
        """
        before, moment = self.edits, self.moment
        try:
            self._replay_with(edits)
        except MiniflowError:
            self.moment = moment
            self._replay_with(before)
            raise

    def _replay_with(self, edits: tuple[Edit, ...]) -> None:
        changed = fork_after(self.edits, edits)
        if changed is None:
            return
        length = self.timeline.length
        self.branch_costs.keep(self.edits, self.costs)
        self.checkpoints.forget_from(-(-changed // length))
        del self.costs[changed // length :]
        self.edits = edits
        self._edits_after = {}
        for edit in edits:
            if not edit.lasts:
                self._edits_after.setdefault(edit.after, []).append(edit)
        self.overrides = Overrides(self.timeline, edits)
        self.settle()
        # What was computed of this branch before is computed again only where it is needed.
        self.costs.extend(self.branch_costs.of(edits)[len(self.costs) :])

    # Executing ---------------------------------------------------------------------------------

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
        if (overridden := self.overrides.next_after(self.moment)) is not None:
            ends.append(overridden)
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
            self._record_cost(step)

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
            self._record(name.sgd_step, recent=True)
            self._walked = name.sgd_step
            self.plan.feed(name.sgd_step)
            if isinstance(self.graph.nodes[self.graph.cost], Input):
                self._record_cost(name.sgd_step)
        elif name.node is not None:
            if name.phase == "forward":
                self.plan.forward(name.node)
            elif name.phase == "backward":
                self.plan.backward(name.node)
            elif last:
                before, state_before = self._parameter(name.node, name.part - 1)
                self.plan.update(name.part - 1)
                after, state_after = self._parameter(name.node, name.part - 1)
                self.last_update = Update(
                    before,
                    after,
                    self.plan.learning_rate,
                    state_before,
                    state_after,
                    # An override may change it right after this moment.
                    self.plan.gradient(name.node).copy() if self.overrides else None,
                )
            else:
                self.plan.update(name.part - 1)
        self.moment = moment
        self._apply_edits(moment)
        if name.phase == "forward" and name.node == self.graph.cost:
            self._record_cost(name.sgd_step)

    def _record(self, sgd_step: int, *, recent: bool = False) -> None:
        """Save the state at the start of an SGD step, as far as that is due."""
        self.checkpoints.record(sgd_step, self.plan, recent=recent)
        if self._walked >= 0 and self._walked == sgd_step - 1:
            self.checkpoints.went_through(sgd_step, self.plan)

    def _record_cost(self, sgd_step: int) -> None:
        self.costs[sgd_step : sgd_step + 1] = array("d", [self.plan.cost()])

    def _parameter(self, node: int, trainable: int) -> tuple[Array, tuple[Array, ...]]:
        """Return copies of a parameter and of the optimizer's state for it."""
        state = self.plan.optimizer_state(trainable)
        return self.plan.value(node).copy(), tuple(array.copy() for array in state)

    def _apply_edits(self, moment: int) -> None:
        if moment in self._edits_after or self.overrides:
            self._walked = -1
        for edit in self._edits_after.get(moment, ()):
            if edit.sets_schedule:
                self.plan.set_schedule(edit.schedule, self.timeline.sgd_step(moment + 1))
            elif edit.frozen is not None:
                self.plan.set_frozen(*edit.frozen)
            elif edit.node is None:
                self.plan.set_learning_rate(float(edit.value))
            else:
                self.plan.set_value(edit.node, edit.applied_to(self.plan.value(edit.node)))
        self.overrides.apply(self.plan, moment)

    def _travel(self, target: int, progress: Progress | None) -> None:
        """Move far, or back: from a checkpoint in whole SGD steps, then moment by moment.

        Unless the target's own pass is complete, the SGD step before is walked too: what the pass
        has not computed yet still shows the values of that step.
        """
        walk_from = self.timeline.sgd_step(target)
        if not self.timeline.is_complete(target):
            walk_from = max(walk_from - 1, 0)
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
        found = self.checkpoints.before(sgd_step)
        if ahead:
            here = -(-self.moment // self.timeline.length)
            if found is None or found.sgd_step <= here <= sgd_step:
                self._walk(self.timeline.start_of(here))
                return here
        self.overrides.forget_computed()
        self._walked = -1
        if found is None:
            self.plan.restore(self.checkpoints.origin)
            self.moment = 0
            self._apply_edits(0)
            return 0
        found.restore(self.plan)
        self.moment = self.timeline.start_of(found.sgd_step)
        return found.sgd_step

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
        self._record(first)
        self._walked = -1
        count = min(last, self.checkpoints.due(first + 1), first + self._batch) - first
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
        self.checkpoints.ran(first + count, self.plan, elapsed / count)
        if count == self._batch and elapsed < REPORT_EVERY / 4:
            self._batch *= 2
        elif elapsed > REPORT_EVERY:
            self._batch = max(1, self._batch // 2)
        self.costs[first : first + count] = costs
        self.moment = self.timeline.start_of(first + count)
        return first + count

    def _unedited_until(self, first: int, last: int) -> int:
        """Return the first SGD step at or after `first` that has edits, `last` at most.

        Every step from the first override on has one.
        """
        length = self.timeline.length
        edited = [t for t in self._edits_after if first * length < t <= last * length]
        if self.overrides.first is not None:
            edited.append(max(self.overrides.first, first * length + 1))
        return min(self.timeline.sgd_step(min(edited)), last) if edited else last

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
