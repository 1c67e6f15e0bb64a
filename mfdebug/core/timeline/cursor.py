"""A cursor on the line of moments: move it to moment t, and the plan is in the state of moment t.

Stepping, running, going back and replays are one operation. The state at t follows from the graph,
the edits and t alone, bit for bit, by whatever way the cursor came.
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
from miniflow.plans.trace import Trace
from miniflow.training.train import compile_plan

# A long run looks up this often, in seconds, to report progress and to see whether to stop.
REPORT_EVERY = 0.05
# Moments let happen at a stretch, at first.
FIRST_STRETCH = 64

Progress = Callable[[int], bool]


class DebuggerError(MiniflowError):
    """A command that cannot be carried out here and now."""


class Edit(Struct, frozen=True):
    """A change made right after moment `after`: an input's entry, or the learning rate.

    `node` None is the learning rate; `index` None is the whole value.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str


class Update(Struct, frozen=True):
    """What the update of the present moment did: the value before and after, and the rate.

    So too what the optimizer keeps for the parameter, an array for each of its `state_names`.
    """

    before: Array
    after: Array
    rate: float
    state_before: tuple[Array, ...] = ()
    state_after: tuple[Array, ...] = ()


class Cursor:
    """A graph, its plan, and where on the line of moments it stands.

    `history_memory` bounds the memory of checkpoints, in bytes. `edits` are in force at the moments
    after which they were made. `last_update` is what the present moment did, if it is an update.
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
        # SGD steps that are run at a stretch.
        self._pace = 1

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
    def endless(self) -> bool:
        """Whether a run that nothing stops would go on for ever."""
        return self.timeline.end is None

    @property
    def has_steps(self) -> bool:
        """Whether there are SGD steps to be counted: where nothing is trained there are none."""
        return self.graph.trains

    @property
    def ending(self) -> str:
        """Why there is no later moment than the last one, in words."""
        return "" if self.graph.trains else "nothing is trained here"

    @property
    def coming_step(self) -> int:
        """The SGD step of the next moment."""
        return self.timeline.sgd_step(self.moment + 1)

    @property
    def costs_reached(self) -> int:
        """How many SGD steps have computed their cost up to the present moment."""
        cost = self.timeline.position_of("forward", self.graph.cost) or 1
        here = self.timeline.position(self.moment)
        return self.sgd_step + (here >= cost)

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
        try:
            if self.moment <= target <= near:
                self._walk(target, progress)
            else:
                self._travel(target, progress)
        except MiniflowError:
            # On the way far off, only what lasts was right.
            self.settle()
            raise
        return self.moment

    def step(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by `count` moments, back when it is negative."""
        return self.move(self.moment + count, progress)

    def phases(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move to the end of this phase, or back to where it began, `count` times."""
        return self.move(self.timeline.phases_from(self.moment, count), progress)

    def sgd(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by whole SGD steps: to the end of this one first, or back to its start."""
        return self.move(self.sgd_target(count, progress), progress)

    def sgd_target(self, count: int, progress: Progress | None = None) -> int:
        """Return where `count` SGD steps lead; `progress` as in `move`, where that takes a run."""
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
            ends = f"the line ends here; {GO_BACK}"
            never = "the feed gives it its value" if phase is None else "nor in later SGD steps"
            raise DebuggerError(
                f"{name} has no {phase or 'further'} moment ahead",
                hint=ends if self.timeline.end else never,
            )
        return min(ahead)

    # How it moves ------------------------------------------------------------------------------

    def _walk(self, target: int, progress: Progress | None = None) -> None:
        """Let all that lies before `target` happen, and `target` itself with what it did noted.

        Ends early, at some moment before, when `progress` returns True.
        """
        stretch, told = FIRST_STRETCH, time.monotonic()
        while self.moment < target - 1:
            begun = time.monotonic()
            self._happen_until(min(target - 1, self.moment + stretch))
            now = time.monotonic()
            if now - begun < REPORT_EVERY / 4:
                stretch *= 2
            if progress is not None and now - told > REPORT_EVERY:
                told = now
                if progress(self.moment):
                    return
        if self.moment < target:
            self._happen(target, last=True)

    def _happen_until(self, target: int) -> None:
        """Let one thing happen, or as many at a stretch as need no look in between."""
        step, begun = divmod(self.moment, self.timeline.length)
        start = self.timeline.start_of(step)
        cost = self.timeline.position_of("forward", self.graph.cost) or 0
        looks = [edited for edited in self._edits_after if edited > self.moment]
        looks += [target, start + self.timeline.length]
        looks += [start + cost] * (begun < cost)
        last = min(looks)
        if begun == 0 or last == self.moment + 1:
            self._happen(self.moment + 1)
            return
        self.last_update = None
        try:
            self.plan.walk(begun, last - start)
        except MiniflowError:
            self._walk_again(self.moment, last)
            raise
        self.moment = last
        self._apply_edits(last)
        if last == start + cost:
            self.history.record_cost(step, self.plan.cost())

    def _walk_again(self, begin: int, end: int) -> None:
        """Go once more through moments among which an op or a node raised an error, one by one.

        So the cursor stands at the last moment before it.
        """
        self.moment = begin
        self.settle()
        while self.moment < end:
            self._happen(self.moment + 1)

    def _happen(self, moment: int, *, last: bool = False) -> None:
        """Let one thing happen: the plan's next call, then the edits made right after it.

        Of the `last` thing, the one that will be shown, it is noted what an update did.
        """
        place = self.timeline.position(moment)
        name = self.timeline.name(moment)
        self.last_update = None
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
        """Return copies of a parameter and of what the optimizer keeps for it."""
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
        self._walk(target, progress)

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
        last = self._unedited_until(first, last)
        if last == first:
            self._walk(self.timeline.start_of(first + 1))
            return first + 1
        return self._run_on(first, last)

    def _run_on(self, first: int, last: int, trace: Trace | None = None) -> int:
        """Run as many whole SGD steps as take no long; return the step reached."""
        self.history.record(first, self.plan)
        count = min(last, self.history.due(first + 1), first + self._pace) - first
        costs = array("d")
        begun = time.monotonic()
        try:
            self.plan.run(first, count, costs, trace)
        except MiniflowError:
            self._walk_again(self.timeline.start_of(first), self.timeline.start_of(first + count))
            raise
        taken = time.monotonic() - begun
        if count == self._pace and taken < REPORT_EVERY / 4:
            self._pace *= 2
        elif taken > REPORT_EVERY:
            self._pace = max(1, self._pace // 2)
        self.history.record_costs(first, costs)
        self.moment = self.timeline.start_of(first + count)
        return first + count

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
            first = self._run_on(first, last, trace)
            self.last_update = None

    def settle(self) -> None:
        """Work the present moment out again, with all that a run at a stretch has left out."""
        self._travel(self.moment, None)

    @property
    def learning_rate(self) -> float:
        """The learning rate in force."""
        return self.plan.learning_rate
