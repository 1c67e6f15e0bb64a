"""SGD steps that were run at a stretch, as the stops look at them afterwards.

Many stops ask the same of a node. It is worked out once, for all steps together.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from mfdebug.core.health import Look
from mfdebug.core.nonfinite import may_be_made
from miniflow.ops.base import Array

if TYPE_CHECKING:
    from mfdebug.core.debugger import Debugger
    from miniflow.trace import Trace


class Stretch:
    """The steps of a debugger's `trace`."""

    def __init__(self, debugger: Debugger, trace: Trace) -> None:
        self.debugger = debugger
        self.trace = trace
        self.steps = trace.steps
        self._looks: dict[int, Look] = {}

    def look(self, node: int) -> Look:
        """Return what can be asked of a node."""
        if node not in self._looks:
            self._looks[node] = Look(self.trace, self.debugger.graph, node)
        return self._looks[node]

    @cached_property
    def not_finite(self) -> Array:
        """For each step, whether a node may have made NaN or infinity in it."""
        return may_be_made(self.trace, self.debugger.graph, self.debugger.plan.needed)
