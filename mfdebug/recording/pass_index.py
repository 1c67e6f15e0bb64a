"""The index of a run in memory: a few numbers per pass, and which passes form a line.

It reads no file. A pass may be put again, as the last ones are while a program runs; it can then
move to another line.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from mfdebug.recording.lines import Lines
from mfdebug.recording.records import Fault, Structure
from mfdebug.recording.schema import AFTER_GAP, FINISHED, Head

_WHOLE, _COMPLETE, _BACKWARD, _AFTER_GAP = 1, 2, 4, 8


class StructureLine(NamedTuple):
    """The line of a structure, and whether its passes run backward."""

    line: int
    backward: bool


class PassIndex:
    """The passes and lines of a run, as far as they were put; read its attributes, and use `put`.

    `structure`, `turn`, `crc`, `line`, `step`, `graph` and `sharing` have one item per pass, as
    have `before` and `next`: the previous and the next pass of its line over the same graph, -1 if
    there is none. `steps`, `costs`, `latest`, `graph_returns` and `finals` have one item per line.
    """

    def __init__(self) -> None:
        self.lines = Lines()
        self.of_structure: dict[int, StructureLine] = {}
        self.structure, self.turn = array("q"), array("q")
        self._flags, self.crc = array("B"), array("q")
        self.line, self.step = array("q"), array("q")
        self.graph, self.sharing = array("q"), array("q")
        self.before, self.next = array("q"), array("q")
        self.faults: dict[int, Fault] = {}
        # The passes right before which others were not watched, in order.
        self._after_gaps: list[int] = []
        self.steps: list[array[int]] = []
        self.costs: list[array[float]] = []
        # The last pass over each graph; whether a graph was run again after another one.
        self.latest: list[dict[int, int]] = []
        self.graph_returns: list[bool] = []
        # The row of the final values, by line and graph.
        self.finals: list[dict[int, int]] = []

    def __len__(self) -> int:
        return len(self.structure)

    def is_whole(self, number: int) -> bool:
        """Whether the numbers of a pass were written; they may have been thinned since."""
        return bool(self._flags[number] & _WHOLE)

    def is_complete(self, number: int) -> bool:
        """Whether a pass is finished."""
        return bool(self._flags[number] & _COMPLETE)

    def is_after_gap(self, number: int) -> bool:
        """Whether passes right before a pass were not watched."""
        return bool(self._flags[number] & _AFTER_GAP)

    def gap_after(self, number: int) -> int | None:
        """Return the first pass after the next gap, None if all passes since were watched."""
        at = bisect_right(self._after_gaps, number)
        return self._after_gaps[at] if at < len(self._after_gaps) else None

    def has_backward(self, number: int) -> bool:
        """Whether backward ran in a pass."""
        return bool(self._flags[number] & _BACKWARD)

    def add_structure(self, number: int, structure: Structure) -> bool:
        """Add a structure; return whether an existing line has changed."""
        line, changed = self.lines.add(structure)
        self.of_structure[number] = StructureLine(line, bool(structure.backward))
        if line == len(self.steps):
            self.steps.append(array("q"))
            self.costs.append(array("d"))
            self.latest.append({})
            self.graph_returns.append(False)
            self.finals.append({})
            return False
        return changed

    def put(self, head: Head, fault: Fault | None, of_structure: StructureLine) -> None:
        """Add the next pass, or a new version of an earlier one."""
        number, (line, backward) = head.number, of_structure
        if fault is not None:
            self.faults[number] = fault
        else:
            self.faults.pop(number, None)
        flags = head.whole * _WHOLE | backward * _BACKWARD
        if head.complete & FINISHED:
            flags |= _COMPLETE
        if head.complete & AFTER_GAP:
            flags |= _AFTER_GAP
            if not self._after_gaps or number > self._after_gaps[-1]:
                self._after_gaps.append(number)
        if number < len(self.crc):
            self._leave_line(number)
        else:
            for column in (self.structure, self.turn, self._flags, self.crc):
                column.append(0)
            for column in (self.line, self.step, self.graph, self.sharing):
                column.append(0)
            self.before.append(-1)
            self.next.append(-1)
        self.graph[number], self.sharing[number] = head.graph, head.sharing
        self.structure[number], self.turn[number] = head.structure, head.turn
        self._flags[number], self.crc[number] = flags, head.crc
        self._join_line(number, line, math.nan if head.cost is None else float(head.cost))

    def _join_line(self, number: int, line: int, cost: float) -> None:
        steps = self.steps[line]
        step = len(steps)
        if steps and steps[-1] > number:
            step = bisect_left(steps, number)
        steps.insert(step, number)
        self.costs[line].insert(step, cost)
        self.line[number] = line
        for later in range(step, len(steps)):
            self.step[steps[later]] = later
        self._join_graph(number)

    def _join_graph(self, number: int) -> None:
        """Insert a pass into the list of its line's passes over the same graph."""
        line, graph = self.line[number], self.graph[number]
        latest = self.latest[line]
        before, after = latest.get(graph, -1), -1
        while before > number:
            before, after = self.before[before], before
        self.before[number], self.next[number] = before, after
        if before >= 0:
            self.next[before] = number
        if after >= 0:
            self.before[after] = number
        else:
            latest[graph] = number
        steps = self.steps[line]
        for later in range(self.step[number], len(steps)):
            earlier = self.before[steps[later]]
            if earlier >= 0 and earlier != steps[later - 1]:
                self.graph_returns[line] = True

    def _leave_line(self, number: int) -> None:
        self._leave_graph(number)
        line, step = self.line[number], self.step[number]
        steps = self.steps[line]
        del steps[step], self.costs[line][step]
        for later in range(step, len(steps)):
            self.step[steps[later]] = later

    def _leave_graph(self, number: int) -> None:
        latest, graph = self.latest[self.line[number]], self.graph[number]
        before, after = self.before[number], self.next[number]
        if before >= 0:
            self.next[before] = after
        if after >= 0:
            self.before[after] = before
        elif before >= 0:
            latest[graph] = before
        else:
            del latest[graph]
