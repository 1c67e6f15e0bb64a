"""The rules of our ops at the recorded numbers of a pass, and how the record differs from them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mfdebug.core.timeline.timeline import Phase, Timeline
from mfdebug.recording.arrays import as_floats, is_numeric
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.op_rule import (
    difference,
    half_of,
    is_close,
    is_rounding,
    run_rule,
    shaken,
    summed_by_input,
)
from mfdebug.recording.records import Numbers, Outline, Run
from miniflow.errors import MiniflowError
from miniflow.node import Node
from miniflow.ops.base import Array, Op
from miniflow.ops.composed import Composed


class PassNumbers(Protocol):
    """What a rule needs of a recorded pass."""

    number: int
    numbers: Numbers | None
    outline: Outline

    def value(self, node: int, position: int) -> Array | None:
        """Return a node's value at a position of the pass."""

    def computed(self, node: int) -> Array | None:
        """Return what a node computed in its forward."""

    def gradient(self, node: int, position: int) -> Array | None:
        """Return a node's gradient at a position: the sum of the contributions so far."""


class PassRules:
    """The rules of the ops of one pass; what they return is remembered."""

    def __init__(
        self, recorded: PassNumbers, run: Run, graph: RecordedGraph, timeline: Timeline
    ) -> None:
        self._pass, self._run, self._graph, self._timeline = recorded, run, graph, timeline
        self._ops: dict[int, Node] = {}
        self._runs: dict[int, bool] = {}
        self._shared: dict[int, dict[int, Array] | None] = {}
        self._agrees: dict[tuple[int, Phase], str] = {}

    def op(self, node: int) -> Node:
        """Return a node with the settings that it has in this pass."""
        found = self._graph.nodes[node]
        if not isinstance(found, Composed):
            return found
        if node not in self._ops:
            made = self._graph.with_settings(node, self._run.nodes(self._pass.number))
            self._ops[node] = self._dropped(node, made) or made
        return self._ops[node]

    def _dropped(self, node: int, made: Node) -> Node | None:
        """Return a dropout with the mask of this pass, as far as it is known."""
        if "dropout" not in type(made).__name__ or self._pass.numbers is None:
            return None
        # The rules are loaded for programs that use PyTorch.
        from mfdebug.recording.functions.dropped import dropped

        position = self._timeline.position_of("forward", node)
        if position is None or not self._graph.reads[node]:
            return None
        x = self._pass.value(self._graph.reads[node][0], position)
        value, sent = self._pass.computed(node), self._pass.numbers.sent.get((node, 0))
        return dropped(made, x, value, sent)

    def departs(self, node: int, phase: Phase) -> str:
        """Return how the record differs from the rule of one of our ops, or an empty string.

        Also empty if anything needed for the comparison is not known.
        """
        key = node, phase
        if key not in self._agrees:
            self._agrees[key] = self._departs(node, phase)
        return self._agrees[key]

    def _departs(self, node: int, phase: Phase) -> str:
        if not isinstance(self.op(node), Op) or self._pass.numbers is None:
            return ""
        recorded: dict[int, Array]
        if phase == "forward":
            value = self._pass.computed(node)
            if value is None or not is_numeric(value):
                return ""
            recorded = {0: as_floats(value)}
            found = self.by_rule(node, backward=False)
        else:
            sent = {
                input_index: self._pass.numbers.sent.get((node, input_index))
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
            if not worst:
                worst = difference(array, rules[0])
                if half := self.half_of(node, input_index, array, backward=phase == "backward"):
                    worst += f", as the program rounds to {half}"
        return worst

    def half_of(self, node: int, input_index: int, array: Array, *, backward: bool) -> str:
        """Return the float type of 16 bits to whose rounding an array follows our rule, or ""."""
        half = half_of(array)
        if not half or not self.op(node).library:
            return ""
        rules = self.by_rule(node, backward=backward)
        again = self.by_rule(node, backward=backward, shake=True, half=half)
        found = bool(rules and again) and is_rounding(
            array, rules[0][input_index], again[0][input_index], half
        )
        return half if found else ""

    def runs(self, node: int) -> bool:
        """Whether the rule of a library's function, in our words, takes the recorded numbers.

        It may reject some, such as a label that is to be ignored.
        """
        if node not in self._runs:
            self._runs[node] = bool(self.by_rule(node, backward=False))
        return self._runs[node]

    def fits(self, node: int, position: int) -> bool:
        """Whether the shapes of one of our ops and its inputs are known and fit its rule."""
        op, value = self.op(node), self._pass.value(node, position)
        inputs = [self._pass.value(i, position) for i in self._graph.reads[node]]
        if not isinstance(op, Op) or value is None:
            return False
        shapes = [x.shape for x in inputs if x is not None]
        try:
            return len(shapes) == len(inputs) and op.output_shape(*shapes) == value.shape
        except (MiniflowError, LookupError, TypeError, ValueError):
            # From a damaged file or another version.
            return False

    def by_rule(
        self, node: int, *, backward: bool, shake: bool = False, half: str = ""
    ) -> list[dict[int, Array]]:
        """Return the results of the rule of one of our ops at the recorded numbers.

        Forward: the value under 0. Backward: the contributions, summed under the first index of
        each input. An op that draws random numbers has more than one possible result. With `shake`
        the numbers are rounded otherwise, to a type of 16 bits if it is called `half`.
        """
        op = self.op(node)
        if not isinstance(op, Op):
            return []
        phase: Phase = "backward" if backward else "forward"
        position = self._timeline.position_of(phase, node)
        inputs = [self._pass.value(i, position or 0) for i in self._graph.reads[node]]
        upstream = self._pass.gradient(node, position or 0) if backward else None
        if backward and self._graph.results[node]:
            return self._by_rule_of_results(node, shake=shake, half=half)
        if position is None or (backward and upstream is None) or not self.fits(node, position):
            return []
        if backward and self._graph.reads[node] != self._graph.inbound[node]:
            # What one of several results sends goes to the function, unseen.
            return []
        numbers = [x for x in inputs if x is not None]
        if shake:
            numbers = [shaken(x, half) if x.dtype.kind == "f" else x for x in numbers]
            upstream = None if upstream is None else shaken(upstream, half)
        found = []
        for step in (0, self._pass.outline.step) if "rate" in op.attrs else (0,):
            out = run_rule(op, numbers, upstream, step)
            if out is not None:
                found.append(summed_by_input(out, self._graph.inbound[node]) if backward else out)
        return found

    def _by_rule_of_results(self, node: int, *, shake: bool, half: str) -> list[dict[int, Array]]:
        """Return what a function sends for all its results; an empty list if that is not known."""
        sums: dict[int, Array] = {}
        inbound = self._graph.inbound[node]
        for result in self._graph.results[node]:
            op, position = self.op(result), self._timeline.position_of("backward", result)
            if position is None:
                # Nothing came to this result.
                continue
            upstream = self._pass.gradient(result, position)
            inputs = [self._pass.value(i, position) for i in inbound]
            numbers = [x for x in inputs if x is not None]
            if upstream is None or not isinstance(op, Op) or not self.fits(result, position):
                return []
            if shake:
                numbers = [shaken(x, half) if x.dtype.kind == "f" else x for x in numbers]
                upstream = shaken(upstream, half)
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

    def shares(self, consumer: int) -> dict[int, Array] | None:
        """Return the contributions of one of our ops along each edge.

        They are computed by its rule; None unless their sum equals the recorded one.
        """
        if consumer not in self._shared:
            self._shared[consumer] = self._split(consumer)
        return self._shared[consumer]

    def _split(self, consumer: int) -> dict[int, Array] | None:
        op, inbound = self.op(consumer), self._graph.inbound[consumer]
        position = self._timeline.position_of("backward", consumer)
        if not isinstance(op, Op) or self._pass.numbers is None or position is None:
            return None
        inputs = [self._pass.value(i, position) for i in inbound]
        upstream = self._pass.gradient(consumer, position)
        if upstream is None or not self.fits(consumer, position):
            return None
        shares = run_rule(op, [x for x in inputs if x is not None], upstream, 0)
        if shares is None:
            return None
        for input_index, total in summed_by_input(shares, inbound).items():
            raw = self._pass.numbers.sent.get((consumer, input_index))
            if (
                raw is None
                or not is_numeric(raw)
                or raw.tobytes() != total.astype(raw.dtype).tobytes()
            ):
                return None
        return shares
