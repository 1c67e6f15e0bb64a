"""A batch of executed SGD steps, which triggers check afterwards.

Several stops use the same statistic of a node. It is computed once, for all steps together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.core.breakpoints.nonfinite import may_make_nonfinite
from mfdebug.core.breakpoints.statistics import NodeStats, Period
from mfdebug.core.expressions.earlier_steps import EarlierSteps
from miniflow.ops.base import Array

if TYPE_CHECKING:
    from mfdebug.core.timeline.debugger import Debugger
    from miniflow.plans.trace import Trace


class StepBatch:
    """The steps of a debugger's `trace`, with copies of the steps before it."""

    def __init__(self, debugger: Debugger, trace: Trace, earlier_steps: EarlierSteps) -> None:
        self.debugger = debugger
        self.trace = trace
        self.earlier_steps = earlier_steps
        self.steps = trace.steps
        self._period = Period(trace, debugger, trace.first, trace.steps)
        self._not_finite: dict[frozenset[int], Array] = {}

    def stats(self, node: int) -> NodeStats:
        """Return the statistics of a node."""
        return self._period.stats(node)

    def not_finite(self, excluded: frozenset[int]) -> Array:
        """Return per step whether a node not in `excluded` may have made NaN or infinity."""
        if excluded not in self._not_finite:
            graph, needed = self.debugger.graph, self.debugger.plan.needed
            self._not_finite[excluded] = may_make_nonfinite(self.trace, graph, needed, excluded)
        return self._not_finite[excluded]
