"""What is known at a moment of a recorded line, and how it is said that something is not known.

Nothing moves here: `cursor.py` moves, and runs the program for that.
"""

from __future__ import annotations

from pathlib import Path

from mfdebug.core.timeline.inner_steps import InnerSteps
from mfdebug.core.timeline.state import Contribution, Freshness, State
from mfdebug.core.timeline.timeline import Phase
from mfdebug.recording.cursor import RecordedCursor
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.op_rule import run_parts
from mfdebug.recording.passes import NOT_KEPT
from mfdebug.recording.plan import RecordedPlan
from mfdebug.recording.used_gradients import used_in
from miniflow.errors import MiniflowError
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Op, shape_text
from miniflow.ops.composed import Composed


class RecordedState(State):
    """The state at a moment of a recorded line, whose numbers may not be known."""

    cursor: RecordedCursor
    graph: RecordedGraph
    plan: RecordedPlan

    def __init__(self, cursor: RecordedCursor) -> None:
        super().__init__(cursor)

    def is_finite(self, step: int) -> bool:
        """Whether it is certain that no number of a pass is NaN or infinite."""
        found = self.plan.pass_of(step)
        return found is not None and found.finite

    # Values --------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The learning rate of the current pass; NaN if it is not known."""
        return self.plan.rate

    def value_freshness(self, node: int) -> Freshness:
        """Return the freshness of a value; not known if not kept or not a number."""
        target = self.graph.nodes[node]
        value = self.plan.known_value(node)
        known = value is not None and value.size > 0
        if isinstance(target, Input):
            if self.cursor.moment == 0 and not target.trainable:
                return Freshness.WAITING
            return Freshness.CURRENT if known else Freshness.UNKNOWN
        position = self.timeline.position_of("forward", node)
        if position is None or position > self._position:
            return Freshness.STALE if known else Freshness.WAITING
        if known:
            return Freshness.CURRENT
        return Freshness.UNKNOWN if self.missing(node) else Freshness.WAITING

    def missing(self, node: int) -> str:
        """Return why a value is not known in this pass; empty if it was not computed."""
        found = self.plan.present
        if found is None or found.numbers is None:
            return NOT_KEPT
        value = self.plan.known_value(node)
        if value is not None and not value.size:
            return f"empty: its shape is {shape_text(value.shape)}"
        if text := found.text(node):
            return f"not a number but {text}"
        # An engine's pass is written at its end, so nothing is left to be computed.
        known_later = not isinstance(self.graph.nodes[node], Input) and not self.graph.has_engine
        return "" if known_later else NOT_KEPT

    def shape_text(self, node: int) -> str:
        """Return the shape of a node's value as text; `?` if no pass that is near has kept it."""
        shape = self.plan.known_shape(node)
        return "?" if shape is None else shape_text(shape)

    def unknown(self, node: int, *, gradient: bool = False) -> str:
        """Return why a value or gradient that the program had is not known, or an empty string."""
        if not gradient:
            if self.value_freshness(node) is not Freshness.UNKNOWN:
                return ""
            return self.missing(node)
        if self.gradient_freshness(node) is not Freshness.UNKNOWN:
            return ""
        found = self.plan.present
        if found is None or found.numbers is None:
            return NOT_KEPT
        if (raw := found.numbers.own.get(node)) is not None:
            return f"wrong shape: its own gradient has shape {shape_text(raw.shape)}"
        position = self._position
        reasons = [
            self.unsent(consumer, input_index)
            for consumer, input_index in found.edges(node)
            if (self.timeline.position_of("backward", consumer) or position + 1) <= position
        ]
        reasons = [reason for reason in reasons if reason]
        return reasons[0] if reasons else "nothing was sent to it"

    def gradient_freshness(self, node: int) -> Freshness:
        """Return the freshness of a gradient; not known if not kept or of a wrong shape."""
        if not self.graph.has_backward or not self.graph.reaches_cost[node]:
            return Freshness.NONE
        if node in self.graph.without_gradient or self.nothing_sends(node):
            return Freshness.NONE
        gradient = self.plan.known_gradient(node)
        known = gradient is not None and gradient.size > 0
        due = self.timeline.position_of("backward", node)
        position = self._position
        if due is not None and due <= position:
            return Freshness.CURRENT if known else Freshness.UNKNOWN
        if not self.plan.waits_for_gradient(node):
            return Freshness.PARTIAL if known else Freshness.UNKNOWN
        return Freshness.STALE if known else Freshness.WAITING

    def nothing_sends(self, node: int) -> str:
        """Return why no consumer ever sends an input a gradient; an engine says itself which do."""
        return "" if self.graph.has_engine else super().nothing_sends(node)

    def no_gradient(self, node: int) -> str:
        """Return why a node never has a gradient, or an empty string."""
        if not self.graph.has_backward:
            return "the program runs no backward pass here"
        if node in self.graph.without_gradient:
            return "the program asks for no gradient of it"
        return super().no_gradient(node)

    def unsent(self, consumer: int, input_index: int) -> str:
        """Return why a contribution is not known, or an empty string."""
        found = self.plan.present
        if found is None:
            return ""
        inbound = self.graph.inbound[consumer]
        if self.graph.reads[consumer] != inbound:
            function = self.graph.nodes[inbound[0]].label
            return f"only what all results of {function} send together is known"
        source = inbound[input_index]
        if source in self.graph.without_gradient:
            return f"the program asks for no gradient of {self.graph.nodes[source].label}"
        sent = found.sent(consumer, input_index)
        if sent is None:
            return found.unsent(consumer, input_index)
        shape = self.plan.shape_of(self.graph.inbound[consumer][input_index])
        return (
            "" if sent.shape == shape else f"its value has another shape now: {shape_text(shape)}"
        )

    def contributions(self, node: int) -> list[Contribution]:
        """Return the contributions to a node; an input used twice may have only their sum."""
        found = self.plan.present
        known_edges = set() if found is None else set(found.edges(node))
        return [
            edge
            for edge in super().contributions(node)
            if (edge.consumer, edge.input_index) in known_edges
        ]

    def contribution(self, consumer: int, input_index: int) -> Contribution | None:
        """Return the contribution along one edge; its value is None if it is not known."""
        edge = super().contribution(consumer, input_index)
        if edge is None or not edge.reported or not self.unsent(consumer, input_index):
            return edge
        return Contribution(consumer, input_index, True, None)

    def reported(self, node: int) -> int:
        """Return the number of a node's consumer edges that have sent their contribution."""
        return sum(edge.reported for edge in self.contributions(node))

    def departs(self, node: int, phase: Phase) -> str:
        """Return how the recorded numbers differ from the rule of an op, or an empty string."""
        found = self.plan.present
        return "" if found is None else found.rules.departs(node, phase)

    def besides(self, node: int) -> tuple[str, Array] | None:
        """Return what an engine's gradient has besides the contributions of this pass, and why."""
        found, due = self.plan.present, self.timeline.position_of("backward", node)
        if found is None or not self.graph.has_engine or due is None or due > self._position:
            return None
        more = found.besides(node)
        if more is None:
            return None
        leaf = isinstance(self.graph.nodes[node], Input)
        if leaf and (used := self.used_gradient(node)) is not None:
            return f"from SGD step {used}, whose update has used it already", more
        source = "earlier backward passes" if leaf else "functions that were not seen"
        return f"from {source}, or by a hook of the program", more

    def used_gradient(self, node: int) -> int | None:
        """Return the pass whose update has used what is still in an input's gradient, if any."""
        due = self.timeline.position_of("backward", node)
        if not self.graph.has_engine or due is None or due > self._position:
            return None
        return used_in(self.plan, self.cursor.sgd_step, node)

    def results(self, node: int) -> list[int]:
        """Return the nodes of a function's results, if it has several."""
        return self.graph.results[node]

    def together(self, consumer: int, input_index: int) -> str:
        """Return that only the sum of what was sent to several inputs is known, or ""."""
        found, source = self.plan.present, self.graph.inbound[consumer][input_index]
        if found is None or not found.only_sum_known(consumer, source):
            return ""
        labels = self.graph.nodes[source].label, self.graph.nodes[consumer].label
        return f"{labels[0]} is several inputs of {labels[1]}: the sum for all of them is known"

    def op(self, node: int) -> Node:
        """Return a node with the settings that it has in this pass."""
        found = self.plan.present
        return self.graph.nodes[node] if found is None else found.rules.op(node)

    def reads(self, node: int) -> list[int]:
        """Return the nodes whose values a node is computed from."""
        return self.graph.reads[node]

    def inner_steps(self, node: int) -> InnerSteps | None:
        """Return the ops of ours that compute a function, run with its recorded numbers."""
        found, op = self.plan.present, self.op(node)
        if found is None or not isinstance(op, Composed) or not self.explicable(node):
            return None
        forward = self.timeline.position_of("forward", node)
        backward = self.timeline.position_of("backward", node)
        if forward is None or forward > self._position:
            return None
        inputs = [found.value(i, forward) for i in self.reads(node)]
        done = backward is not None and backward <= self._position
        upstream = found.gradient(node, backward) if done and backward is not None else None
        if any(x is None for x in inputs):
            return None
        numbers = [x for x in inputs if x is not None]
        return run_parts(op, numbers, upstream, found.outline.step)

    def explicable(self, node: int) -> bool:
        """Whether the known values have shapes that fit an op's rule."""
        op = self.op(node)
        value = self.plan.known_value(node)
        inputs = [self.plan.known_value(i) for i in self.reads(node)]
        if not isinstance(op, Op) or value is None or any(x is None or not x.size for x in inputs):
            return False
        try:
            shape = op.output_shape(*(x.shape for x in inputs if x is not None))
        except (MiniflowError, LookupError, TypeError, ValueError):
            # From a damaged file or another version.
            return False
        found = self.plan.present
        if isinstance(op, Composed) and (found is None or not found.rules.runs(node)):
            return False
        return shape == value.shape

    def overwritten_at(self, node: int) -> int | None:
        """Return the last moment of this pass at which another node changed this one's value."""
        found = self.plan.present
        position = None if found is None else found.changed_at(node, self._position)
        return None if position is None else self.timeline.start_of(self.cursor.sgd_step) + position

    def overwrites(self, node: int) -> list[int]:
        """Return the inputs whose values a node changes in its forward."""
        found = self.plan.present
        return [] if found is None else found.changes_of(node)

    def origin(self, node: int) -> str:
        """Return where the program created a node, or an empty string."""
        file, line = self.graph.made_at[node]
        return f"made in {Path(file).name}, line {line}" if file else ""

    def written_at(self, node: int, phase: Phase = "forward") -> int | None:
        """Return the last moment of a phase of a node; an update may be many passes ago."""
        position = self.timeline.position_of(phase, node)
        if position is None:
            return None
        step = self.cursor.sgd_step - (position > self._position)
        if phase == "update":
            while step >= 0 and node not in self.plan.updates.of(step).changed:
                step -= 1
        if step < 0 or position > self.cursor.last_position(step):
            return None
        return self.timeline.start_of(step) + position

    @property
    def remark(self) -> str:
        """A remark on this moment: that little of the pass was kept, or that a node raised."""
        cursor, step = self.cursor, self.cursor.sgd_step
        outline = self.plan.outline(step)
        remarks = []
        if cursor.moment and not outline.whole:
            remarks.append("only the cost and small inputs of this pass were kept")
        if outline.fault is not None and cursor.moment == cursor.ends.last_moment(step):
            remarks.append(cursor.ends.fault_message(outline.fault, step))
        return "; ".join(remarks)
