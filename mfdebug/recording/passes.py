"""A recorded pass: the value or gradient of a node at any position of the pass.

All results follow from the record alone, so any moment can be shown directly. None means that there
is no number: not computed in this pass, not kept, or not a number.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from mfdebug.core.timeline.timeline import Phase, Timeline
from mfdebug.recording.arrays import as_floats, as_numbers, fitted, is_numeric
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.op_rule import (
    difference,
    is_close,
    is_rounding,
    run_rule,
    shaken,
    summed_by_input,
)
from mfdebug.recording.records import Outline, Run
from miniflow.errors import MiniflowError
from miniflow.node import Input, Node, shape_text
from miniflow.ops.base import Array, Op, Shape
from miniflow.ops.composed import Composed

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
        self._shared: dict[int, dict[int, Array] | None] = {}
        self._fitted: dict[tuple[int, int], Array | None] = {}
        self._sums: dict[tuple[int, int], Array] = {}
        self._agrees: dict[tuple[int, Phase], str] = {}
        self._run = run
        self._ops: dict[int, Node] = {}

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
            value = self._computed(node)
        for changed, now in self._changes.get(node, ()):
            if changed <= position:
                value = now
        return as_numbers(value)

    def _initial_value(self, node: int) -> Array | None:
        if self.numbers is not None and node in self.numbers.values:
            return self.numbers.values[node]
        return self.inputs.get(node)

    def _computed(self, node: int) -> Array | None:
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
        value = self.value(node, self._before_updates)
        if not parts or value is None:
            return None
        dtype = value.dtype if value.dtype.kind == "f" else np.dtype(np.float64)
        total = np.zeros(value.shape, dtype)
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
        return None if value is None else value.shape

    @cached_property
    def _before_updates(self) -> int:
        return self._timeline.length - len(self._timeline.update)

    def op(self, node: int) -> Node:
        """Return a node with the settings that it has in this pass."""
        found = self._graph.nodes[node]
        if not isinstance(found, Composed):
            return found
        if node not in self._ops:
            self._ops[node] = self._graph.with_settings(node, self._run.nodes(self.number))
        return self._ops[node]

    # The rules of our own ops ------------------------------------------------------------------

    def departs(self, node: int, phase: Phase) -> str:
        """Return how the record differs from the rule of one of our ops, or an empty string.

        Also empty if anything needed for the comparison is not known.
        """
        key = node, phase
        if key not in self._agrees:
            self._agrees[key] = self._departs(node, phase)
        return self._agrees[key]

    def _departs(self, node: int, phase: Phase) -> str:
        if not isinstance(self.op(node), Op) or self.numbers is None:
            return ""
        recorded: dict[int, Array]
        if phase == "forward":
            value = self._computed(node)
            if value is None or not is_numeric(value):
                return ""
            recorded = {0: as_floats(value)}
            found = self.by_rule(node, backward=False)
        else:
            sent = {
                input_index: self.numbers.sent.get((node, input_index))
                for input_index in map(self._graph.inbound[node].index, self._graph.inbound[node])
            }
            recorded = {index: array for index, array in sent.items() if array is not None}
            found = self.by_rule(node, backward=True)
        worst = ""
        for input_index, array in recorded.items():
            rules = [arrays[input_index] for arrays in found if input_index in arrays]
            if not rules or any(is_close(array, rule) for rule in rules):
                continue
            if isinstance(self.op(node), Composed) and self._is_rounding(
                node, input_index, array, rules[0], backward=phase == "backward"
            ):
                continue
            worst = worst or difference(array, rules[0])
        return worst

    def fits(self, node: int, position: int) -> bool:
        """Whether the shapes of one of our ops and its inputs are known and fit its rule."""
        op, value = self.op(node), self.value(node, position)
        inputs = [self.value(i, position) for i in self._graph.reads[node]]
        if not isinstance(op, Op) or value is None:
            return False
        shapes = [x.shape for x in inputs if x is not None]
        try:
            return len(shapes) == len(inputs) and op.output_shape(*shapes) == value.shape
        except (MiniflowError, LookupError, TypeError, ValueError):
            # From a damaged file or another version.
            return False

    def by_rule(self, node: int, *, backward: bool, shake: bool = False) -> list[dict[int, Array]]:
        """Return the results of the rule of one of our ops at the recorded numbers.

        Forward: the value under 0. Backward: the contributions, summed under the first index of
        each input. An op that draws random numbers has more than one possible result. With `shake`
        the numbers are rounded otherwise.
        """
        op = self.op(node)
        if not isinstance(op, Op):
            return []
        phase: Phase = "backward" if backward else "forward"
        position = self._timeline.position_of(phase, node)
        inputs = [self.value(i, position or 0) for i in self._graph.reads[node]]
        upstream = self.gradient(node, position or 0) if backward else None
        if backward and self._graph.results[node]:
            return self._by_rule_of_results(node, shake=shake)
        if position is None or (backward and upstream is None) or not self.fits(node, position):
            return []
        if backward and self._graph.reads[node] != self._graph.inbound[node]:
            # What one of several results sends goes to the function, unseen.
            return []
        numbers = [x for x in inputs if x is not None]
        if shake:
            numbers = [shaken(x) if x.dtype.kind == "f" else x for x in numbers]
            upstream = None if upstream is None else shaken(upstream)
        found = []
        for step in (0, self.outline.step) if "rate" in op.attrs else (0,):
            out = run_rule(op, numbers, upstream, step)
            if out is not None:
                found.append(summed_by_input(out, self._graph.inbound[node]) if backward else out)
        return found

    def _by_rule_of_results(self, node: int, *, shake: bool) -> list[dict[int, Array]]:
        """Return what a function sends for all its results; an empty list if that is not known."""
        sums: dict[int, Array] = {}
        inbound = self._graph.inbound[node]
        for result in self._graph.results[node]:
            op, position = self.op(result), self._timeline.position_of("backward", result)
            if position is None:
                # Nothing came to this result.
                continue
            upstream = self.gradient(result, position)
            inputs = [self.value(i, position) for i in inbound]
            numbers = [x for x in inputs if x is not None]
            if upstream is None or not isinstance(op, Op) or not self.fits(result, position):
                return []
            if shake:
                numbers = [shaken(x) if x.dtype.kind == "f" else x for x in numbers]
                upstream = shaken(upstream)
            shares = run_rule(op, numbers, upstream, 0)
            if shares is None:
                return []
            for index, share in summed_by_input(shares, inbound).items():
                sums[index] = np.asarray(sums[index] + share) if index in sums else share
        return [sums] if sums else []

    def _is_rounding(
        self, node: int, input_index: int, array: Array, rule: Array, *, backward: bool
    ) -> bool:
        """Whether a result of a library's function differs from our rule by rounding only."""
        again = self.by_rule(node, backward=backward, shake=True)
        return bool(again) and is_rounding(array, rule, again[0][input_index])

    def _shares(self, consumer: int, source: int) -> dict[int, Array] | None:
        """Return the contributions of one of our ops along each edge to an input used twice.

        They are computed by its rule; None unless their sum equals the recorded one.
        """
        if consumer not in self._shared:
            self._shared[consumer] = self._split(consumer)
        return self._shared[consumer]

    def _split(self, consumer: int) -> dict[int, Array] | None:
        op, inbound = self.op(consumer), self._graph.inbound[consumer]
        position = self._timeline.position_of("backward", consumer)
        if not isinstance(op, Op) or self.numbers is None or position is None:
            return None
        inputs = [self.value(i, position) for i in inbound]
        upstream = self.gradient(consumer, position)
        if upstream is None or not self.fits(consumer, position):
            return None
        shares = run_rule(op, [x for x in inputs if x is not None], upstream, 0)
        if shares is None:
            return None
        for input_index, total in summed_by_input(shares, inbound).items():
            raw = self.numbers.sent.get((consumer, input_index))
            if (
                raw is None
                or not is_numeric(raw)
                or raw.tobytes() != total.astype(raw.dtype).tobytes()
            ):
                return None
        return shares
