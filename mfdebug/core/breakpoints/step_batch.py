"""SGD steps that were run at a stretch, as the stops look at them afterwards.

Many stops ask the same of a node. It is computed once, for all steps together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.core.breakpoints.nonfinite import may_be_made
from mfdebug.core.breakpoints.statistics import NodeStats, Period
from mfdebug.core.expressions.earlier_steps import Past
from miniflow.ops.base import Array

if TYPE_CHECKING:
    from mfdebug.core.timeline.debugger import Debugger
    from miniflow.plans.trace import Trace


class Stretch:
    """The steps of a debugger's `trace`, and what is known of those before it: the `past`."""

    def __init__(self, debugger: Debugger, trace: Trace, past: Past) -> None:
        self.debugger = debugger
        self.trace = trace
        self.past = past
        self.steps = trace.steps
        self._period = Period(trace, debugger, trace.first, trace.steps)
        self._not_finite: dict[frozenset[int], Array] = {}

    def look(self, node: int) -> NodeStats:
        """Return what can be asked of a node."""
        return self._period.look(node)

    def not_finite(self, left_out: frozenset[int]) -> Array:
        """Return for each step whether a node that is not `left_out` may have made NaN or inf."""
        if left_out not in self._not_finite:
            graph, needed = self.debugger.graph, self.debugger.plan.needed
            self._not_finite[left_out] = may_be_made(self.trace, graph, needed, left_out)
        return self._not_finite[left_out]
