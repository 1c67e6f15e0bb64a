"""A place in a step that was run at a stretch, as an expression sees it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.core.expressions import NotComputed
from miniflow.ops.base import Array

if TYPE_CHECKING:
    from mfdebug.core.debugger import Debugger
    from miniflow.trace import Trace


class TraceTooShort(Exception):  # noqa: N818 - it is no error, only not known
    """What is asked for happened before the trace begins."""


class TracedScene:
    """Place `place` of the traced step `row`: what had not been computed there yet is not seen.

    One scene serves for all steps: `row` may be set anew.
    """

    def __init__(self, debugger: Debugger, trace: Trace, place: int, row: int = 0) -> None:
        self.row = row
        self._debugger = debugger
        self._trace = trace
        self._place = place
        self._values: dict[str, list[Array]] = {}
        self._gradients: dict[str, list[Array]] = {}

    def node_names(self) -> dict[str, int]:
        """Return the nodes by name."""
        return self._debugger.graph.by_name

    def value(self, node: str) -> Array:
        """Return a node's value as it was at this place."""
        if node not in self._values:
            self._values[node] = list(self._traced_value(node))
        return self._values[node][self.row]

    def _traced_value(self, node: str) -> Array:
        i, timeline = self._debugger.graph.by_name[node], self._debugger.timeline
        updated = timeline.place_of("update", i)
        if updated is not None and updated > self._place:
            return self._trace.before(i)
        computed = timeline.place_of("forward", i)
        if computed is not None and computed > self._place:
            raise NotComputed(f"{node} is not computed yet")
        return self._trace.value(i)

    def gradient(self, node: str) -> Array:
        """Return a node's gradient, if it was complete at this place."""
        if node not in self._gradients:
            i = self._debugger.graph.by_name[node]
            computed = self._debugger.timeline.place_of("backward", i)
            if computed is None or computed > self._place:
                raise NotComputed(f"{node} has no gradient yet")
            self._gradients[node] = list(self._trace.gradient(i))
        return self._gradients[node][self.row]

    def word(self, name: str) -> float:
        """Return cost, lr, sgd_step or moment."""
        debugger = self._debugger
        if name == "cost":
            return float(self.value(debugger.graph.nodes[debugger.graph.cost].label).sum())
        if name == "lr":
            return debugger.learning_rate
        sgd_step = self._trace.first + self.row
        if name == "sgd_step":
            return float(sgd_step)
        return float(debugger.timeline.start_of(sgd_step) + self._place)

    def earlier(self) -> TracedScene:
        """Return the same place one SGD step earlier."""
        if self.row == 0:
            raise TraceTooShort
        before = TracedScene(self._debugger, self._trace, self._place, self.row - 1)
        before._values, before._gradients = self._values, self._gradients
        return before
