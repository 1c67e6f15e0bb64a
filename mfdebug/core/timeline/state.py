"""The state at the present moment of a cursor: values, gradients, and how fresh they are."""

from __future__ import annotations

from enum import Enum

import numpy as np
from msgspec import Struct

from mfdebug.core.timeline.cursor import Cursor
from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.inner_steps import InnerSteps
from mfdebug.core.timeline.timeline import Phase
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Index, Op, shape_text
from miniflow.plans.without_gradient import gradients_not_known, inputs_without_gradient


class Freshness(Enum):
    """Whether a value or gradient is computed, and in which pass, at the present moment."""

    NONE = "none"  # never has one: does not reach the cost, or is a class number
    WAITING = "waiting"  # not computed yet
    PARTIAL = "partial"  # a gradient that lacks some contributions
    CURRENT = "current"  # computed in this pass
    STALE = "stale"  # computed in an earlier pass
    UNKNOWN = "not known"  # not in the record of a program's run, or not a number

    @property
    def absent(self) -> bool:
        """Whether there is no number to show."""
        return self in (Freshness.NONE, Freshness.WAITING, Freshness.UNKNOWN)


class Contribution(Struct, frozen=True):
    """What one consumer sends back along one edge."""

    consumer: int
    input_index: int
    reported: bool
    sent: Array | None


class State:
    """What can be seen at the moment at which a cursor is.

    This is all that a computed line has. Of a recorded line, parts may not be known.
    """

    # What an open question hides from the screen: "value", "gradient", "shape" or "name" of
    # nodes.
    concealed: frozenset[tuple[int, str]] = frozenset()

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.graph, self.plan, self.timeline = cursor.graph, cursor.plan, cursor.timeline
        # The inputs without a gradient, of a build of the timeline.
        self._without_gradient: tuple[int, dict[int, str]] = (0, {})
        # The gradients that are not known, of a build of the timeline.
        self._not_known: tuple[int, dict[int, str]] = (0, {})

    @property
    def learning_rate(self) -> float:
        """The learning rate in force; NaN if it is not known."""
        return self.plan.learning_rate

    @property
    def remark(self) -> str:
        """A remark on the present moment besides its numbers, or ""."""
        return ""

    def is_finite(self, step: int) -> bool:
        """Whether all numbers of an SGD step are known to be finite."""
        return False

    def value(self, node: int) -> Array:
        """Return a node's present value, which may be stale: see `value_freshness`."""
        return self.plan.value(node)

    def gradient(self, node: int) -> Array:
        """Return a node's present gradient, which may be stale: see `gradient_freshness`."""
        return self.plan.gradient(node)

    def freshness(self, node: int, *, gradient: bool) -> Freshness:
        """Return the freshness of a node's value or gradient."""
        return self.gradient_freshness(node) if gradient else self.value_freshness(node)

    def value_freshness(self, node: int) -> Freshness:
        """Return whether a node's value is of this pass, stale, or not computed."""
        target = self.graph.nodes[node]
        if isinstance(target, Input):
            fed = target.trainable or self.cursor.moment > 0
            return Freshness.CURRENT if fed else Freshness.WAITING
        return self._freshness_at(self.timeline.position_of("forward", node))

    def gradient_freshness(self, node: int) -> Freshness:
        """Return whether a node's gradient is complete, partial, stale, or not computed."""
        if not self.graph.reaches_cost[node] or self.nothing_sends(node):
            return Freshness.NONE
        freshness = self._freshness_at(self.timeline.position_of("backward", node))
        if (
            freshness is not Freshness.CURRENT
            and self.timeline.first_report(node) <= self._position
        ):
            freshness = Freshness.PARTIAL
        waits = freshness is Freshness.WAITING
        return freshness if waits or not self._lacks_rule(node) else Freshness.UNKNOWN

    def shape_text(self, node: int) -> str:
        """Return the shape of a node's value as text; `?` if it is not known."""
        return shape_text(self.plan.shapes[node])

    def unknown(self, node: int, *, gradient: bool = False) -> str:
        """Return why a value or gradient is not known, or ""."""
        if gradient and self.gradient_freshness(node) is Freshness.UNKNOWN:
            return self._lacks_rule(node)
        return ""

    def unsent(self, consumer: int, input_index: int) -> str:
        """Return why it is not known what a node sent to one of its inputs, or ""."""
        reason = self._lacks_rule(self.graph.inbound[consumer][input_index])
        if not reason:
            return ""
        op = self.graph.nodes[consumer]
        if isinstance(op, Op):
            if op.stops_gradient(input_index):
                return ""
            reason = op.unknown_gradient(input_index)
        else:
            reason = ""
        return reason or self._lacks_rule(consumer)

    def _lacks_rule(self, node: int) -> str:
        """Return which rule is missing without which a node's gradient is not known, or ""."""
        build, found = self._not_known
        if build != self.timeline.builds:
            found = gradients_not_known(self.graph)
            self._not_known = self.timeline.builds, found
        return found.get(node, "")

    def departs(self, node: int, phase: Phase) -> str:
        """Return how a recorded number deviates from its op's rule, or ""."""
        return ""

    def besides(self, node: int) -> tuple[str, Array] | None:
        """Return what a gradient has besides the contributions of this pass, and why, if any."""
        return None

    def used_gradient(self, node: int) -> int | None:
        """Return the SGD step whose update has used what is still in a gradient, if any."""
        return None

    def results(self, node: int) -> list[int]:
        """Return the nodes of a function's results, if it has several; its own is no number."""
        return []

    def together(self, consumer: int, input_index: int) -> str:
        """Return why what was sent along an edge is that of several, or ""."""
        return ""

    def op(self, node: int) -> Node:
        """Return a node as it computed its present value."""
        return self.graph.nodes[node]

    def reads(self, node: int) -> list[int]:
        """Return the nodes whose values a node is computed from."""
        return self.graph.inbound[node]

    def inner_steps(self, node: int) -> InnerSteps | None:
        """Return the ops that compute a function, with numbers; None if these are not known."""
        return None

    def explicable(self, node: int) -> bool:
        """Whether an op's rule can be explained with the known numbers."""
        return True

    def overwritten_at(self, node: int) -> int | None:
        """Return the last moment of this pass at which another node changed the value of `node`."""
        return None

    def overwrites(self, node: int) -> list[int]:
        """Return the inputs whose values a node changes in its forward, in place."""
        return []

    def origin(self, node: int) -> str:
        """Return where in the program a node was made, or ""."""
        return ""

    def no_gradient(self, node: int) -> str:
        """Return why a node never has a gradient, or ""."""
        if not self.graph.reaches_cost[node]:
            return "the cost does not depend on it"
        return self.nothing_sends(node)

    def nothing_sends(self, node: int) -> str:
        """Return why no consumer of an input ever sends it a gradient, or ""."""
        build, found = self._without_gradient
        if build != self.timeline.builds:
            found = inputs_without_gradient(self.graph, self.plan.shapes)
            self._without_gradient = self.timeline.builds, found
        return found.get(node, "")

    def has_all(self, node: int) -> bool:
        """Whether all consumers that reach the cost have sent their contribution to a node."""
        return self.timeline.last_report(node) <= self._position

    @property
    def _position(self) -> int:
        return self.timeline.position(self.cursor.moment)

    def _freshness_at(self, position: int | None) -> Freshness:
        if position is None:
            return Freshness.NONE
        if position <= self._position:
            return Freshness.CURRENT
        return Freshness.STALE if self.cursor.sgd_step > 0 else Freshness.WAITING

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of this phase of a node, or None if there was none."""
        position = self.timeline.position_of(phase, node)
        if position is None:
            return None
        step = self.cursor.sgd_step - (position > self._position)
        return self.timeline.start_of(step) + position if step >= 0 else None

    def made_at(self, node: int, *, gradient: bool) -> int | None:
        """Return the moment that computed a node's present value or gradient, or None."""
        if gradient:
            return self.written_at(node, "backward")
        fed = isinstance(self.graph.nodes[node], Input)
        return self.updated_at(node) if fed else self.written_at(node)

    def updated_at(self, node: int) -> int | None:
        """Return the last moment that updated a trainable, or None if there was none."""
        return self.written_at(node, "update")

    def outdated_by(self, node: int) -> int | None:
        """Return a parameter that was updated after this pass computed a node's value from it.

        A table lookup, as it is called for every visible row of every frame.
        """
        timeline, now = self.timeline, self._position
        computed = timeline.position_of("forward", node)
        if computed is None or computed > now or not timeline.update:
            return None
        first = timeline.first_trained(node)
        if first is None:
            return None
        updated = timeline.position_of("update", first)
        return first if updated is not None and updated <= now else None

    def reported(self, node: int) -> int:
        """Return how many of a node's edges to consumers have reported their contribution."""
        now = self._position
        return sum(position <= now for position in self.timeline.report_positions(node))

    def contributions(self, node: int) -> list[Contribution]:
        """Return the contributions to a node's gradient, one per edge, in the order sent."""
        edges = sorted(self.graph.consumers[node], key=lambda edge: (-edge[0], edge[1]))
        found = (self.contribution(consumer, input_index) for consumer, input_index in edges)
        return [contribution for contribution in found if contribution is not None]

    def contribution(self, consumer: int, input_index: int) -> Contribution | None:
        """Return the contribution along one edge; None if the consumer does not reach the cost."""
        position = self.timeline.position_of("backward", consumer)
        if position is None:
            return None
        reported = position <= self._position
        known = reported and not self.unsent(consumer, input_index)
        sent = self.sent(consumer, input_index) if known else None
        return Contribution(consumer, input_index, reported, sent)

    def sent(self, consumer: int, input_index: int) -> Array:
        """Return what a consumer last sent to one of its inputs, also if that was overridden."""
        sent, source = self.plan.contribution(consumer, input_index), self.graph.inbound[consumer]
        computed = self.computed(source[input_index], gradient=True)
        if computed is None:
            return sent
        # A sole contribution and the gradient are one buffer.
        gradient = self.plan.gradient(source[input_index])
        return computed if np.may_share_memory(sent, gradient) else sent

    # Overridden numbers --------------------------------------------------------------------------

    def override(self, node: int, *, gradient: bool = False) -> Edit | None:
        """Return the last edit that has set the present value or gradient, at least in part.

        None if it is as computed. A table lookup unless the number is overridden.
        """
        edits = self.overrides(node, gradient=gradient)
        return edits[-1] if edits else None

    def overrides(
        self, node: int, index: Index | None = None, *, gradient: bool = False
    ) -> list[Edit]:
        """Return the edits that have set the present value or gradient, or its entry `index`."""
        edits = self.cursor.overrides.of(node, self.cursor.moment, gradient=gradient)
        return edits if index is None else [edit for edit in edits if edit.reaches(index)]

    def computed(self, node: int, *, gradient: bool = False) -> Array | None:
        """Return an overridden value or gradient as it was computed; None if not overridden."""
        return self.cursor.overrides.computed(node, self.cursor.moment, gradient=gradient)

    def overridden_at(self, node: int, *, gradient: bool = False) -> int | None:
        """Return the last moment at which the present value or gradient was overridden, or None."""
        return self.cursor.overrides.set_at(node, self.cursor.moment, gradient=gradient)

    def cost_freshness(self) -> Freshness:
        """Return the freshness of the cost."""
        return self.value_freshness(self.graph.cost)
