"""The cursor on a recorded line: it moves over the passes, and runs the program on demand.

Here, a pass is an SGD step. A pass that ends earlier than others (forward only, at a fault, without
an update) has no later moments, and the cursor skips them. If the program's next pass is on another
line, the debugger of that line takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, Protocol

from mfdebug.core.format.hints import GO_BACK
from mfdebug.core.timeline.cursor import Cursor, DebuggerError, Progress
from mfdebug.core.timeline.debugger import Debugger, OtherRun, SetTrace
from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.timeline import Moment
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.pass_ends import PassEnds
from mfdebug.recording.plan import RecordedPlan
from mfdebug.recording.program_advance import ProgramAdvance
from mfdebug.recording.recorded_update import is_left_alone, recorded_update
from miniflow.plans.trace import Trace


class Lines(Protocol):
    """What a cursor needs of the other lines of its run.

    `stopped_at` is the last pass at which the program stopped by itself, if that was reported.
    """

    stopped_at: int | None

    def at_pass(self, number: int, *, at_its_end: bool) -> Debugger:
        """Return the debugger of the line of a pass, at the start or end of the pass."""


class RecordedCursor(Cursor):
    """The cursor on one line of a program's run, which has at least one pass."""

    graph: RecordedGraph
    plan: RecordedPlan

    def __init__(self, plan: RecordedPlan, lines: Lines) -> None:
        super().__init__(plan.recorded_graph, plan, plan.timeline)
        self.ends = PassEnds(plan)
        self._run, self._line, self._lines = plan.recorded_run, plan.line, lines
        self.advance = ProgramAdvance(plan)
        self._call_order = self._current_call_order()
        self._built: object = None
        self._ignoring_others = False
        # The target of a move by whole passes: the end of one whose updates may not be known yet.
        self._end_of_pass = -1
        self.rebuild()
        self._set_moment(0)

    @property
    def steps(self) -> Sequence[int]:
        """The numbers of the passes of this line in the whole run."""
        return self._run.steps(self._line)

    @property
    def pass_number(self) -> int:
        """The number of the present pass in the whole run."""
        return self.steps[self.sgd_step]

    def not_kept(self, since: int) -> int:
        """Return how many passes of the run, from one to the present one, were not kept whole."""
        numbers = range(since, self.pass_number + 1)
        return sum(not self._run.outline(number).whole for number in numbers)

    @property
    def passes_run(self) -> int:
        """The number of passes that the line has so far."""
        return len(self.steps)

    def last_position(self, step: int) -> int:
        """Return the last position of a pass, as far as known."""
        return self.ends.last_position(step)

    @property
    def endless(self) -> bool:
        """False: a program ends."""
        return False

    @property
    def has_steps(self) -> bool:
        """True: a program's passes are counted, whether it trains or not."""
        return True

    @property
    def ending(self) -> str:
        """How the program ended, and the node that raised in its last pass, if any."""
        return self.ends.ending()

    # Timeline ----------------------------------------------------------------------------------

    def rebuild(self, target: int = 0) -> int:
        """Rebuild the timeline if more is known about the moments of a pass.

        Returns `target` on the new timeline: the same position of its pass, or again its end.
        """
        updates, graph = self.plan.updates, self.graph
        if self._current_call_order() != self._call_order:
            # The first pass with backward has arrived.
            graph.follow(self._run.lines[self._line])
            self._call_order = self._current_call_order()
        updates.learn()
        graph.note_trained(updates.trained)
        graph.fed = set(updates.fed)
        built = tuple(graph.forward_nodes), tuple(graph.backward_nodes), tuple(graph.trainables)
        if built != self._built:
            self._built = built
            step = self.timeline.sgd_step(self.moment)
            position = self.timeline.position(self.moment)
            target_step = self.timeline.sgd_step(target)
            target_position = self.timeline.position(target)
            to_its_end = target_position == self.timeline.length
            self.timeline.build(graph, backward=graph.has_backward)
            self.plan.forget_passes()
            self.moment = self.timeline.start_of(step) + position if self.moment else 0
            self.plan.go_to(step, self.timeline.position(self.moment))
            if to_its_end:
                target_position = self.timeline.length
            moved = self.timeline.start_of(target_step) + target_position if target else 0
            if target == self._end_of_pass:
                self._end_of_pass = moved
            target = moved
        self.timeline.end = self.ends.end_of_line()
        return target

    def _current_call_order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        structure = self._run.lines[self._line]
        return structure.forward, structure.backward

    def coming(self) -> Moment | None:
        """Return the next moment, or None if this line has none yet."""
        step, position = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        if position < self.last_position(step):
            return self.timeline.name(self.moment + 1)
        steps = self.steps
        if step + 1 < len(steps) and steps[step + 1] == steps[step] + 1:
            return self.timeline.name(self.timeline.first_of(step + 1))
        return None

    # Moving ------------------------------------------------------------------------------------

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor, and run the program as far as necessary.

        Raises `OtherRun` if a pass of another line is on the way, and `DebuggerError` if the
        program has ended or a node has raised.
        """
        start, known = self.moment, len(self.costs)
        try:
            target = self._reach(max(moment, 0), self._noting(progress))
            self._set_moment(target)
        finally:
            self.forget_costs_from(max(known, self.costs_reached))
        if self.moment > start and self.must_stop():
            raise SetTrace
        if target <= start < moment and start == self.timeline.end:
            why = f" ({self.ending})" if self.ending else ""
            raise DebuggerError(f"end of the run{why}; {GO_BACK}")
        return self.moment

    def go(self, moment: int, progress: Progress | None = None) -> int:
        """Move to a moment of this line, ignoring passes of other lines on the way."""
        ignoring_others, self._ignoring_others = self._ignoring_others, True
        try:
            return self.move(moment, progress)
        finally:
            self._ignoring_others = ignoring_others

    def sgd_target(self, count: int, progress: Progress | None = None) -> int:
        """Return the target of a move by whole passes; first learn the moments of a pass."""
        step = self.timeline.sgd_step(self.moment)
        if count > 0 and not self._ignoring_others:
            finished = self.advance.finish(step, progress)
            if self.advance.to_updates(step, progress) or finished:
                self.rebuild()
        self._end_of_pass = super().sgd_target(count, progress)
        step, position = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        if count > 0 and position < self.timeline.length and self.has_ended(step):
            # The current pass ended earlier than others: count only the passes that follow.
            self._end_of_pass += self.timeline.length
        return self._end_of_pass

    def _set_moment(self, moment: int) -> None:
        self.moment = moment
        step, position = self.timeline.sgd_step(moment), self.timeline.position(moment)
        self.plan.go_to(step, position)
        self.plan.learning_rate = self.plan.rate
        self._note_costs(self.costs_reached)
        self.last_update = recorded_update(self.plan, self.where)

    def _note_costs(self, passes: int) -> None:
        """Add the costs of the first `passes` passes to the curve."""
        for step in range(len(self.costs), passes):
            self.costs.append(self.plan.outline(step).cost)

    def _noting(self, progress: Progress | None) -> Progress | None:
        """Return a progress function that also lets the curve grow while the program runs."""
        if progress is None:
            return None

        def report(moment: int) -> bool:
            # The last pass may be incomplete.
            self._note_costs(self.timeline.sgd_step(moment))
            return progress(moment)

        return report

    def left_alone(self, node: int) -> bool:
        """Whether the optimizers' steps after the last pass left it out, and it is as at first."""
        return is_left_alone(self.plan, node)

    def _reach(self, target: int, progress: Progress | None) -> int:
        """Run the program towards `target`; return the moment that was reached."""
        target = self._after_updates(target, progress)
        while True:
            if target == 0:
                self._check_other_lines_before(-1)
                return 0
            step, position = self.timeline.sgd_step(target), self.timeline.position(target)
            if target <= self.moment:
                self._check_other_lines_before(step)
                return self.timeline.start_of(step) + min(position, self.last_position(step))
            self._check_other_lines_after(step)
            if (stop := self._trace_ahead()) is not None and stop < target:
                return stop
            if self.timeline.end is not None and target >= self.timeline.end:
                return self.timeline.end
            if step >= len(self.steps) or not self.advance.is_known(step, position):
                if self.advance.towards(step, progress):
                    target = self.rebuild(target)
                    continue
                return self._last_reached(target)
            last = self.last_position(step)
            if len(self.plan.updates.trained) > len(self.graph.trainables):
                target = self.rebuild(target)
                continue
            if position <= last:
                # A move by single moments does not skip the updates.
                leaps = target == self._end_of_pass and target > self.moment + 1
                if leaps and self.advance.to_updates(step, progress):
                    target = self.rebuild(target)
                    continue
                return target
            if self.advance.to_updates(step, progress):
                target = self.rebuild(target)
                continue
            at_the_end = self.ends.last_moment(step)
            if position == self.timeline.length and self.moment < at_the_end:
                # Stop at the end of a pass that ends earlier than others.
                return at_the_end
            no_next = step + 1 >= len(self.steps) and bool(self._run.ending)
            if no_next and self.advance.is_last(step):
                return at_the_end
            target = self.timeline.first_of(step + 1)

    def _after_updates(self, target: int, progress: Progress | None) -> int:
        """Find out the updates of the current pass; return `target` on the resulting timeline.

        From the end of a pass, the next moment is its first update, if there is one.
        """
        current, builds = self.timeline.sgd_step(self.moment), self.timeline.builds
        if self.timeline.sgd_step(target) <= current:
            return target
        further = target - self.moment
        if self.advance.finish(current, progress):
            self.rebuild()
            return self.moment + further
        if not self.advance.to_updates(current, progress):
            return target
        is_next = target == self.moment + 1
        target = self.rebuild(target)
        return self.moment + 1 if is_next and self.timeline.builds != builds else target

    def _trace_ahead(self) -> int | None:
        """Return the moment at which the program calls `set_trace`, if it is ahead in this line."""
        number = self._run.traced_at
        if number is None or number == self._lines.stopped_at:
            return None
        outline = self._run.outline(number)
        stop = self.timeline.first_of(outline.step)
        return stop if outline.line == self._line and stop > self.moment else None

    def must_stop(self) -> bool:
        """Whether the program itself stopped at the current pass; True only once per stop."""
        number = self._run.traced_at
        if number in (None, self._lines.stopped_at) or self.steps[self.sgd_step] != number:
            return False
        self._lines.stopped_at = number
        return True

    def _last_reached(self, target: int) -> int:
        last = len(self.steps) - 1
        if not self._run.ending:
            # Interrupted during a pass: its feed exists, but not its end.
            while last and not self.plan.outline(last).complete:
                last -= 1
        return max(min(target, self.ends.last_moment(last)), min(self.moment, target))

    # Other lines -------------------------------------------------------------------------------

    def _check_other_lines_after(self, target: int) -> None:
        """Raise `OtherRun` if a pass of another line is between the current and a later pass."""
        if self._ignoring_others:
            return
        steps, step = self.steps, self.timeline.sgd_step(self.moment)
        known = min(target, len(steps) - 1)
        if target == step or step >= len(steps):
            return
        if known == target and steps[target] - steps[step] == target - step:
            return
        for i in range(step, known + 1):
            following = steps[i] + 1
            if i == known == target or following >= len(self._run):
                return
            other = self._run.outline(following).line
            if other != self._line:
                self.go(self.ends.last_moment(i))
                raise self._other_run(following, at_its_end=False)

    def _check_other_lines_before(self, target: int) -> None:
        """Raise `OtherRun` if a pass of another line is between the current and an earlier pass.

        A target of -1 is the start of the line.
        """
        if self._ignoring_others or self.moment == 0:
            return
        steps, step = self.steps, self.timeline.sgd_step(self.moment)
        if target >= 0 and steps[step] - steps[target] == step - target:
            return
        for i in range(step, max(target, -1), -1):
            before = steps[i] - 1
            if before >= 0 and self._run.outline(before).line != self._line:
                self.go(self.timeline.first_of(i))
                raise self._other_run(before, at_its_end=True)

    def _other_run(self, number: int, *, at_its_end: bool) -> OtherRun:
        other = self._lines.at_pass(number, at_its_end=at_its_end)
        return OtherRun(other, back=at_its_end)

    def go_to_pass(self, step: int, *, at_its_end: bool) -> None:
        """Move to the first or last moment of a pass of the line, as far as known."""
        self.rebuild()
        self.go(self.ends.last_moment(step) if at_its_end else self.timeline.first_of(step))

    def block_first_step(self, step: int) -> int:
        """Return the first of the consecutive passes of the program that lead up to this one."""
        steps = self.steps
        while step and steps[step - 1] == steps[step] - 1:
            step -= 1
        return step

    def block_start(self, step: int) -> int:
        """Return the first moment of those passes, the feed if other passes came before."""
        first = self.block_first_step(step)
        return self.timeline.first_of(first) if self.steps[first] else 0

    # Nothing is computed -------------------------------------------------------------------------

    def settle(self) -> None:
        """Read the present moment again."""
        self._set_moment(self.moment)

    def take_edits(self, edits: tuple[Edit, ...]) -> None:
        """Do nothing: a record cannot be changed, so there are never other edits than none."""

    def run_traced(self, last: int, trace: Trace) -> NoReturn:
        """Not supported: a record cannot be run."""
        raise NotImplementedError
