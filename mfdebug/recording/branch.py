"""A branch: the network of a recorded pass, computed here from the inputs of the pass.

What a program computed cannot be changed; in a branch every value and gradient can. It computes by
the rules of miniflow, so its numbers equal the recorded ones up to rounding.
"""

from __future__ import annotations

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from miniflow.graph import Graph


class BranchDebugger(ComputedDebugger):
    """The debugger of a graph that was made from the present pass of `trunk`."""

    def __init__(self, trunk: Debugger, graph: Graph) -> None:
        super().__init__(graph)
        self._trunk = trunk
        self.cursor.go(self._moment_of(trunk))

    @property
    def trunk(self) -> Debugger:
        """The debugger of the run from which this branches off."""
        return self._trunk

    def _moment_of(self, trunk: Debugger) -> int:
        """Return the moment of the first SGD step that is the present one of `trunk`."""
        if trunk.moment == 0:
            return 0
        where = trunk.timeline.name(trunk.moment)
        start = self.timeline.start_of(0)
        if where.node is None:
            return start + 1
        here = self.graph.by_name.get(trunk.graph.nodes[where.node].label)
        position = None if here is None else self.timeline.position_of(where.phase, here)
        return start + (1 if position is None else position)
