"""The debugger of a recorded line: a cursor over its passes, which runs the program on demand.

Here, a pass is an SGD step. A pass that ends earlier than others (forward only, at a fault, without
an update) has no later moments, and the cursor skips them. If the program's next pass is on another
line, the debugger of that line takes over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.format.hints import GO_BACK
from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY
from mfdebug.core.timeline.cursor import Update
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, OtherRun, Progress, SetTrace
from mfdebug.core.timeline.timeline import Moment
from mfdebug.recording.program_advance import ProgramAdvance
from mfdebug.recording.recorded_check import Checker, check_pass
from mfdebug.recording.recorded_state import RecordedState
from mfdebug.recording.records import Run
from miniflow.gradcheck.checker import Verdict


class RecordedLines:
    """The lines of a run, with a debugger for each, created on demand."""

    def __init__(
        self, run: Run, *, history_memory: int = DEFAULT_MEMORY, checker: Checker | None = None
    ) -> None:
        self.run = run
        self.history_memory = history_memory
        self.checker = checker
        # The last pass at which the program stopped by itself, if that was reported.
        self.stopped_at = run.traced_at
        self._debuggers: dict[int, RecordedDebugger] = {}

    def __len__(self) -> int:
        return len(self._with_passes())

    def _with_passes(self) -> list[int]:
        """Return the lines with a pass: an unfinished pass may move to another line."""
        run = self.run
        return [line for line in range(len(run.lines)) if len(run.steps(line))]

    def debugger(self, line: int) -> RecordedDebugger:
        """Return the debugger of a line that has a pass."""
        if line not in self._debuggers:
            self._debuggers[line] = RecordedDebugger(self, line)
        return self._debuggers[line]

    def all(self) -> list[RecordedDebugger]:
        """Return the debuggers of all lines with a pass."""
        return [self.debugger(line) for line in self._with_passes()]

    def name(self, line: int) -> str:
        """Return the name of a line's graph: the run's, numbered from the second line on."""
        number = self._with_passes().index(line)
        return f"{self.run.name} {number + 1}" if number else self.run.name


class RecordedDebugger(RecordedState):
    """The debugger of one line of a program's run, which has at least one pass."""

    def __init__(self, run_lines: RecordedLines, line: int) -> None:
        self.run_lines = run_lines
        name, memory = run_lines.name(line), run_lines.history_memory
        super().__init__(run_lines.run, line, name, history_memory=memory)
        self._advance = ProgramAdvance(self.recorded)
        self._call_order = self._current_call_order()
        self._built: object = None
        self._ignoring_others = False
        # The target of a move by whole passes: the end of one whose updates may not be known yet.
        self._end_of_pass = -1
        self._rebuild()
        self._set_moment(0)

    # Timeline ----------------------------------------------------------------------------------

    def _rebuild(self, target: int = 0) -> int:
        """Rebuild the timeline if more is known about the moments of a pass.

        Returns `target` on the new timeline: the same position of its pass, or again its end.
        """
        updates, graph = self.recorded.updates, self._graph
        if self._current_call_order() != self._call_order:
            # The first pass with backward has arrived.
            graph.follow(self.recorded_run.lines[self.line])
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
            self.recorded.timeline = self.timeline
            self.recorded.forget_passes()
            self._first_reports.clear()
            self._last_reports.clear()
            self.__dict__.pop("_first_updates", None)
            self.__dict__.pop("_class_numbers", None)
            self.moment = self.timeline.start_of(step) + position if self.moment else 0
            self.recorded.go_to(step, self.timeline.position(self.moment))
            if to_its_end:
                target_position = self.timeline.length
            moved = self.timeline.start_of(target_step) + target_position if target else 0
            if target == self._end_of_pass:
                self._end_of_pass = moved
            target = moved
        self.timeline.end = self._ends.end_of_line()
        return target

    def _current_call_order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        structure = self.recorded_run.lines[self.line]
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
        start, known = self.moment, len(self.history.costs)
        try:
            target = self._reach(max(moment, 0), self._noting(progress))
            self._set_moment(target)
        finally:
            self.history.forget_beyond(max(known, self.costs_reached))
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
        if count > 0 and not self._ignoring_others and self._advance.to_updates(step, progress):
            self._rebuild()
        self._end_of_pass = super().sgd_target(count, progress)
        step, position = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        if count > 0 and position < self.timeline.length and self.has_ended(step):
            # The current pass ended earlier than others: count only the passes that follow.
            self._end_of_pass += self.timeline.length
        return self._end_of_pass

    def _set_moment(self, moment: int) -> None:
        self.moment = moment
        step, position = self.timeline.sgd_step(moment), self.timeline.position(moment)
        self.recorded.go_to(step, position)
        self.plan.learning_rate = self.learning_rate
        self._note_costs(self.costs_reached)
        self.last_update = self._update_here()

    def _note_costs(self, passes: int) -> None:
        """Add the costs of the first `passes` passes to the curve."""
        for step in range(len(self.history.costs), passes):
            self.history.record_cost(step, self.recorded.outline(step).cost)

    def _noting(self, progress: Progress | None) -> Progress | None:
        """Return a progress function that also lets the curve grow while the program runs."""
        if progress is None:
            return None

        def report(moment: int) -> bool:
            # The last pass may be incomplete.
            self._note_costs(self.timeline.sgd_step(moment))
            return progress(moment)

        return report

    def _update_here(self) -> Update | None:
        where = self.where
        if where.phase != "update" or where.node is None:
            return None
        found, position = self.recorded.present, self.timeline.position(self.moment)
        before = None if found is None else found.value(where.node, position - where.part)
        after = self.recorded.known_value(where.node)
        if before is None or after is None or before.shape != after.shape:
            return None
        rate = self.recorded.updates.of(self.sgd_step).rate_of(where.node)
        return Update(before.astype(np.float64), self.value(where.node), rate)

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
            if step >= len(self.steps) or not self._advance.is_complete(step):
                if self._advance.towards(step, progress):
                    target = self._rebuild(target)
                    continue
                return self._last_reached(target)
            last = self.last_position(step)
            if len(self.recorded.updates.trained) > len(self.graph.trainables):
                target = self._rebuild(target)
                continue
            if position <= last:
                # A move by single moments does not skip the updates.
                leaps = target == self._end_of_pass and target > self.moment + 1
                if leaps and self._advance.to_updates(step, progress):
                    target = self._rebuild(target)
                    continue
                return target
            if self._advance.to_updates(step, progress):
                target = self._rebuild(target)
                continue
            at_the_end = self._ends.last_moment(step)
            if position == self.timeline.length and self.moment < at_the_end:
                # Stop at the end of a pass that ends earlier than others.
                return at_the_end
            no_next = step + 1 >= len(self.steps) and bool(self.recorded_run.ending)
            if no_next and self._advance.is_last(step):
                return at_the_end
            target = self.timeline.first_of(step + 1)

    def _after_updates(self, target: int, progress: Progress | None) -> int:
        """Find out the updates of the current pass; return `target` on the resulting timeline.

        From the end of a pass, the next moment is its first update, if there is one.
        """
        current, builds = self.timeline.sgd_step(self.moment), self.timeline.builds
        if self.timeline.sgd_step(target) <= current:
            return target
        if not self._advance.to_updates(current, progress):
            return target
        is_next = target == self.moment + 1
        target = self._rebuild(target)
        return self.moment + 1 if is_next and self.timeline.builds != builds else target

    def _trace_ahead(self) -> int | None:
        """Return the moment at which the program calls `set_trace`, if it is ahead in this line."""
        number = self.recorded_run.traced_at
        if number is None or number == self.run_lines.stopped_at:
            return None
        outline = self.recorded_run.outline(number)
        stop = self.timeline.first_of(outline.step)
        return stop if outline.line == self.line and stop > self.moment else None

    def must_stop(self) -> bool:
        """Whether the program itself stopped at the current pass; True only once per stop."""
        number = self.recorded_run.traced_at
        if number in (None, self.run_lines.stopped_at) or self.steps[self.sgd_step] != number:
            return False
        self.run_lines.stopped_at = number
        return True

    def _last_reached(self, target: int) -> int:
        last = len(self.steps) - 1
        if not self.recorded_run.ending:
            # Interrupted during a pass: its feed exists, but not its end.
            while last and not self.recorded.outline(last).complete:
                last -= 1
        return max(min(target, self._ends.last_moment(last)), min(self.moment, target))

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
            if i == known == target or following >= len(self.recorded_run):
                return
            other = self.recorded_run.outline(following).line
            if other != self.line:
                self.go(self._ends.last_moment(i))
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
            if before >= 0 and self.recorded_run.outline(before).line != self.line:
                self.go(self.timeline.first_of(i))
                raise self._other_run(before, at_its_end=True)

    def _other_run(self, number: int, *, at_its_end: bool) -> OtherRun:
        outline = self.recorded_run.outline(number)
        other = self.run_lines.debugger(outline.line)
        other._rebuild()
        first = other.timeline.first_of(outline.step)
        other.go(other._ends.last_moment(outline.step) if at_its_end else first)
        return OtherRun(other, back=at_its_end)

    @property
    def lines(self) -> Sequence[Debugger]:
        """The debuggers of all lines of the run."""
        return self.run_lines.all()

    @property
    def passes_run(self) -> int:
        """The number of passes that the line has so far."""
        return len(self.steps)

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

    def before_block(self, step: int) -> Debugger | None:
        """Return the debugger of the line of the previous pass, at the end of that pass."""
        number = self.steps[step] - 1
        if number < 0:
            return None
        return self._other_run(number, at_its_end=True).debugger

    def find_line(self, number: int, progress: Progress | None = None) -> Debugger:
        """Return the debugger of a line, counted from 0; run the program until it exists."""
        while number >= len(self.run_lines) and self._advance.by_one_pass(progress):
            pass
        return super().find_line(number, progress)

    # Steps of a move ---------------------------------------------------------------------------

    def _walk(self, target: int, progress: Progress | None = None) -> None:
        self._set_moment(target)

    def _travel(self, target: int, progress: Progress | None) -> None:
        self._set_moment(target)

    # Checking ----------------------------------------------------------------------------------

    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of the current pass, of one node or of all.

        Our own ops are checked here, with the recorded numbers; nodes of the program's own classes
        are checked in the program, if it is running.
        """
        present = self.recorded.present
        assert present is not None
        return check_pass(self._graph, present, self.timeline, self.run_lines.checker, node)
