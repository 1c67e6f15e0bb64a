"""What there is to see at the present moment: values, gradients, and what they are worth."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from mfdebug.core.cursor import Cursor
from mfdebug.core.history import DEFAULT_MEMORY
from mfdebug.core.timeline import Phase
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.plan import Plan


class Standing(Enum):
    """How a value or gradient stands at the present moment."""

    NONE = "none"  # it never has one: its node is not under the cost
    WAITING = "waiting"  # not computed yet
    PARTIAL = "partial"  # a gradient that some consumers have not sent to yet
    CURRENT = "current"  # computed in this pass
    STALE = "stale"  # computed in an earlier pass


class Contribution(Struct, frozen=True):
    """What one consumer sends back along one edge."""

    consumer: int
    slot: int
    reported: bool
    sent: Array | None


class Sight(Cursor):
    """A cursor that tells what there is to see where it stands."""

    def __init__(
        self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY, plan: Plan | None = None
    ) -> None:
        super().__init__(graph, history_memory=history_memory, plan=plan)
        self._first_reports: dict[int, int] = {}

    def value(self, node: int) -> Array:
        """Return a node's value as it stands; see `value_standing` for what it is worth."""
        return self.plan.value(node)

    def gradient(self, node: int) -> Array:
        """Return a node's gradient as it stands; see `gradient_standing` for what it is worth."""
        return self.plan.gradient(node)

    def value_standing(self, node: int) -> Standing:
        """Return whether a node's value is of this pass, of an earlier one, or not there yet."""
        target = self.graph.nodes[node]
        if isinstance(target, Input):
            fed = target.trainable or self.moment > 0
            return Standing.CURRENT if fed else Standing.WAITING
        return self._standing(self.timeline.place_of("forward", node))

    def gradient_standing(self, node: int) -> Standing:
        """Return whether a node's gradient is whole, partly there, old, or not there."""
        if not self.graph.under_cost[node]:
            return Standing.NONE
        standing = self._standing(self.timeline.place_of("backward", node))
        if standing is not Standing.CURRENT and self._has_heard(node):
            return Standing.PARTIAL
        return standing

    def _has_heard(self, node: int) -> bool:
        """Whether any consumer has sent to a node; asked for every visible row of every frame."""
        first = self._first_reports.get(node)
        if first is None:
            places = self._report_places(node)
            first = self._first_reports[node] = min(places, default=self.timeline.length + 1)
        return first <= self.timeline.place(self.moment)

    def _report_places(self, node: int) -> list[int]:
        """Return the place in an SGD step at which each edge to a consumer reports."""
        backward = (self.timeline.place_of("backward", c) for c, _ in self.graph.consumers[node])
        return [place for place in backward if place is not None]

    def _standing(self, place: int | None) -> Standing:
        if place is None:
            return Standing.NONE
        if place <= self.timeline.place(self.moment):
            return Standing.CURRENT
        return Standing.STALE if self.sgd_step > 0 else Standing.WAITING

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of this phase of a node, or None when there was none."""
        place = self.timeline.place_of(phase, node)
        if place is None:
            return None
        step = self.sgd_step - (place > self.timeline.place(self.moment))
        return self.timeline.start_of(step) + place if step >= 0 else None

    def made_at(self, node: int, *, gradient: bool) -> int | None:
        """Return the moment that computed a node's value or gradient as it stands, if one did."""
        if gradient:
            return self.written_at(node, "backward")
        fed = isinstance(self.graph.nodes[node], Input)
        return self.updated_at(node) if fed else self.written_at(node)

    def updated_at(self, node: int) -> int | None:
        """Return the last moment that updated a trainable, or None when there was none."""
        return self.written_at(node, "update")

    def reported(self, node: int) -> int:
        """Return how many of a node's edges to consumers have sent their contribution."""
        now = self.timeline.place(self.moment)
        return sum(place <= now for place in self._report_places(node))

    def contributions(self, node: int) -> list[Contribution]:
        """Return what comes back to a node, an edge each, in the order in which it is sent."""
        graph, place = self.graph, self.timeline.place(self.moment)
        found: list[Contribution] = []
        for consumer, slot in sorted(graph.consumers[node], key=lambda edge: (-edge[0], edge[1])):
            when = self.timeline.place_of("backward", consumer)
            if when is not None:
                sent = when <= place
                found.append(
                    Contribution(
                        consumer,
                        slot,
                        sent,
                        self.plan.contribution(consumer, slot) if sent else None,
                    )
                )
        return found

    def cost_standing(self) -> Standing:
        """Return how the cost's value stands."""
        return self.value_standing(self.graph.cost)
