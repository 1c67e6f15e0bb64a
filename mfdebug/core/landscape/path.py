"""The path of the parameters: where each SGD step began.

A computed line is run a second time, by a cursor of its own, so that the session's moment, costs
and checkpoints stay as they are. The passes of a recorded line are read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from mfdebug.core.timeline.branch_costs import fork_after
from mfdebug.core.timeline.checkpoints import Checkpoints
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.engine_copy import nodes_kept, parameters_of
from miniflow.ops.base import Array

# At most this many points are kept, and this many numbers in all; then every second one is dropped.
MOST_POINTS, MOST_NUMBERS = 200, 2**22
# SGD steps of a slice.
STEPS_AT_ONCE = 8
# Bytes of the second run's checkpoints: it goes back only where edits change.
CHECKPOINTS = 2**20


class Point(NamedTuple):
    """The parameters with which an SGD step computed its cost."""

    step: int
    parameters: Array


class Path(ABC):
    """The points of the SGD steps up to the present one, each `stride` steps apart."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self.stride = 1
        self._points: list[Point] = []
        numbers = sum(int(debugger.plan.value(i).size) for i in debugger.graph.trainables)
        self._most = max(2, min(MOST_POINTS, MOST_NUMBERS // max(1, numbers)))

    @abstractmethod
    def begin(self) -> None:
        """Discard what is not of the present branch."""

    @property
    def points(self) -> list[Point]:
        """The points of this SGD step and of those before it, as far as they are known."""
        last = self._last
        return [point for point in self._points if point.step <= last]

    @property
    def _last(self) -> int:
        """The last SGD step that has begun; -1 before the first."""
        return self.debugger.sgd_step if self.debugger.moment else -1

    @property
    def _next(self) -> int:
        return self._points[-1].step + self.stride if self._points else 0

    def advance(self) -> bool:
        """Find a few more points; return whether all are known."""
        for _ in range(STEPS_AT_ONCE):
            if self._next > self._last:
                return True
            self._add(self._next)
            if len(self._points) > self._most:
                self.stride *= 2
                self._points = self._points[::2]
        return self._next > self._last

    @abstractmethod
    def _add(self, step: int) -> None:
        """Add the point of a step."""


class ComputedPath(Path):
    """The path of a computed line, from a second run."""

    def __init__(self, debugger: Debugger) -> None:
        super().__init__(debugger)
        with nodes_kept(debugger.graph):
            self._cursor = ComputedCursor(debugger.graph, history_memory=CHECKPOINTS)
        if isinstance(debugger.cursor, ComputedCursor):
            # The nodes may have other values by now than those with which the session has started.
            self._cursor.plan.restore(debugger.cursor.checkpoints.origin)
            self._cursor.checkpoints = Checkpoints(self._cursor.plan, CHECKPOINTS)
        self._edits: tuple[Edit, ...] = ()

    def begin(self) -> None:
        """Take the present edits, and discard the points after the first that differs."""
        edits = self.debugger.edits
        if edits is self._edits:
            return
        fork = fork_after(self._edits, edits)
        if fork is not None:
            first = self.debugger.timeline.first_of
            self._points = [point for point in self._points if first(point.step) < fork]
            with nodes_kept(self.debugger.graph):
                # The run is repeated from there: what is ahead of it is not needed.
                self._cursor.move(min(self._cursor.moment, max(fork - 1, 0)))
                self._cursor.take_edits(edits)
        self._edits = edits

    def _add(self, step: int) -> None:
        with nodes_kept(self.debugger.graph):
            # Right after the feed, where edits of parameters take effect.
            self._cursor.move(self.debugger.timeline.first_of(step))
        parameters = [
            np.asarray(self._cursor.plan.value(i), np.float64).reshape(-1)
            for i in self.debugger.graph.trainables
        ]
        self._points.append(Point(step, np.concatenate(parameters)))


class RecordedPath(Path):
    """The path of a recorded line: passes whose parameters were not kept are left out."""

    def __init__(self, debugger: Debugger) -> None:
        super().__init__(debugger)
        self._read_to = -1

    def begin(self) -> None:
        """Do nothing: a recorded line has no branches."""

    @property
    def _next(self) -> int:
        return self._read_to + self.stride if self._read_to >= 0 else 0

    def _add(self, step: int) -> None:
        debugger = self.debugger
        self._read_to = step
        with debugger.visiting(debugger.timeline.first_of(step)):
            known = all(
                debugger.state.value_freshness(i) is Freshness.CURRENT
                for i in debugger.graph.trainables
            )
            if known:
                self._points.append(Point(step, parameters_of(debugger)))


def path_of(debugger: Debugger) -> Path:
    """Return the path of a line, not yet run."""
    computed = isinstance(debugger.cursor, ComputedCursor)
    return (ComputedPath if computed else RecordedPath)(debugger)
