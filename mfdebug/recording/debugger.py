"""The debuggers of a program's run, one for each of its lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Progress
from mfdebug.core.timeline.library_ops import LibraryOps
from mfdebug.recording.branch import BranchDebugger
from mfdebug.recording.cursor import RecordedCursor
from mfdebug.recording.nodes import RecordedGraph, graph_of
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.plan import RecordedPlan
from mfdebug.recording.recorded_check import Checker, check_pass
from mfdebug.recording.recorded_state import RecordedState
from mfdebug.recording.records import Run
from mfdebug.recording.saveable import saveable
from mfdebug.recording.whole_pass import WholePass, whole_passes
from miniflow.files import save as save_graph
from miniflow.gradcheck.checker import Verdict
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.training.schedules import Schedule


class Opener(Protocol):
    """Opens the rows of a running program to the ops that its library runs for them."""

    def ops(
        self, graph: RecordedGraph, recorded: RecordedPass, node: int, *, backward: bool
    ) -> LibraryOps:
        """Return the ops of a node's function, with those of its `backward` if that is wanted.

        Raises `DebuggerError` with the reason if they cannot be known.
        """


class RecordedLines:
    """The lines of a run, with a debugger for each, created on demand."""

    def __init__(
        self, run: Run, *, checker: Checker | None = None, opener: Opener | None = None
    ) -> None:
        self.run = run
        self.checker = checker
        self.opener = opener
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

    def at_pass(self, number: int, *, at_its_end: bool) -> RecordedDebugger:
        """Return the debugger of the line of a pass, at the start or end of the pass."""
        outline = self.run.outline(number)
        debugger = self.debugger(outline.line)
        debugger.cursor.go_to_pass(outline.step, at_its_end=at_its_end)
        return debugger

    def name(self, line: int) -> str:
        """Return the name of a line's graph: the run's, numbered from the second line on."""
        number = self._with_passes().index(line)
        return f"{self.run.name} {number + 1}" if number else self.run.name


class RecordedDebugger(Debugger):
    """The debugger of one line of a program's run, which has at least one pass."""

    cursor: RecordedCursor
    state: RecordedState
    graph: RecordedGraph
    plan: RecordedPlan

    def __init__(self, run_lines: RecordedLines, line: int) -> None:
        run = run_lines.run
        plan = RecordedPlan(run, line, graph_of(run.lines[line], run_lines.name(line)))
        cursor = RecordedCursor(plan, run_lines)
        super().__init__(cursor, RecordedState(cursor))
        self._run_lines = run_lines

    # The lines of the run ------------------------------------------------------------------------

    @property
    def lines(self) -> Sequence[Debugger]:
        """The debuggers of all lines of the run."""
        return self._run_lines.all()

    def before_block(self, step: int) -> Debugger | None:
        """Return the debugger of the line of the previous pass, at the end of that pass."""
        number = self.cursor.steps[step] - 1
        return None if number < 0 else self._run_lines.at_pass(number, at_its_end=True)

    def find_line(self, number: int, progress: Progress | None = None) -> Debugger:
        """Return the debugger of a line, counted from 0; run the program until it exists."""
        while number >= len(self._run_lines) and self.cursor.advance.by_one_pass(progress):
            pass
        return super().find_line(number, progress)

    @property
    def remark(self) -> str:
        """That passes right before the present one were not watched, or ""."""
        gap = self.moment > 0 and self.plan.outline(self.sgd_step).after_gap
        return "passes before this one were not watched, so they are not kept" if gap else ""

    def kept_passes(self, most: int, *, newest: bool = False) -> Sequence[WholePass]:
        """Return the last passes of the line whose numbers are kept, at most so many."""
        last = len(self.cursor.steps) - 1 if newest else self.sgd_step
        plan = self.plan
        return whole_passes(plan.recorded_run, plan.line, self.graph, self.timeline, last, most)

    # Changing, saving, checking -------------------------------------------------------------------

    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Raise `DebuggerError`: the values of a program cannot be changed."""
        raise DebuggerError(
            "the values of a program cannot be changed",
            hint="branch computes on from this pass, and there they can be changed",
        )

    def set_gradient(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Raise `DebuggerError`, as `set_value` does."""
        return self.set_value(node, index, value)

    def scale(
        self, node: int, index: tuple[int, ...] | None, factor: Any, *, gradient: bool = False
    ) -> int:
        """Raise `DebuggerError`, as `set_value` does."""
        return self.set_value(node, index, factor)

    def set_learning_rate(self, rate: float) -> int:
        """Raise `DebuggerError`, as `set_value` does."""
        return self.set_value(0, None, rate)

    def set_schedule(self, schedule: Schedule | None) -> int:
        """Raise `DebuggerError`, as `set_value` does."""
        return self.set_value(0, None, schedule)

    def set_trainable(self, node: int, trainable: bool) -> int:
        """Raise `DebuggerError`, as `set_value` does."""
        return self.set_value(node, None, trainable)

    def save(self, path: str | Path) -> None:
        """Save the network as a graph file, with the values of its inputs at this moment.

        Raises `GraphError` naming the nodes that are not of this miniflow, `DebuggerError` if a
        value is not known.
        """
        save_graph(self._copy(self.plan.known_value), path)

    def branched(self) -> BranchDebugger:
        """Return a debugger that computes on from the present pass, as it began.

        Raises `GraphError` naming the nodes that are not of this miniflow, `DebuggerError` if a
        value is not known.
        """
        present = self.plan.present
        assert present is not None
        return BranchDebugger(self, self._copy(lambda node: present.value(node, 1)))

    def _copy(self, value_of: Callable[[int], Array | None]) -> Graph:
        """Return the network as a graph of miniflow's ops, with values for its inputs."""
        present = self.plan.present
        assert present is not None
        graph = saveable(self.graph, present, self._rate())
        for i, recorded in enumerate(self.graph.nodes):
            if not isinstance(recorded, Input):
                continue
            value = value_of(i)
            if value is None:
                reason = self.state.missing(i) or "not fed"
                raise DebuggerError(f"{recorded.label}'s value: {reason}")
            graph[recorded.label].value = value.copy()
        return graph

    def _rate(self) -> float:
        """Return the rate of this pass, or of the last pass before it with a rate; or NaN."""
        for step in range(self.sgd_step, -1, -1):
            made = self.plan.updates.of(step)
            if not math.isnan(made.rate) and made.plain:
                return made.rate
        return math.nan

    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of the current pass, of one node or of all.

        Our own ops are checked here, with the recorded numbers; nodes of the program's own classes
        are checked in the program, if it is running.
        """
        present = self.plan.present
        assert present is not None
        return check_pass(self.graph, present, self.timeline, self._run_lines.checker, node)

    # The ops of a library ------------------------------------------------------------------------

    def library_ops(self, node: int) -> LibraryOps:
        """Return the ops that PyTorch runs for a row, from the program that waits."""
        present, position = self.plan.present, self.timeline.position(self.moment)
        assert present is not None
        nodes = self._run_lines.run.nodes(present.number)
        if nodes[node].is_result:
            (node,) = nodes[node].inbound
        label = self.graph.nodes[node].label
        if isinstance(self.graph.nodes[node], Input):
            raise DebuggerError(f"{label} is an input: nothing is computed in it")
        if nodes[node].engine != "torch":
            raise DebuggerError(f"{label} is not a function of PyTorch: it has no ATen ops")
        forward = self.timeline.position_of("forward", node)
        if forward is None or forward > position:
            raise DebuggerError(f"{label} is not computed yet in this pass")
        opener = self._run_lines.opener
        if opener is None:
            raise DebuggerError(
                f"the ATen ops of {label} are not kept in a run file",
                hint="debug the program itself: mfdebug PROGRAM.py, and ask there",
            )
        due = self.timeline.position_of("backward", node)
        done = due is not None and due <= position
        found = opener.ops(self.graph, present, node, backward=done)
        if due is None:
            return found._replace(no_backward="the program runs no backward through it here")
        if not done:
            return found._replace(no_backward="what comes back is known after its backward")
        return found
