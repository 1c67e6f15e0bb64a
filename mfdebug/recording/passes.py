"""A recorded pass: the value or gradient of a node at any position of the pass.

All results follow from the record alone, so any moment can be shown directly. None means that there
is no number: not computed in this pass, not kept, or not a number.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from mfdebug.core.timeline.timeline import Timeline
from mfdebug.recording.arrays import as_numbers, fitted, is_numeric
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.op_rule import (
    is_close,
)
from mfdebug.recording.pass_rules import PassRules
from mfdebug.recording.records import Outline, Run
from miniflow.node import Input, shape_text
from miniflow.ops.base import Array, Shape

NOT_KEPT = "not kept"


class RecordedPass:
    """A pass of a line; `number` counts in the whole run, `numbers` is None if not kept."""

    def __init__(self, run: Run, number: int, graph: RecordedGraph, timeline: Timeline) -> None:
        self._graph, self._timeline = graph, timeline
        self.number = number
        self.outline: Outline = run.outline(number)
        self.numbers = run.numbers(number)
        self.inputs = run.inputs(number)
        self.after = run.inputs_after(number)
        own = self.after.keys() - run.others_after(number)
        self._settled = bool(run.ending) or own >= self.inputs.keys()
        self._fitted: dict[tuple[int, int], Array | None] = {}
        self._sums: dict[tuple[int, int], Array] = {}
        self._run = run

    @property
    def finished(self) -> bool:
        """Whether nothing more can become known about the pass."""
        return self.outline.complete and bool(self.after) and self._settled

    @cached_property
    def finite(self) -> bool:
        """Whether all numbers of the pass are kept and finite; False if that is not certain."""
        if self.numbers is None or not self.after:
            return False
        numbers = self.numbers
        held = (numbers.values, numbers.changed, numbers.sent, numbers.own, self.inputs, self.after)
        arrays = [array for group in held for array in group.values()]
        floats = [array for array in arrays if array.dtype.kind not in "biu"]
        with np.errstate(all="ignore"):
            # A sum of finite numbers may overflow: the only cost is a closer look at the pass.
            return all(x.dtype.kind == "f" and math.isfinite(x.sum()) for x in floats)

    @cached_property
    def _changes(self) -> dict[int, list[tuple[int, Array]]]:
        """For each node, the in-place changes of its value by others, with their positions."""
        found: dict[int, list[tuple[int, Array]]] = {}
        changed = {} if self.numbers is None else self.numbers.changed
        for (consumer, input_index), value in changed.items():
            position = self._timeline.position_of("forward", consumer)
            if position is not None:
                found.setdefault(self._graph.inbound[consumer][input_index], []).append(
                    (position, value)
                )
        for changes in found.values():
            changes.sort(key=lambda change: change[0])
        return found

    # Values ------------------------------------------------------------------------------------

    def value(self, node: int, position: int) -> Array | None:
        """Return a node's value at a position of the pass, in its own dtype."""
        if isinstance(self._graph.nodes[node], Input):
            update = self._timeline.position_of("update", node)
            if update is not None and update <= position:
                return as_numbers(self.after.get(node))
            value = self._initial_value(node)
        else:
            computed = self._timeline.position_of("forward", node)
            if computed is None or computed > position:
                return None
            value = self.computed(node)
        for changed, now in self._changes.get(node, ()):
            if changed <= position:
                value = now
        return as_numbers(value)

    def _initial_value(self, node: int) -> Array | None:
        if self.numbers is not None and node in self.numbers.values:
            return self.numbers.values[node]
        return self.inputs.get(node)

    def computed(self, node: int) -> Array | None:
        """Return what a node computed in its forward; None if that is not known."""
        if self.numbers is not None:
            return self.numbers.values.get(node)
        if node == self._graph.cost and not math.isnan(self.outline.cost):
            return np.array(self.outline.cost)
        return None

    def text(self, node: int) -> str:
        """Return a short description of a value that is not a number, or an empty string."""
        if self.numbers is None:
            return ""
        if node in self.numbers.texts:
            return self.numbers.texts[node]
        value = self._initial_value(node)
        if value is None or is_numeric(value):
            return ""
        return f"{value.dtype} of shape {shape_text(value.shape)}"

    def changed_at(self, node: int, position: int) -> int | None:
        """Return the last position up to this one at which another node changed the value."""
        return max(
            (change for change, _ in self._changes.get(node, ()) if change <= position),
            default=None,
        )

    def changes_of(self, consumer: int) -> list[int]:
        """Return the nodes whose values a node changed in its forward."""
        if self.numbers is None:
            return []
        inbound = self._graph.inbound[consumer]
        input_indices = sorted(
            input_index for node, input_index in self.numbers.changed if node == consumer
        )
        return list(dict.fromkeys(inbound[input_index] for input_index in input_indices))

    # Gradients ---------------------------------------------------------------------------------

    def sent(self, consumer: int, input_index: int) -> Array | None:
        """Return the contribution of a node to one of its inputs, in that input's shape."""
        key = consumer, input_index
        if key not in self._fitted:
            self._fitted[key] = self._fit_sent(consumer, input_index)
        return self._fitted[key]

    def _fit_sent(self, consumer: int, input_index: int) -> Array | None:
        if self.numbers is None:
            return None
        inbound = self._graph.inbound[consumer]
        source = inbound[input_index]
        if inbound.count(source) > 1:
            shared = self._shares(consumer, source)
            if shared is not None:
                return shared[input_index]
            if inbound.index(source) != input_index:
                return None
        raw = self.numbers.sent.get((consumer, input_index))
        return None if raw is None or not is_numeric(raw) else fitted(raw, self.shape(source))

    def unsent(self, consumer: int, input_index: int) -> str:
        """Return why there is no contribution from a node to one of its inputs."""
        if self.numbers is None:
            return NOT_KEPT
        inbound = self._graph.inbound[consumer]
        source, first = inbound[input_index], inbound.index(inbound[input_index])
        label = self._graph.nodes[source].label
        raw = self.numbers.sent.get((consumer, first))
        if raw is None:
            return f"{self._graph.nodes[consumer].label} left no gradient for {label}"
        if first != input_index:
            return "part of its first contribution: only the sum of both is known"
        if not is_numeric(raw):
            return f"it sent {raw.dtype}, which is not a number"
        shape = self.shape(source)
        has = "no shape" if shape is None else shape_text(shape)
        return f"wrong shape: it sent {shape_text(raw.shape)}, {label}'s value has {has}"

    def only_sum_known(self, consumer: int, source: int) -> bool:
        """Whether a node takes another more than once, and only the sum it sent is known."""
        inbound = self._graph.inbound[consumer]
        return inbound.count(source) > 1 and self._shares(consumer, source) is None

    def own(self, node: int) -> Array | None:
        """Return the gradient that a node stores for itself, in its value's shape."""
        raw = None if self.numbers is None else self.numbers.own.get(node)
        return None if raw is None or not is_numeric(raw) else fitted(raw, self.shape(node))

    def gradient(self, node: int, position: int) -> Array | None:
        """Return a node's gradient at a position: the sum of the contributions so far."""
        if self.numbers is None or not self.outline.backward:
            return None
        due = self._timeline.position_of("backward", node)
        if due is not None and due <= position:
            if node in self.numbers.own:
                return self.own(node)
            if node == self._graph.cost:
                shape = self.shape(node)
                return None if shape is None else np.ones(shape)
        return self.sum_sent(node, position)

    def besides(self, node: int) -> Array | None:
        """Return how a stored gradient differs from the sum of what was sent; None if it does not.

        None also for the cost, whose gradient is the start of backward.
        """
        if self.numbers is None or node == self._graph.cost or node not in self.numbers.own:
            return None
        own, total = self.own(node), self.sum_sent(node, self._timeline.length)
        if own is None or total is None or own.shape != total.shape or is_close(own, total):
            return None
        with np.errstate(all="ignore"):
            return np.asarray(own - total)

    def sum_sent(self, node: int, position: int) -> Array | None:
        """Return the sum of contributions up to a position; None if one is not known."""
        edges = [edge for edge in self.edges(node) if self._backward_position(edge[0]) <= position]
        key = node, len(edges)
        if key in self._sums:
            return self._sums[key]
        parts = [self.sent(*edge) for edge in edges]
        value, shape = self.value(node, self._before_updates), self.shape(node)
        if not parts or shape is None:
            return None
        like = parts[0] if value is None else value
        floats = like is not None and like.dtype.kind == "f"
        total = np.zeros(shape, like.dtype if like is not None and floats else np.float64)
        for part in parts:
            if part is None:
                return None
            with np.errstate(all="ignore"):
                total = np.asarray(total + part)
        self._sums[key] = total
        return total

    def edges(self, node: int) -> list[tuple[int, int]]:
        """Return the edges to consumers, (consumer, input index), with separate contributions."""
        found = []
        for consumer, input_index in self._graph.consumers[node]:
            inbound = self._graph.inbound[consumer]
            second = inbound.index(node) != input_index
            if not (second and self.only_sum_known(consumer, node)):
                found.append((consumer, input_index))
        return found

    def has_received(self, node: int, position: int) -> bool:
        """Whether a node has received a contribution up to a position."""
        return any(
            self._backward_position(consumer) <= position for consumer, _ in self.edges(node)
        )

    def _backward_position(self, node: int) -> int:
        return self._timeline.position_of("backward", node) or self._timeline.length + 1

    def shape(self, node: int) -> Shape | None:
        """Return the shape of a node's value in this pass."""
        value = self.value(node, self._before_updates)
        return self._shape_sent(node) if value is None else value.shape

    def _shape_sent(self, node: int) -> Shape | None:
        """Return the shape of what an engine sends to a node, which is that of its value."""
        if not self._graph.has_engine or self.numbers is None or self.text(node):
            return None
        sent = (self.numbers.sent.get(edge) for edge in self._graph.consumers[node])
        return next((array.shape for array in sent if array is not None), None)

    @cached_property
    def _before_updates(self) -> int:
        return self._timeline.length - len(self._timeline.update)

    # The rules of our own ops ------------------------------------------------------------------

    @cached_property
    def rules(self) -> PassRules:
        """The rules of our ops, and how the record differs from them."""
        return PassRules(self, self._run, self._graph, self._timeline)

    def _shares(self, consumer: int, source: int) -> dict[int, Array] | None:
        """Return what one of our ops sent along each edge to an input used twice, if known."""
        return self.rules.shares(consumer)
