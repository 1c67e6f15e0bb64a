"""The debugger of a recorded line: a cursor over its passes, which asks the run for more of them.

Passes are SGD steps here. One that ends earlier than others (forward alone, at a fault, without an
update) has no later moments: the cursor steps over them. Where the program's next pass is of
another line, the cursor of that line takes over.
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
    """The lines of a run, a debugger for each; they are made when the run comes to them."""

    def __init__(
        self, run: Run, *, history_memory: int = DEFAULT_MEMORY, checker: Checker | None = None
    ) -> None:
        self.run = run
        self.history_memory = history_memory
        self.checker = checker
        # The pass at which the program has last stopped by itself, as far as that was told.
        self.stopped_at = run.traced_at
        self._debuggers: dict[int, RecordedDebugger] = {}

    def __len__(self) -> int:
        return len(self._with_passes())

    def _with_passes(self) -> list[int]:
        """Return the lines that have a pass: one that was begun may turn out to be of another."""
        run = self.run
        return [line for line in range(len(run.lines)) if len(run.steps(line))]

    def debugger(self, line: int) -> RecordedDebugger:
        """Return the debugger of a line, which has a pass."""
        if line not in self._debuggers:
            self._debuggers[line] = RecordedDebugger(self, line)
        return self._debuggers[line]

    def all(self) -> list[RecordedDebugger]:
        """Return the debuggers of all lines that have a pass by now."""
        return [self.debugger(line) for line in self._with_passes()]

    def name(self, line: int) -> str:
        """Return the name of a line's graph: of the run, and its number among those with passes."""
        number = self._with_passes().index(line)
        return f"{self.run.name} {number + 1}" if number else self.run.name


class RecordedDebugger(Debugger):
    """A debugger on one line of a program's run. The line has at least one pass."""

    plan: RecordedPlan

    def __init__(self, family: RecordedLines, line: int) -> None:
        self.family, self.line = family, line
        self.run_of = family.run
        graph = graph_of(self.run_of.lines[line], family.name(line))
        self.recorded = RecordedPlan(self.run_of, line, graph)
        super().__init__(graph, history_memory=family.history_memory, plan=self.recorded)
        self._graph = graph
        self._followed = self._order()
        self._built: object = None
        self._looking = False
        # Where whole passes were asked for: the end of one whose updates may not be known yet.
        self._end_of_pass = -1
        self._learn()
        self._stand(0)

    # The line of moments -----------------------------------------------------------------------

    @property
    def steps(self) -> Sequence[int]:
        """The numbers of the passes of this line in the whole run."""
        return self.run_of.steps(self.line)

    def _learn(self, target: int = 0) -> int:
        """Build the line of moments anew when more is known of what a pass is made of.

        Returns what `target` is on the new line: the same place of its pass, or again its end.
        """
        updates, graph = self.recorded.updates, self._graph
        if self._order() != self._followed:
            # The first pass that went back has come.
            graph.follow(self.run_of.lines[self.line])
            self._followed = self._order()
        updates.learn()
        graph.note_trained(updates.trained)
        graph.fed = set(updates.fed)
        built = tuple(graph.forward_nodes), tuple(graph.backward_nodes), tuple(graph.trainables)
        if built != self._built:
            self._built = built
            step, place = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
            wanted, wanted_place = self.timeline.sgd_step(target), self.timeline.position(target)
            to_its_end = wanted_place == self.timeline.length
            self.timeline.build(graph, backward=graph.goes_back)
            self.recorded.timeline = self.timeline
            self.recorded.renew()
            self._first_reports.clear()
            self._last_reports.clear()
            self.__dict__.pop("_first_updates", None)
            self.__dict__.pop("_class_numbers", None)
            self.moment = self.timeline.start_of(step) + place if self.moment else 0
            self.recorded.go_to(step, self.timeline.position(self.moment))
            if to_its_end:
                wanted_place = self.timeline.length
            asked, target = target, self.timeline.start_of(wanted) + wanted_place if target else 0
            if asked == self._end_of_pass:
                self._end_of_pass = target
        self._find_end()
        return target

    def _order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        structure = self.run_of.lines[self.line]
        return structure.forward, structure.backward

    def _find_end(self) -> None:
        """Know where the line ends, if the program does so in this line."""
        self.timeline.end = None
        last = len(self.steps) - 1
        if self.run_of.ending and self.steps[last] == len(self.run_of) - 1:
            self.timeline.end = self._last_moment(last)

    def last_position(self, step: int) -> int:
        """Return the last place of a pass that there is, as far as is known."""
        timeline, outline = self.timeline, self.recorded.outline(step)
        if outline.fault is not None:
            place = timeline.position_of(outline.fault.direction, outline.fault.node)
            if place is not None:
                return place - 1
        forward = 1 + len(timeline.forward)
        if outline.fault is not None:
            return 1 if outline.fault.direction == "forward" else forward
        if not outline.complete and self.run_of.ending:
            return self._broken_off(step)
        if not outline.backward:
            return forward
        backward = forward + len(timeline.backward)
        return timeline.length if self.recorded.updates.of(step).changed else backward

    def is_finite(self, step: int) -> bool:
        """Whether it is known that no number of a pass is NaN or infinite."""
        found = self.recorded.pass_of(step)
        return found is not None and found.finite

    def _broken_off(self, step: int) -> int:
        """Return how far a pass came in whose middle the program ended."""
        found = self.recorded.pass_of(step)
        if found is None or found.numbers is None:
            return 1
        place = 1
        for i in self.timeline.forward:
            if i not in found.numbers.values and i not in found.numbers.texts:
                return place
            place += 1
        sent = {consumer for consumer, _ in found.numbers.sent} | found.numbers.own.keys()
        for i in self.timeline.backward:
            if i not in sent:
                break
            place += 1
        return place

    def _last_moment(self, step: int) -> int:
        return self.timeline.start_of(step) + self.last_position(step)

    @property
    def endless(self) -> bool:
        """A program comes to its end."""
        return False

    @property
    def has_steps(self) -> bool:
        """A program's passes are counted, trained or not."""
        return True

    @property
    def ending(self) -> str:
        """How the program ended, and which node raised in its last pass."""
        last, ending = len(self.steps) - 1, self.run_of.ending
        fault = self.recorded.outline(last).fault
        if fault is None:
            return ending
        words = self._fault_words(fault, last)
        if not ending or fault.error in ending:
            return f"the program ended: {words}" if ending else words
        return f"{words}; {ending}"

    def coming(self) -> Moment | None:
        """Return the name of the next moment, or None where this line has none yet."""
        step, place = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        if place < self.last_position(step):
            return self.timeline.name(self.moment + 1)
        steps = self.steps
        if step + 1 < len(steps) and steps[step + 1] == steps[step] + 1:
            return self.timeline.name(self.timeline.first_of(step + 1))
        return None

    # Moving ------------------------------------------------------------------------------------

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor; let the program go on as far as that takes.

        Raises `OtherRun` where a pass of another line lies on the way, and `DebuggerError` where
        the program has ended or a node has raised.
        """
        begun = self.moment
        target = self._existing(max(moment, 0), progress)
        self._stand(target)
        if self.moment > begun and self.must_stop():
            raise SetTrace
        if target <= begun < moment and begun == self.timeline.end:
            why = f" ({self.ending})" if self.ending else ""
            raise DebuggerError(f"the line ends here{why}; {GO_BACK}")
        return self.moment

    def go(self, moment: int, progress: Progress | None = None) -> int:
        """Move to a moment of this line, over the passes of other lines."""
        looking, self._looking = self._looking, True
        try:
            return self.move(moment, progress)
        finally:
            self._looking = looking

    def sgd_target(self, count: int, progress: Progress | None = None) -> int:
        """Return where whole passes lead; what a pass is made of must be known for that."""
        step = self.timeline.sgd_step(self.moment)
        if count > 0 and not self._looking and self._know_updates(step, progress):
            self._learn()
        self._end_of_pass = super().sgd_target(count, progress)
        step, place = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        if count > 0 and place < self.timeline.length and self.has_ended(step):
            # The present pass has ended earlier than others: whole ones are those that follow.
            self._end_of_pass += self.timeline.length
        return self._end_of_pass

    def _stand(self, moment: int) -> None:
        self.moment = moment
        step, place = self.timeline.sgd_step(moment), self.timeline.position(moment)
        self.recorded.go_to(step, place)
        self.plan.learning_rate = self.learning_rate
        self._note_costs()
        self.last_update = self._update_here()

    def _note_costs(self) -> None:
        """Have the costs of all passes up to here in the curve."""
        for step in range(len(self.history.costs), self.costs_reached):
            self.history.record_cost(step, self.recorded.outline(step).cost)

    def _update_here(self) -> Update | None:
        where = self.where
        if where.phase != "update" or where.node is None:
            return None
        found, place = self.recorded.present, self.timeline.position(self.moment)
        before = None if found is None else found.value(where.node, place - where.part)
        after = self.recorded.known_value(where.node)
        if before is None or after is None or before.shape != after.shape:
            return None
        rate = self.recorded.updates.of(self.sgd_step).rate_of(where.node)
        return Update(before.astype(np.float64), self.value(where.node), rate)

    def _existing(self, target: int, progress: Progress | None) -> int:
        """Return the moment to stand at, once the program has come as far as it asks."""
        target = self._after_updates(target, progress)
        while True:
            if target == 0:
                self._see_others_before(-1)
                return 0
            step, place = self.timeline.sgd_step(target), self.timeline.position(target)
            if target <= self.moment:
                self._see_others_before(step)
                return self.timeline.start_of(step) + min(place, self.last_position(step))
            self._see_others_after(step)
            if (stop := self._wanted_stop()) is not None and stop < target:
                return stop
            if self.timeline.end is not None and target >= self.timeline.end:
                return self.timeline.end
            if step >= len(self.steps) or not self._is_complete(step):
                if self._let_run(step, progress):
                    target = self._learn(target)
                    continue
                return self._as_far_as_it_came(target)
            last = self.last_position(step)
            if len(self.recorded.updates.trained) > len(self.graph.trainables):
                target = self._learn(target)
                continue
            if place <= last:
                # Whoever goes moment by moment does not leap over the updates.
                leaps = target == self._end_of_pass and target > self.moment + 1
                if leaps and self._know_updates(step, progress):
                    target = self._learn(target)
                    continue
                return target
            if self._know_updates(step, progress):
                target = self._learn(target)
                continue
            at_the_end = self._last_moment(step)
            if place == self.timeline.length and self.moment < at_the_end:
                # To the end of a pass that ends earlier than others.
                return at_the_end
            if step + 1 >= len(self.steps) and self.run_of.ending and self._is_last(step):
                return at_the_end
            target = self.timeline.first_of(step + 1)

    def _after_updates(self, target: int, progress: Progress | None) -> int:
        """Return the target on the line as it is once the updates of the present pass are known.

        From the end of a pass the next moment is its first update, if there is one.
        """
        here, builds = self.timeline.sgd_step(self.moment), self.timeline.builds
        if self.timeline.sgd_step(target) <= here or not self._know_updates(here, progress):
            return target
        next_one = target == self.moment + 1
        target = self._learn(target)
        return self.moment + 1 if next_one and self.timeline.builds != builds else target

    def _wanted_stop(self) -> int | None:
        """Return where the program wants to stop, if that is ahead in this line."""
        number = self.run_of.traced_at
        if number is None or number == self.family.stopped_at:
            return None
        outline = self.run_of.outline(number)
        stop = self.timeline.first_of(outline.step)
        return stop if outline.line == self.line and stop > self.moment else None

    def must_stop(self) -> bool:
        """Whether the program itself wants to stop at the present pass; that is told once."""
        number = self.run_of.traced_at
        if number in (None, self.family.stopped_at) or self.steps[self.sgd_step] != number:
            return False
        self.family.stopped_at = number
        return True

    def _is_complete(self, step: int) -> bool:
        return self.recorded.outline(step).complete or bool(self.run_of.ending)

    def _is_last(self, step: int) -> bool:
        return self.steps[step] == len(self.run_of) - 1

    def _as_far_as_it_came(self, target: int) -> int:
        last = len(self.steps) - 1
        if not self.run_of.ending:
            # Interrupted, at a pass that is not complete: its feed is there.
            while last and not self.recorded.outline(last).complete:
                last -= 1
        return max(min(target, self._last_moment(last)), min(self.moment, target))

    def _let_run(self, step: int, progress: Progress | None) -> bool:
        """Let the program come to a pass of this line; return whether it came on at all."""
        run, count = self.run_of, len(self.run_of)
        if run.ending:
            return False
        running = not run.outline(count - 1).complete
        beyond = step - len(self.steps)
        if running:
            run.run_to(count - 1, self._impatience(progress))
            return bool(run.ending) or run.outline(count - 1).complete
        run.run_to(count + max(beyond, 0), self._impatience(progress))
        return bool(run.ending) or len(run) > count

    def _know_updates(self, step: int, progress: Progress | None) -> bool:
        """Let the program run until it is known what was updated after a pass.

        Not beyond a pass of another line. Returns whether more is known than before.
        """
        steps, run = self.steps, self.run_of
        if step >= len(steps) or run.inputs_after(steps[step]) or run.ending:
            return False
        outline = run.outline(steps[step])
        if not outline.complete or not self._is_last(step):
            return False
        if not outline.backward and not self._graph.goes_back:
            return False
        run.run_to(len(run), self._impatience(progress))
        self.recorded.renew()
        return bool(run.inputs_after(steps[step])) or bool(run.ending)

    def _impatience(self, progress: Progress | None) -> Callable[[], bool] | None:
        if progress is None:
            return None
        return lambda: progress(self.timeline.start_of(len(self.steps)))

    # Other lines -------------------------------------------------------------------------------

    def _see_others_after(self, target: int) -> None:
        """Raise `OtherRun` if a pass of another line lies between the present pass and a later."""
        if self._looking:
            return
        steps, step = self.steps, self.timeline.sgd_step(self.moment)
        known = min(target, len(steps) - 1)
        if target == step or step >= len(steps):
            return
        if known == target and steps[target] - steps[step] == target - step:
            return
        for i in range(step, known + 1):
            following = steps[i] + 1
            if i == known == target or following >= len(self.run_of):
                return
            other = self.run_of.outline(following).line
            if other != self.line:
                self.go(self._last_moment(i))
                raise self._other_run(following, at_its_end=False)

    def _see_others_before(self, target: int) -> None:
        """Raise `OtherRun` if a pass of another line lies between the present pass and an earlier.

        -1 stands for the start of the line.
        """
        if self._looking or self.moment == 0:
            return
        steps, step = self.steps, self.timeline.sgd_step(self.moment)
        if target >= 0 and steps[step] - steps[target] == step - target:
            return
        for i in range(step, max(target, -1), -1):
            before = steps[i] - 1
            if before >= 0 and self.run_of.outline(before).line != self.line:
                self.go(self.timeline.first_of(i))
                raise self._other_run(before, at_its_end=True)

    def _other_run(self, number: int, *, at_its_end: bool) -> OtherRun:
        outline = self.run_of.outline(number)
        other = self.family.debugger(outline.line)
        other._learn()
        first = other.timeline.first_of(outline.step)
        other.go(other._last_moment(outline.step) if at_its_end else first)
        return OtherRun(other, back=at_its_end)

    @property
    def lines(self) -> Sequence[Debugger]:
        """The debuggers of all lines of the run."""
        return self.family.all()

    @property
    def passes_run(self) -> int:
        """How many passes the line has by now."""
        return len(self.steps)

    def begins_block(self, step: int) -> int:
        """Return the first of the passes that follow each other up to this one in the program."""
        steps = self.steps
        while step and steps[step - 1] == steps[step] - 1:
            step -= 1
        return step

    def block_start(self, step: int) -> int:
        """Return the first moment of those passes: their feed, if the program ran others before."""
        first = self.begins_block(step)
        return self.timeline.first_of(first) if self.steps[first] else 0

    def before_block(self, step: int) -> Debugger | None:
        """Return the debugger of the line whose pass came before, at the end of that pass."""
        number = self.steps[step] - 1
        if number < 0:
            return None
        return self._other_run(number, at_its_end=True).debugger

    def find_line(self, number: int, progress: Progress | None = None) -> Debugger:
        """Return the debugger of a line, from 0; let the program run until it comes to it."""
        while number >= len(self.family) and not self.run_of.ending:
            count = len(self.run_of)
            self.run_of.run_to(count, self._impatience(progress))
            if len(self.run_of) == count and not self.run_of.ending:
                break
        return super().find_line(number, progress)

    # How it moves ------------------------------------------------------------------------------

    def _walk(self, target: int, progress: Progress | None = None) -> None:
        self._stand(target)

    def _travel(self, target: int, progress: Progress | None) -> None:
        self._stand(target)

    # What there is to see ----------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The learning rate of the present pass; NaN where it is not known."""
        return self.recorded.rate

    def value_freshness(self, node: int) -> Freshness:
        """Return how a value stands; what is not kept or no number is not known."""
        target = self.graph.nodes[node]
        value = self.recorded.known_value(node)
        known = value is not None and value.size > 0
        if isinstance(target, Input):
            if self.moment == 0 and not target.trainable:
                return Freshness.WAITING
            return Freshness.CURRENT if known else Freshness.UNKNOWN
        place = self.timeline.position_of("forward", node)
        if place is None or place > self.timeline.position(self.moment):
            return Freshness.STALE if known else Freshness.WAITING
        if known:
            return Freshness.CURRENT
        return Freshness.UNKNOWN if self._missing(node) else Freshness.WAITING

    def _missing(self, node: int) -> str:
        """Say why the value of a node is not known in this pass, or nothing: it was not made."""
        found = self.recorded.present
        if found is None or found.numbers is None:
            return NOT_KEPT
        value = self.recorded.known_value(node)
        if value is not None and not value.size:
            return f"no number: its shape is {shape_text(value.shape)}"
        if text := found.text(node):
            return f"no number, but {text}"
        return NOT_KEPT if isinstance(self.graph.nodes[node], Input) else ""

    def unknown(self, node: int, *, gradient: bool = False) -> str:
        """Say why a value or gradient is not known that the program had."""
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
            return f"wrong shape: it keeps one of shape {shape_text(raw.shape)}"
        place = self.timeline.position(self.moment)
        reasons = [
            self.unsent(consumer, input_index)
            for consumer, input_index in found.edges(node)
            if (self.timeline.position_of("backward", consumer) or place + 1) <= place
        ]
        reasons = [reason for reason in reasons if reason]
        return reasons[0] if reasons else "nothing was sent to it"

    def gradient_freshness(self, node: int) -> Freshness:
        """Return how a gradient stands; what is not kept or of a wrong shape is not known."""
        if not self._graph.goes_back or not self.graph.reaches_cost[node]:
            return Freshness.NONE
        if node in self._class_numbers:
            return Freshness.NONE
        gradient = self.recorded.known_gradient(node)
        known = gradient is not None and gradient.size > 0
        turn = self.timeline.position_of("backward", node)
        place = self.timeline.position(self.moment)
        if turn is not None and turn <= place:
            return Freshness.CURRENT if known else Freshness.UNKNOWN
        if not self.recorded.waits_for_gradient(node):
            return Freshness.PARTIAL if known else Freshness.UNKNOWN
        return Freshness.STALE if known else Freshness.WAITING

    def no_gradient(self, node: int) -> str:
        """Say why a node never has a gradient, or nothing."""
        if not self._graph.goes_back:
            return "the program does not go back here"
        return super().no_gradient(node)

    def unsent(self, consumer: int, input_index: int) -> str:
        """Say why it is not known what a node sent to one of its inputs."""
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
        """Return what comes back to a node; of an input taken twice perhaps only the sum."""
        found = self.recorded.present
        there = set() if found is None else set(found.edges(node))
        return [
            one for one in super().contributions(node) if (one.consumer, one.input_index) in there
        ]

    def contribution(self, consumer: int, input_index: int) -> Contribution | None:
        """Return what comes back along one edge; nothing is sent where it is not known."""
        edge = super().contribution(consumer, input_index)
        if edge is None or not edge.reported or not self.unsent(consumer, input_index):
            return edge
        return Contribution(consumer, input_index, True, None)

    def reported(self, node: int) -> int:
        """Return how many of a node's edges to consumers have sent their contribution."""
        return sum(edge.reported for edge in self.contributions(node))

    def departs(self, node: int, phase: Phase) -> str:
        """Say how a recorded number departs from the rule of its op."""
        found = self.recorded.present
        return "" if found is None else found.departs(node, phase)

    def explicable(self, node: int) -> bool:
        """Whether the values at hand have the shapes that an op's rule takes."""
        op = self.graph.nodes[node]
        value = self.recorded.known_value(node)
        inputs = [self.recorded.known_value(i) for i in self.graph.inbound[node]]
        if not isinstance(op, Op) or value is None or any(x is None or not x.size for x in inputs):
            return False
        try:
            shape = op.output_shape(*(x.shape for x in inputs if x is not None))
        except (MiniflowError, LookupError, TypeError, ValueError):
            # Of a damaged file, or of another version.
            return False
        return shape == value.shape

    def overwritten_at(self, node: int) -> int | None:
        """Return the last moment of this pass at which another node changed this one's value."""
        found = self.recorded.present
        place = (
            None if found is None else found.changed_at(node, self.timeline.position(self.moment))
        )
        return None if place is None else self.timeline.start_of(self.sgd_step) + place

    def overwrites(self, node: int) -> list[int]:
        """Return the inputs whose values a node changes in its forward."""
        found = self.recorded.present
        return [] if found is None else found.changes_of(node)

    def origin(self, node: int) -> str:
        """Say where the program made a node."""
        file, line = self._graph.made_at[node]
        return f"made in {Path(file).name}, line {line}" if file else ""

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of this phase of a node; an update may be long ago."""
        place = self.timeline.position_of(phase, node)
        if place is None:
            return None
        step = self.sgd_step - (place > self.timeline.position(self.moment))
        if phase == "update":
            while step >= 0 and node not in self.recorded.updates.of(step).changed:
                step -= 1
        if step < 0 or place > self.last_position(step):
            return None
        return self.timeline.start_of(step) + place

    @property
    def remark(self) -> str:
        """What there is to say here: a node that raised, or that little of the pass was kept."""
        outline = self.recorded.outline(self.sgd_step)
        told = []
        if self.moment and not outline.whole:
            told.append("of this pass only the cost and small inputs were kept")
        if outline.fault is not None and self.moment == self._last_moment(self.sgd_step):
            told.append(self._fault_words(outline.fault, self.sgd_step))
        return "; ".join(told)

    def _fault_words(self, fault: Fault, step: int) -> str:
        node = self.graph.nodes[fault.node]
        found = self.recorded.pass_of(step)
        shapes = []
        for i in self.graph.inbound[fault.node]:
            shape = None if found is None else found.shape(i)
            text = "?" if shape is None else shape_text(shape)
            shapes.append(f"{self.graph.nodes[i].label} {text}")
        inputs = ", ".join(shapes) or "none"
        words = f"{fault.error}: {fault.words}" if fault.words else fault.error
        return f"{fault.direction} of {node.label} raised {words} [its inputs: {inputs}]"

    # What else can be asked --------------------------------------------------------------------

    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of the present pass, of one node or of all.

        Rules of our own ops are checked here, with the recorded numbers; a program's own nodes are
        checked in the program, if it runs.
        """
        present = self.recorded.present
        assert present is not None
        return check_pass(self._graph, present, self.timeline, self.family.checker, node)

    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """A program's numbers are its own."""
        raise DebuggerError(
            "a running program's numbers are its own",
            hint="save FILE writes this network as a graph, where all can be changed",
        )

    def set_learning_rate(self, rate: float) -> int:
        """So is its learning rate."""
        return self.set_value(0, None, rate)

    def save(self, path: str | Path) -> None:
        """Save the network as a graph, with the values that its inputs have at this moment.

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
        """Return a training at the rate of this pass, or of the last one before with a rate."""
        for step in range(self.sgd_step, -1, -1):
            rate = self.recorded.updates.of(step).rate
            if not math.isnan(rate):
                return sgd_at(rate)
        return sgd_at(math.nan)
