"""What there is to see at the present moment: values, gradients, and what they are worth."""

from __future__ import annotations

from enum import Enum
from functools import cached_property

from msgspec import Struct

from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY
from mfdebug.core.timeline.cursor import Cursor
from mfdebug.core.timeline.timeline import Phase
from miniflow.graph import Graph
from miniflow.integers import class_numbers
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.plans.base import Plan


class Freshness(Enum):
    """How a value or gradient stands at the present moment."""

    NONE = "none"  # it never has one: not under the cost, or a class number
    WAITING = "waiting"  # not computed yet
    PARTIAL = "partial"  # a gradient that some consumers have not sent to yet
    CURRENT = "current"  # computed in this pass
    STALE = "stale"  # computed in an earlier pass
    UNKNOWN = "not known"  # the record of a program's run does not have it, or it is no number

    @property
    def absent(self) -> bool:
        """Whether there is no number to be shown."""
        return self in (Freshness.NONE, Freshness.WAITING, Freshness.UNKNOWN)


class Contribution(Struct, frozen=True):
    """What one consumer sends back along one edge."""

    consumer: int
    input_index: int
    reported: bool
    sent: Array | None


class Sight(Cursor):
    """A cursor that tells what there is to see where it stands."""

    def __init__(
        self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY, plan: Plan | None = None
    ) -> None:
        super().__init__(graph, history_memory=history_memory, plan=plan)
        self._first_reports: dict[int, int] = {}
        self._last_reports: dict[int, int] = {}

    def value(self, node: int) -> Array:
        """Return a node's value as it stands; see `value_freshness` for what it is worth."""
        return self.plan.value(node)

    def gradient(self, node: int) -> Array:
        """Return a node's gradient as it stands; see `gradient_freshness` for what it is worth."""
        return self.plan.gradient(node)

    def value_freshness(self, node: int) -> Freshness:
        """Return whether a node's value is of this pass, of an earlier one, or not there yet."""
        target = self.graph.nodes[node]
        if isinstance(target, Input):
            fed = target.trainable or self.moment > 0
            return Freshness.CURRENT if fed else Freshness.WAITING
        return self._freshness(self.timeline.position_of("forward", node))

    def gradient_freshness(self, node: int) -> Freshness:
        """Return whether a node's gradient is whole, partly there, old, or not there."""
        if not self.graph.reaches_cost[node] or node in self._class_numbers:
            return Freshness.NONE
        freshness = self._freshness(self.timeline.position_of("backward", node))
        if freshness is not Freshness.CURRENT and self._has_heard(node):
            return Freshness.PARTIAL
        return freshness

    def unknown(self, node: int, *, gradient: bool = False) -> str:
        """Say why a value or gradient is not known that the program had, or nothing."""
        return ""

    def unsent(self, consumer: int, input_index: int) -> str:
        """Say why it is not known what a node sent to one of its inputs, or nothing."""
        return ""

    def departs(self, node: int, phase: Phase) -> str:
        """Say how a recorded number departs from the rule of its op, or nothing."""
        return ""

    def explicable(self, node: int) -> bool:
        """Whether an op's rule can be told with the numbers at hand."""
        return True

    def overwritten_at(self, node: int) -> int | None:
        """Return the last moment of this pass at which another node changed this one's value."""
        return None

    def overwrites(self, node: int) -> list[int]:
        """Return the inputs whose values a node changes in its forward."""
        return []

    def origin(self, node: int) -> str:
        """Say where the program made a node, or nothing."""
        return ""

    def no_gradient(self, node: int) -> str:
        """Say why a node never has a gradient, or nothing."""
        if not self.graph.reaches_cost[node]:
            return "the cost does not depend on it"
        return "a class number has no gradient" if node in self._class_numbers else ""

    @cached_property
    def _class_numbers(self) -> set[int]:
        return class_numbers(self.graph, self.plan.shapes)

    def _has_heard(self, node: int) -> bool:
        """Whether any consumer has sent to a node; asked for every visible row of every frame."""
        first = self._first_reports.get(node)
        if first is None:
            places = self._report_places(node)
            first = self._first_reports[node] = min(places, default=self.timeline.length + 1)
        return first <= self.timeline.position(self.moment)

    def has_all(self, node: int) -> bool:
        """Whether all consumers under the cost have sent to a node."""
        last = self._last_reports.get(node)
        if last is None:
            last = self._last_reports[node] = max(self._report_places(node), default=0)
        return last <= self.timeline.position(self.moment)

    def _report_places(self, node: int) -> list[int]:
        """Return the place in an SGD step at which each edge to a consumer reports."""
        backward = (self.timeline.position_of("backward", c) for c, _ in self.graph.consumers[node])
        return [place for place in backward if place is not None]

    def _freshness(self, place: int | None) -> Freshness:
        if place is None:
            return Freshness.NONE
        if place <= self.timeline.position(self.moment):
            return Freshness.CURRENT
        return Freshness.STALE if self.sgd_step > 0 else Freshness.WAITING

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of this phase of a node, or None when there was none."""
        place = self.timeline.position_of(phase, node)
        if place is None:
            return None
        step = self.sgd_step - (place > self.timeline.position(self.moment))
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

    def outdated_by(self, node: int) -> int | None:
        """Return a parameter whose update came after a value of this pass was computed from it.

        Asked for every visible row of every frame, so it is looked up.
        """
        place, now = self.timeline.position_of("forward", node), self.timeline.position(self.moment)
        if place is None or place > now or not self.timeline.update:
            return None
        first = self._first_updates[node]
        if first is None:
            return None
        updated = self.timeline.position_of("update", first)
        return first if updated is not None and updated <= now else None

    @cached_property
    def _first_updates(self) -> list[int | None]:
        """For every node, the parameter among what it depends on that is updated first."""
        first: list[int | None] = []
        trainables = set(self.graph.trainables)
        for node, sources in enumerate(self.graph.inbound):
            found = [one for source in sources if (one := first[source]) is not None]
            first.append(min(found, default=node if node in trainables else None))
        return first

    def reported(self, node: int) -> int:
        """Return how many of a node's edges to consumers have sent their contribution."""
        now = self.timeline.position(self.moment)
        return sum(place <= now for place in self._report_places(node))

    def contributions(self, node: int) -> list[Contribution]:
        """Return what comes back to a node, an edge each, in the order in which it is sent."""
        edges = sorted(self.graph.consumers[node], key=lambda edge: (-edge[0], edge[1]))
        found = (self.contribution(consumer, input_index) for consumer, input_index in edges)
        return [contribution for contribution in found if contribution is not None]

    def contribution(self, consumer: int, input_index: int) -> Contribution | None:
        """Return what comes back along one edge; None if the consumer is not under the cost."""
        when = self.timeline.position_of("backward", consumer)
        if when is None:
            return None
        reported = when <= self.timeline.position(self.moment)
        sent = self.plan.contribution(consumer, input_index) if reported else None
        return Contribution(consumer, input_index, reported, sent)

    def cost_freshness(self) -> Freshness:
        """Return how the cost's value stands."""
        return self.value_freshness(self.graph.cost)
