"""SGD steps that were run at a stretch, as an expression sees them afterwards: all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mfdebug.core.expressions.earlier_steps import Kind, NoStepBefore, Past, TraceTooShort
from mfdebug.core.expressions.operators import NotComputed, Rows

if TYPE_CHECKING:
    from mfdebug.core.timeline.debugger import Debugger
    from miniflow.plans.trace import Trace


class TracedEnvironment:
    """Place `place` of the traced steps from row `first` to before row `last`: a row for each.

    What had not been computed at this place yet is not seen. Rows below 0 are those of the `past`,
    the steps before the traced ones.
    """

    def __init__(
        self,
        debugger: Debugger,
        trace: Trace,
        past: Past,
        place: int,
        first: int = 0,
        last: int | None = None,
    ) -> None:
        self._debugger = debugger
        self._trace = trace
        self._past = past
        self._place = place
        self._first = first
        self._last = trace.steps if last is None else last

    @property
    def rows(self) -> int:
        """How many steps it is about."""
        return self._last - self._first

    def part(self, first: int, last: int) -> TracedEnvironment:
        """Return the present of some of the steps, counted from the trace's first."""
        return TracedEnvironment(self._debugger, self._trace, self._past, self._place, first, last)

    def value(self, node: str) -> Rows:
        """Return a node's value as it was at this place."""
        i, timeline = self._debugger.graph.by_name[node], self._debugger.timeline
        updated = timeline.position_of("update", i)
        if updated is not None and updated > self._place:
            return self._rows("before", i)
        computed = timeline.position_of("forward", i)
        if computed is not None and computed > self._place:
            raise NotComputed(f"{node} is not computed yet")
        return self._rows("value", i)

    def gradient(self, node: str) -> Rows:
        """Return a node's gradient, if it was complete at this place."""
        i = self._debugger.graph.by_name[node]
        computed = self._debugger.timeline.position_of("backward", i)
        if computed is None or computed > self._place:
            raise NotComputed(f"{node} has no gradient yet")
        return self._rows("gradient", i)

    def _rows(self, kind: Kind, node: int) -> Rows:
        of: Callable[[int], Rows] = getattr(self._trace, kind)
        if self._first >= 0:
            return of(node)[self._first : self._last]
        before = self._past.rows(kind, node)
        begin = len(before) + self._first
        if self._last <= 0:
            return before[begin : len(before) + self._last]
        return np.concatenate([before[begin:], of(node)[: self._last]])

    def word(self, name: str) -> Rows:
        """Return cost, lr, sgd_step or moment."""
        debugger = self._debugger
        if name == "cost":
            # As `Plan.cost` sums it: row by row, in the cost's own precision.
            costs = self.value(debugger.graph.nodes[debugger.graph.cost].label)
            if costs.ndim == 1:
                return costs.astype(np.float64)
            return np.array([cost.sum() for cost in costs], np.float64)
        if name == "lr":
            return np.array([debugger.learning_rate])
        steps = np.arange(self._first, self._last, dtype=np.float64) + self._trace.first
        if name == "sgd_step":
            return steps
        return steps * debugger.timeline.length + self._place

    def earlier(self) -> TracedEnvironment:
        """Return the same place one SGD step earlier."""
        if self._trace.first + self._first == 0:
            raise NoStepBefore
        if self._first <= -self._past.steps:
            raise TraceTooShort
        return self.part(self._first - 1, self._last - 1)
