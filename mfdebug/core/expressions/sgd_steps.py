"""The environment of an expression at all SGD steps of a trace at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mfdebug.core.expressions.earlier_steps import EarlierSteps, Kind, NoEarlierStep, TraceTooShort
from mfdebug.core.expressions.functions import NotComputed, Rows

if TYPE_CHECKING:
    from mfdebug.core.timeline.debugger import Debugger
    from miniflow.plans.trace import Trace


class TracedEnvironment:
    """One position of the traced SGD steps `first` to `last` - 1, as one row per step.

    Numbers not computed yet at this position raise `NotComputed`. Rows below 0 are those of
    `earlier_steps`, the steps before the trace.
    """

    def __init__(
        self,
        debugger: Debugger,
        trace: Trace,
        earlier_steps: EarlierSteps,
        position: int,
        first: int = 0,
        last: int | None = None,
    ) -> None:
        self._debugger = debugger
        self._trace = trace
        self._earlier_steps = earlier_steps
        self._position = position
        self._first = first
        self._last = trace.steps if last is None else last

    @property
    def rows(self) -> int:
        """The number of steps."""
        return self._last - self._first

    def part(self, first: int, last: int) -> TracedEnvironment:
        """Return the environment of the steps `first` to `last` - 1 of the trace."""
        return TracedEnvironment(
            self._debugger, self._trace, self._earlier_steps, self._position, first, last
        )

    def value(self, node: str) -> Rows:
        """Return a node's value at this position."""
        i, timeline = self._debugger.graph.by_name[node], self._debugger.timeline
        updated = timeline.position_of("update", i)
        if updated is not None and updated > self._position:
            return self._rows("before", i)
        computed = timeline.position_of("forward", i)
        if computed is not None and computed > self._position:
            raise NotComputed(f"{node} is not computed yet")
        return self._rows("value", i)

    def gradient(self, node: str) -> Rows:
        """Return a node's gradient, if complete at this position."""
        i = self._debugger.graph.by_name[node]
        computed = self._debugger.timeline.position_of("backward", i)
        if computed is None or computed > self._position:
            raise NotComputed(f"{node} has no gradient yet")
        return self._rows("gradient", i)

    def lasting(self, node: str, name: str) -> Rows:
        """Raise `TraceTooShort`: what nodes keep is not in a trace."""
        raise TraceTooShort

    def _rows(self, kind: Kind, node: int) -> Rows:
        traced: Callable[[int], Rows] = getattr(self._trace, kind)
        if self._first >= 0:
            return traced(node)[self._first : self._last]
        before = self._earlier_steps.rows(kind, node)
        start = len(before) + self._first
        if self._last <= 0:
            return before[start : len(before) + self._last]
        return np.concatenate([before[start:], traced(node)[: self._last]])

    def word(self, name: str) -> Rows:
        """Return cost, lr, sgd_step or moment."""
        debugger = self._debugger
        if name == "cost":
            # Summed like `Plan.cost`: row by row, in the cost's own precision.
            costs = self.value(debugger.graph.nodes[debugger.graph.cost].label)
            if costs.ndim == 1:
                return costs.astype(np.float64)
            return np.array([cost.sum() for cost in costs], np.float64)
        if name == "lr":
            return np.array([debugger.state.learning_rate])
        steps = np.arange(self._first, self._last, dtype=np.float64) + self._trace.first
        if name == "sgd_step":
            return steps
        return steps * debugger.timeline.length + self._position

    def earlier(self) -> TracedEnvironment:
        """Return the environment one SGD step earlier."""
        if self._trace.first + self._first == 0:
            raise NoEarlierStep
        if self._first <= -self._earlier_steps.steps:
            raise TraceTooShort
        return self.part(self._first - 1, self._last - 1)
