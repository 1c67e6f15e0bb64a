"""The debugger of a recorded line: a cursor over its passes, which runs the program on demand.

Here, a pass is an SGD step. A pass that ends earlier than others (forward only, at a fault, without
an update) has no later moments, and the cursor skips them. If the program's next pass is on another
line, the debugger of that line takes over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfdebug.core.format.hints import GO_BACK
from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY
from mfdebug.core.timeline.cursor import Update
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, OtherRun, Progress, SetTrace
from mfdebug.core.timeline.state import Contribution, Freshness
from mfdebug.core.timeline.timeline import Moment, Phase
from mfdebug.recording.gradient_check import Checker, check_pass
from mfdebug.recording.nodes import graph_of, sgd_at
from mfdebug.recording.passes import NOT_KEPT
from mfdebug.recording.plan import RecordedPlan
from mfdebug.recording.records import Fault, Run
from miniflow.errors import MiniflowError
from miniflow.files import save as save_graph
from miniflow.gradcheck.checker import Verdict
from miniflow.node import Input
from miniflow.ops.base import Op, shape_text
from miniflow.training.progress import Training


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


class RecordedDebugger(Debugger):
    """The debugger of one line of a program's run, which has at least one pass."""

    plan: RecordedPlan

    def __init__(self, run_lines: RecordedLines, line: int) -> None:
        self.run_lines, self.line = run_lines, line
        self.recorded_run = run_lines.run
        graph = graph_of(self.recorded_run.lines[line], run_lines.name(line))
        self.recorded = RecordedPlan(self.recorded_run, line, graph)
        super().__init__(graph, history_memory=run_lines.history_memory, plan=self.recorded)
        self._graph = graph
        self._call_order = self._current_call_order()
        self._built: object = None
        self._ignoring_others = False
        # The target of a move by whole passes: the end of one whose updates may not be known yet.
        self._end_of_pass = -1
        self._rebuild()
        self._set_moment(0)

    # Timeline ----------------------------------------------------------------------------------

    @property
    def steps(self) -> Sequence[int]:
        """The numbers of the passes of this line in the whole run."""
        return self.recorded_run.steps(self.line)

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
        self._find_end()
        return target

    def _current_call_order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        structure = self.recorded_run.lines[self.line]
        return structure.forward, structure.backward

    def _find_end(self) -> None:
        """Set the end of the timeline, if the program ended in this line."""
        self.timeline.end = None
        last = len(self.steps) - 1
        if self.recorded_run.ending and self.steps[last] == len(self.recorded_run) - 1:
            self.timeline.end = self._last_moment(last)

    def last_position(self, step: int) -> int:
        """Return the last position of a pass, as far as known."""
        timeline, outline = self.timeline, self.recorded.outline(step)
        if outline.fault is not None:
            position = timeline.position_of(outline.fault.direction, outline.fault.node)
            if position is not None:
                return position - 1
        forward = 1 + len(timeline.forward)
        if outline.fault is not None:
            return 1 if outline.fault.direction == "forward" else forward
        if not outline.complete and self.recorded_run.ending:
            return self._position_at_exit(step)
        if not outline.backward:
            return forward
        backward = forward + len(timeline.backward)
        return timeline.length if self.recorded.updates.of(step).changed else backward

    def is_finite(self, step: int) -> bool:
        """Whether it is certain that no number of a pass is NaN or infinite."""
        found = self.recorded.pass_of(step)
        return found is not None and found.finite

    def _position_at_exit(self, step: int) -> int:
        """Return the last position of a pass during which the program ended."""
        found = self.recorded.pass_of(step)
        if found is None or found.numbers is None:
            return 1
        position = 1
        for i in self.timeline.forward:
            if i not in found.numbers.values and i not in found.numbers.texts:
                return position
            position += 1
        sent = {consumer for consumer, _ in found.numbers.sent} | found.numbers.own.keys()
        for i in self.timeline.backward:
            if i not in sent:
                break
            position += 1
        return position

    def _last_moment(self, step: int) -> int:
        return self.timeline.start_of(step) + self.last_position(step)

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
        last, ending = len(self.steps) - 1, self.recorded_run.ending
        fault = self.recorded.outline(last).fault
        if fault is None:
            return ending
        message = self._fault_message(fault, last)
        if not ending or fault.error in ending:
            return f"the program ended: {message}" if ending else message
        return f"{message}; {ending}"

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
        start = self.moment
        target = self._reach(max(moment, 0), progress)
        self._set_moment(target)
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
        if count > 0 and not self._ignoring_others and self._find_updates(step, progress):
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
        self._note_costs()
        self.last_update = self._update_here()

    def _note_costs(self) -> None:
        """Add the costs of all passes up to here to the curve."""
        for step in range(len(self.history.costs), self.costs_reached):
            self.history.record_cost(step, self.recorded.outline(step).cost)

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
            if step >= len(self.steps) or not self._is_complete(step):
                if self._run_program(step, progress):
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
                if leaps and self._find_updates(step, progress):
                    target = self._rebuild(target)
                    continue
                return target
            if self._find_updates(step, progress):
                target = self._rebuild(target)
                continue
            at_the_end = self._last_moment(step)
            if position == self.timeline.length and self.moment < at_the_end:
                # Stop at the end of a pass that ends earlier than others.
                return at_the_end
            if step + 1 >= len(self.steps) and self.recorded_run.ending and self._is_last(step):
                return at_the_end
            target = self.timeline.first_of(step + 1)

    def _after_updates(self, target: int, progress: Progress | None) -> int:
        """Find out the updates of the current pass; return `target` on the resulting timeline.

        From the end of a pass, the next moment is its first update, if there is one.
        """
        current, builds = self.timeline.sgd_step(self.moment), self.timeline.builds
        if self.timeline.sgd_step(target) <= current or not self._find_updates(current, progress):
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

    def _is_complete(self, step: int) -> bool:
        return self.recorded.outline(step).complete or bool(self.recorded_run.ending)

    def _is_last(self, step: int) -> bool:
        return self.steps[step] == len(self.recorded_run) - 1

    def _last_reached(self, target: int) -> int:
        last = len(self.steps) - 1
        if not self.recorded_run.ending:
            # Interrupted during a pass: its feed exists, but not its end.
            while last and not self.recorded.outline(last).complete:
                last -= 1
        return max(min(target, self._last_moment(last)), min(self.moment, target))

    def _run_program(self, step: int, progress: Progress | None) -> bool:
        """Run the program towards a pass of this line; return whether it advanced."""
        run, count = self.recorded_run, len(self.recorded_run)
        if run.ending:
            return False
        running = not run.outline(count - 1).complete
        beyond = step - len(self.steps)
        if running:
            run.run_to(count - 1, self._stop_test(progress))
            return bool(run.ending) or run.outline(count - 1).complete
        run.run_to(count + max(beyond, 0), self._stop_test(progress))
        return bool(run.ending) or len(run) > count

    def _find_updates(self, step: int, progress: Progress | None) -> bool:
        """Run the program until the updates after a pass are known.

        It does not run past a pass of another line. Returns whether more is known than before.
        """
        steps, run = self.steps, self.recorded_run
        if step >= len(steps) or run.inputs_after(steps[step]) or run.ending:
            return False
        outline = run.outline(steps[step])
        if not outline.complete or not self._is_last(step):
            return False
        if not outline.backward and not self._graph.has_backward:
            return False
        run.run_to(len(run), self._stop_test(progress))
        self.recorded.forget_passes()
        return bool(run.inputs_after(steps[step])) or bool(run.ending)

    def _stop_test(self, progress: Progress | None) -> Callable[[], bool] | None:
        if progress is None:
            return None
        return lambda: progress(self.timeline.start_of(len(self.steps)))

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
                self.go(self._last_moment(i))
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
        other.go(other._last_moment(outline.step) if at_its_end else first)
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
        while number >= len(self.run_lines) and not self.recorded_run.ending:
            count = len(self.recorded_run)
            self.recorded_run.run_to(count, self._stop_test(progress))
            if len(self.recorded_run) == count and not self.recorded_run.ending:
                break
        return super().find_line(number, progress)

    # Steps of a move ---------------------------------------------------------------------------

    def _walk(self, target: int, progress: Progress | None = None) -> None:
        self._set_moment(target)

    def _travel(self, target: int, progress: Progress | None) -> None:
        self._set_moment(target)

    # Reading -----------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The learning rate of the current pass; NaN if it is not known."""
        return self.recorded.rate

    def value_freshness(self, node: int) -> Freshness:
        """Return the freshness of a value; not known if not kept or not a number."""
        target = self.graph.nodes[node]
        value = self.recorded.known_value(node)
        known = value is not None and value.size > 0
        if isinstance(target, Input):
            if self.moment == 0 and not target.trainable:
                return Freshness.WAITING
            return Freshness.CURRENT if known else Freshness.UNKNOWN
        position = self.timeline.position_of("forward", node)
        if position is None or position > self.timeline.position(self.moment):
            return Freshness.STALE if known else Freshness.WAITING
        if known:
            return Freshness.CURRENT
        return Freshness.UNKNOWN if self._missing(node) else Freshness.WAITING

    def _missing(self, node: int) -> str:
        """Return why a value is not known in this pass; empty if it was not computed."""
        found = self.recorded.present
        if found is None or found.numbers is None:
            return NOT_KEPT
        value = self.recorded.known_value(node)
        if value is not None and not value.size:
            return f"empty: its shape is {shape_text(value.shape)}"
        if text := found.text(node):
            return f"not a number but {text}"
        return NOT_KEPT if isinstance(self.graph.nodes[node], Input) else ""

    def unknown(self, node: int, *, gradient: bool = False) -> str:
        """Return why a value or gradient that the program had is not known, or an empty string."""
        if not gradient:
            if self.value_freshness(node) is not Freshness.UNKNOWN:
                return ""
            return self._missing(node)
        if self.gradient_freshness(node) is not Freshness.UNKNOWN:
            return ""
        found = self.recorded.present
        if found is None or found.numbers is None:
            return NOT_KEPT
        if (raw := found.numbers.own.get(node)) is not None:
            return f"wrong shape: its own gradient has shape {shape_text(raw.shape)}"
        position = self.timeline.position(self.moment)
        reasons = [
            self.unsent(consumer, input_index)
            for consumer, input_index in found.edges(node)
            if (self.timeline.position_of("backward", consumer) or position + 1) <= position
        ]
        reasons = [reason for reason in reasons if reason]
        return reasons[0] if reasons else "nothing was sent to it"

    def gradient_freshness(self, node: int) -> Freshness:
        """Return the freshness of a gradient; not known if not kept or of a wrong shape."""
        if not self._graph.has_backward or not self.graph.reaches_cost[node]:
            return Freshness.NONE
        if node in self._class_numbers:
            return Freshness.NONE
        gradient = self.recorded.known_gradient(node)
        known = gradient is not None and gradient.size > 0
        due = self.timeline.position_of("backward", node)
        position = self.timeline.position(self.moment)
        if due is not None and due <= position:
            return Freshness.CURRENT if known else Freshness.UNKNOWN
        if not self.recorded.waits_for_gradient(node):
            return Freshness.PARTIAL if known else Freshness.UNKNOWN
        return Freshness.STALE if known else Freshness.WAITING

    def no_gradient(self, node: int) -> str:
        """Return why a node never has a gradient, or an empty string."""
        if not self._graph.has_backward:
            return "the program runs no backward pass here"
        return super().no_gradient(node)

    def unsent(self, consumer: int, input_index: int) -> str:
        """Return why a contribution is not known, or an empty string."""
        found = self.recorded.present
        if found is None:
            return ""
        sent = found.sent(consumer, input_index)
        if sent is None:
            return found.unsent(consumer, input_index)
        shape = self.recorded.shape_of(self.graph.inbound[consumer][input_index])
        return (
            "" if sent.shape == shape else f"its value has another shape now: {shape_text(shape)}"
        )

    def contributions(self, node: int) -> list[Contribution]:
        """Return the contributions to a node; an input used twice may have only their sum."""
        found = self.recorded.present
        known_edges = set() if found is None else set(found.edges(node))
        return [
            edge
            for edge in super().contributions(node)
            if (edge.consumer, edge.input_index) in known_edges
        ]

    def contribution(self, consumer: int, input_index: int) -> Contribution | None:
        """Return the contribution along one edge; its value is None if it is not known."""
        edge = super().contribution(consumer, input_index)
        if edge is None or not edge.reported or not self.unsent(consumer, input_index):
            return edge
        return Contribution(consumer, input_index, True, None)

    def reported(self, node: int) -> int:
        """Return the number of a node's consumer edges that have sent their contribution."""
        return sum(edge.reported for edge in self.contributions(node))

    def departs(self, node: int, phase: Phase) -> str:
        """Return how the recorded numbers differ from the rule of an op, or an empty string."""
        found = self.recorded.present
        return "" if found is None else found.departs(node, phase)

    def explicable(self, node: int) -> bool:
        """Whether the known values have shapes that fit an op's rule."""
        op = self.graph.nodes[node]
        value = self.recorded.known_value(node)
        inputs = [self.recorded.known_value(i) for i in self.graph.inbound[node]]
        if not isinstance(op, Op) or value is None or any(x is None or not x.size for x in inputs):
            return False
        try:
            shape = op.output_shape(*(x.shape for x in inputs if x is not None))
        except (MiniflowError, LookupError, TypeError, ValueError):
            # From a damaged file or another version.
            return False
        return shape == value.shape

    def overwritten_at(self, node: int) -> int | None:
        """Return the last moment of this pass at which another node changed this one's value."""
        found = self.recorded.present
        position = (
            None if found is None else found.changed_at(node, self.timeline.position(self.moment))
        )
        return None if position is None else self.timeline.start_of(self.sgd_step) + position

    def overwrites(self, node: int) -> list[int]:
        """Return the inputs whose values a node changes in its forward."""
        found = self.recorded.present
        return [] if found is None else found.changes_of(node)

    def origin(self, node: int) -> str:
        """Return where the program created a node, or an empty string."""
        file, line = self._graph.made_at[node]
        return f"made in {Path(file).name}, line {line}" if file else ""

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of a phase of a node; an update may be many passes ago."""
        position = self.timeline.position_of(phase, node)
        if position is None:
            return None
        step = self.sgd_step - (position > self.timeline.position(self.moment))
        if phase == "update":
            while step >= 0 and node not in self.recorded.updates.of(step).changed:
                step -= 1
        if step < 0 or position > self.last_position(step):
            return None
        return self.timeline.start_of(step) + position

    @property
    def remark(self) -> str:
        """A remark on this moment: that little of the pass was kept, or that a node raised."""
        outline = self.recorded.outline(self.sgd_step)
        remarks = []
        if self.moment and not outline.whole:
            remarks.append("only the cost and small inputs of this pass were kept")
        if outline.fault is not None and self.moment == self._last_moment(self.sgd_step):
            remarks.append(self._fault_message(outline.fault, self.sgd_step))
        return "; ".join(remarks)

    def _fault_message(self, fault: Fault, step: int) -> str:
        node = self.graph.nodes[fault.node]
        found = self.recorded.pass_of(step)
        shapes = []
        for i in self.graph.inbound[fault.node]:
            shape = None if found is None else found.shape(i)
            text = "?" if shape is None else shape_text(shape)
            shapes.append(f"{self.graph.nodes[i].label} {text}")
        inputs = ", ".join(shapes) or "none"
        message = f"{fault.error}: {fault.words}" if fault.words else fault.error
        return f"{fault.direction} of {node.label} raised {message} [its inputs: {inputs}]"

    # Checking and saving -----------------------------------------------------------------------

    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of the current pass, of one node or of all.

        Our own ops are checked here, with the recorded numbers; nodes of the program's own classes
        are checked in the program, if it is running.
        """
        present = self.recorded.present
        assert present is not None
        return check_pass(self._graph, present, self.timeline, self.run_lines.checker, node)

    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Raise `DebuggerError`: the values of a program cannot be changed."""
        raise DebuggerError(
            "the values of a program cannot be changed",
            hint="save FILE writes this network as a graph file, which can be changed",
        )

    def set_learning_rate(self, rate: float) -> int:
        """Raise `DebuggerError`, as `set_value` does."""
        return self.set_value(0, None, rate)

    def save(self, path: str | Path) -> None:
        """Save the network as a graph file, with the values of its inputs at this moment.

        Raises `GraphError` naming the nodes that are not of this miniflow, `DebuggerError` if a
        value is not known.
        """
        graph = self._graph.saveable()
        for i, node in enumerate(graph.nodes):
            if not isinstance(node, Input):
                continue
            value = self.recorded.known_value(i)
            if value is None:
                reason = self._missing(i) or "not fed"
                raise DebuggerError(f"{node.label}'s value: {reason}", where="save")
            node.value = value.copy()
        graph.training = self._training()
        save_graph(graph, path)

    def _training(self) -> Training:
        """Return training at the rate of this pass, or of the last pass before it with a rate."""
        for step in range(self.sgd_step, -1, -1):
            rate = self.recorded.updates.of(step).rate
            if not math.isnan(rate):
                return sgd_at(rate)
        return sgd_at(math.nan)
