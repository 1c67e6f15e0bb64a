"""A debugger on a running program: the program goes on where the cursor goes beyond what was run.

Passes are SGD steps here. One in which the program does not go back, or updates nothing, ends
earlier than the others: no moment of it lies after that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfdebug.core.debugger import Debugger, DebuggerError, OtherRun, Progress
from mfdebug.core.hints import GO_BACK
from mfdebug.program.passes import Pass, Passes
from mfdebug.program.plan import ProgramPlan
from mfdebug.program.recorder import Recorder
from mfdebug.program.replay import Fault
from miniflow.ops.base import shape_text


class ProgramDebugger(Debugger):
    """A debugger on one graph of a program."""

    def __init__(self, program: Recorder, passes: Passes, *, history_memory: int) -> None:
        program.debuggers[passes] = self
        self.program = program
        self.passes = passes
        super().__init__(passes.graph, history_memory=history_memory, plan=ProgramPlan(passes))
        self._known: object = None
        self._learn()

    # The line of moments -----------------------------------------------------------------------

    def _learn(self, target: int = 0) -> int:
        """Build the line anew when more is known of what a pass is made of.

        Returns what `target` is on the new line: the same place of its pass, or again its end.
        """
        known = self.passes.goes_back, tuple(self.graph.trainables), self.program.ended
        if known == self._known:
            return target
        self._known = known
        step, place = self.timeline.sgd_step(self.moment), self.timeline.place(self.moment)
        wanted, wanted_place = self.timeline.sgd_step(target), self.timeline.place(target)
        to_its_end = wanted_place == self.timeline.length
        self.timeline.build(self.graph, backward=self.passes.goes_back)
        self.timeline.end = None
        self._first_reports.clear()
        self._last_reports.clear()
        self.moment = self.timeline.start_of(step) + place if self.moment else 0
        if self.program.ended:
            last = len(self.passes) - 1
            self.timeline.end = self.timeline.start_of(last) + self._last_place(last)
        if to_its_end:
            wanted_place = self.timeline.length
        return self.timeline.start_of(wanted) + wanted_place if target else 0

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
        """How the program ended, or which node raised."""
        if self.program.error:
            return f"the program ended: {self.program.error}"
        return "the program has ended" if self.program.ended else ""

    def fault(self) -> Fault | None:
        """Return the node that raises in the pass of the present moment, if one does."""
        return self.passes.detail(self.sgd_step).fault

    def _last_place(self, number: int) -> int:
        """Return the last place of a pass that there is, as far as is known."""
        one, timeline = self.passes.all[number], self.timeline
        fault = self.passes.detail(number).fault if self.program.ended else None
        if fault is not None:
            return (timeline.place_of(fault.phase, fault.node) or 1) - 1
        places = 1 + len(timeline.forward)
        if one.backward:
            places += len(timeline.backward)
            if one.updated:
                places += len(timeline.update)
        return places

    # Moving ------------------------------------------------------------------------------------

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor; let the program go on as far as that takes.

        Raises `OtherRun` when the program's next pass is over another graph, `DebuggerError` at
        a node that raises.
        """
        begun = self.moment
        target = self._there(max(moment, 0), progress)
        super().move(target, progress)
        if target < moment and self.moment == begun and self.moment == self.timeline.end:
            raise DebuggerError(self._why_here())
        return self.moment

    def sgd_target(self, count: int, progress: Progress | None = None) -> int:
        """Return where whole passes lead; how long one is must be known for that."""
        if count > 0:
            self._run_through(progress)
            self._learn()
        return super().sgd_target(count, progress)

    def _run_through(self, progress: Progress | None) -> None:
        """Let the program end its present pass, if it is not known yet what it does after one."""
        last = self.passes.all[-1]
        while not (self.passes.learned or last.closed or self.program.ended):
            before = self._shape_of(last)
            self._finish(len(self.passes) - 1, progress)
            if self._shape_of(last) == before:
                return

    def _there(self, target: int, progress: Progress | None) -> int:
        """Return the moment to stand at, once the program has come as far as it asks."""
        while True:
            number, place = self.timeline.sgd_step(target), self.timeline.place(target)
            if target == 0:
                return 0
            known = len(self.passes)
            if self.timeline.end is not None and target >= self.timeline.end:
                return self.timeline.end
            if number >= known:
                count = self.program.count
                self._run_to(number, progress)
                target = self._learn(target)
                if self.program.ended:
                    continue
                if len(self.passes) <= number:
                    if self.program.present is not self.passes and self.program.count > count:
                        raise OtherRun(debugger_of(self.program, self.history.memory))
                    # Interrupted: as far as it came.
                    return self._last_moment()
                continue
            fault = self.passes.detail(number).fault if number == known - 1 else None
            if fault is not None:
                at = self.timeline.place_of(fault.phase, fault.node) or 1
                if place >= at:
                    here = self.timeline.start_of(number) + at - 1
                    if self.moment >= here:
                        raise DebuggerError(self._fault_words(fault))
                    return here
            if number > self.sgd_step and place == self.timeline.length:
                self._run_through(progress)
                target, before_end = self._learn(target), target
                if target != before_end:
                    continue
            if place <= self._last_place(number):
                return target
            if number == known - 1 and not self.passes.all[number].closed:
                before = self._shape_of(self.passes.all[number])
                self._finish(number, progress)
                target = self._learn(target)
                if self._shape_of(self.passes.all[number]) != before or self.program.ended:
                    continue
                if not self.passes.all[number].closed:
                    return self._last_moment()
            # In a pass that ended earlier: on to the next one, or back to its end.
            if target > self.moment:
                target = self.timeline.start_of(number + 1) + 1
            else:
                return self.timeline.start_of(number) + self._last_place(number)

    @staticmethod
    def _shape_of(one: Pass) -> tuple[bool, bool, bool]:
        return one.backward, one.updated, one.closed

    def _last_moment(self) -> int:
        last = len(self.passes) - 1
        return self.timeline.start_of(last) + self._last_place(last)

    def _run_to(self, number: int, progress: Progress | None) -> None:
        """Let the program begin pass `number`; stop earlier if the very next is another graph's."""
        next_one = number == len(self.passes)
        count = self.program.count

        def reached() -> bool:
            begun = len(self.passes) > number
            return begun or (next_one and self.program.count > count)

        self.program.go_on(reached, self._told(progress))

    def _finish(self, number: int, progress: Progress | None) -> None:
        """Let the program come to where a pass goes back, is updated, or is over."""
        one = self.passes.all[number]
        before = self._shape_of(one)
        self.program.go_on(lambda: self._shape_of(one) != before, self._told(progress))

    def _told(self, progress: Progress | None) -> Progress | None:
        if progress is None:
            return None
        return lambda _moment: progress(self.timeline.start_of(len(self.passes)))

    # Words -------------------------------------------------------------------------------------

    def _why_here(self) -> str:
        return f"the line ends here ({self.ending}); {GO_BACK}"

    def _fault_words(self, fault: Fault) -> str:
        node = self.graph.nodes[fault.node]
        shapes = ", ".join(
            f"{self.graph.nodes[i].label} {shape_text(self.plan.shapes[i])}"
            for i in self.graph.inbound[fault.node]
        )
        error = fault.error
        words = (
            str(error) if isinstance(error, DebuggerError) else f"{type(error).__name__}: {error}"
        )
        return f"{fault.phase} of {node.label} raised {words} [its inputs: {shapes or 'none'}]"

    # What a program's run does not allow -------------------------------------------------------

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
        """Save the graph with its present numbers, the batch of this pass among them."""
        graph = self.passes.graph
        fed, graph.fed = graph.fed, set()
        try:
            super().save(path)
        finally:
            graph.fed = fed


def debugger_of(program: Recorder, history_memory: int) -> ProgramDebugger:
    """Return the debugger on the graph of the program's present pass."""
    passes = program.present
    assert passes is not None
    known = program.debuggers.get(passes)
    if isinstance(known, ProgramDebugger):
        return known
    return ProgramDebugger(program, passes, history_memory=history_memory)
