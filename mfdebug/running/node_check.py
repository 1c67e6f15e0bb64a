"""Checks a program's own nodes where it waits: each evaluation in a child process of its own.

The checker of miniflow is given a graph of one node, whose methods ask the program. At the numbers
that the pass had, the answer is what was recorded. A child begins in the state in which the program
waits, which may be that of a later pass: at those numbers it must give the same, or the node is
unsteady (it draws random numbers, or counts), and nothing is said of its rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from mfdebug.debuggee.questions import Question
from mfdebug.recording.encoding import value_of
from mfdebug.recording.gradient_check import SINGLE_TOLERANCE, check_alone, untested
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import RecordedPass, as_floats
from mfdebug.recording.records import Entry
from mfdebug.running.live_run import LiveRun
from miniflow.errors import GraphError, MiniflowError
from miniflow.gradcheck.checker import Verdict
from miniflow.node import Node
from miniflow.ops.base import Array


class Prober:
    """A `Checker` that asks the program of a run."""

    def __init__(self, run: LiveRun) -> None:
        self._run = run

    def check(
        self, graph: RecordedGraph, recorded: RecordedPass, nodes: Sequence[int]
    ) -> list[Verdict]:
        """Return verdicts on these nodes of a line, in the state that the pass had."""
        waits = self._run.program.waits_after
        if waits is None or self._run.outline(waits).line != recorded.outline.line:
            return [verdict for node in nodes for verdict in untested(graph, node, "own class")]
        places = self._run.places(waits)
        verdicts: list[Verdict] = []
        for node in nodes:
            if node not in places:
                verdicts += untested(graph, node, "own class")
                continue
            probe = _Probe(self._run, graph, recorded, places, node)
            upstream = probe.upstream
            if upstream is None or probe.inputs is None:
                verdicts += untested(graph, node, "not known")
                continue
            if not probe.steady():
                verdicts += untested(graph, node, "random")
                continue
            values = dict(zip(graph.inbound[node], probe.inputs, strict=True))
            label = graph.nodes[node].label

            def make(inputs: list[Node], probe: _Probe = probe, label: str = label) -> Node:
                return _Probed(inputs, label, probe)

            try:
                verdicts += check_alone(graph, node, values, upstream, make)
            except MiniflowError:
                verdicts += untested(graph, node, "not known")
        return verdicts


class _Probe:
    """Evaluates the methods of one node, which has the number `place` in the pass itself."""

    def __init__(
        self,
        run: LiveRun,
        graph: RecordedGraph,
        recorded: RecordedPass,
        places: dict[int, int],
        node: int,
    ) -> None:
        self._run = run
        self._place = places[node]
        self._inbound = graph.inbound[node]
        numbers = recorded.numbers
        assert numbers is not None
        found = [numbers.values.get(source) for source in self._inbound]
        there = [value for value in found if value is not None]
        self.inputs = there if len(there) == len(found) else None
        self._value = numbers.values.get(node)
        # What came from each consumer, by its number in the pass.
        self._shares: dict[int, Array] = {}
        for consumer, input_index in graph.consumers[node]:
            sent = numbers.sent.get((consumer, input_index))
            if sent is not None and consumer in places:
                self._shares[places[consumer]] = as_floats(sent)
        self._sent = {
            input_index: numbers.sent.get((node, input_index))
            for input_index, source in enumerate(self._inbound)
            if self._inbound.index(source) == input_index
        }
        self.upstream = self._sum_of_shares(node == graph.cost)
        floats = [one.dtype for one in (*there, self._value) if one is not None]
        # In single precision the recorded numbers have too few digits for a difference.
        self._double = all(dtype.kind in "biu" or dtype == np.float64 for dtype in floats)
        self._sends_again: bool | None = None

    def _sum_of_shares(self, is_cost: bool) -> Array | None:
        if self._value is None:
            return None
        shape = self._value.shape
        if is_cost and not self._shares:
            return np.ones(shape)
        total = np.zeros(shape)
        for share in self._shares.values():
            if share.size != total.size:
                return None
            total = total + share.reshape(shape)
        return total if self._shares else None

    def steady(self) -> bool:
        """Whether the node computes once more what it has computed in the pass."""
        assert self.inputs is not None
        assert self._value is not None
        try:
            again = self._computed(self.inputs)
        except MiniflowError:
            return False
        if self._double:
            return np.array_equal(again, self._value, equal_nan=True)
        return np.allclose(again, self._value, SINGLE_TOLERANCE, equal_nan=True)

    def forward(self, values: list[Array]) -> Array:
        """Return the value at these values of the inputs."""
        if self._double and self._at_the_pass(values) and self._value is not None:
            return self._value
        return self._computed(values)

    def _computed(self, values: list[Array]) -> Array:
        found = self._ask(values, backward=False, shares={})
        if len(found) != 1:
            raise GraphError("the program gives no value")
        return found[-1]

    def backward(self, values: list[Array], upstream: Array) -> dict[int, Array]:
        """Return what is sent to each input, by its first input_index, for a gradient that came."""
        base = self.upstream is not None and np.array_equal(upstream, self.upstream)
        recorded = {input_index: one for input_index, one in self._sent.items() if one is not None}
        if base and self._double and self._at_the_pass(values):
            return recorded
        if self._sends_again is None:
            again = self._ask(values, backward=True, shares=self._shares)
            self._sends_again = not self._double or all(
                input_index in again and np.array_equal(again[input_index], one, equal_nan=True)
                for input_index, one in recorded.items()
            )
        if not self._sends_again:
            # It keeps something from one call to the next: nothing can be said.
            return {
                input_index: np.full(one.shape, np.nan) for input_index, one in recorded.items()
            }
        shares = self._shares
        if not base:
            first = next(iter(self._shares))
            shares = {place: share * 0 for place, share in self._shares.items()}
            shares[first] = upstream.reshape(self._shares[first].shape)
        return self._ask(values, backward=True, shares=shares)

    def _at_the_pass(self, values: list[Array]) -> bool:
        return self.inputs is not None and all(
            np.array_equal(given, one, equal_nan=True)
            for given, one in zip(values, self.inputs, strict=True)
        )

    def _ask(
        self, values: list[Array], *, backward: bool, shares: dict[int, Array]
    ) -> dict[int, Array]:
        """Let the program answer; raise `GraphError` where it cannot."""
        inputs = dict(enumerate(values))
        question = Question(self._place, inputs, shares, backward=backward)
        answer = self._run.program.ask(question.packed())
        if len(answer) < 4:
            raise GraphError("the program gives no answer")
        length = int.from_bytes(answer[:4], "little")
        entries = msgspec.json.decode(answer[4 : 4 + length], type=list[tuple[int, str, list[int]]])
        at, found = 4 + length, {}
        for input_index, dtype_name, shape in entries:
            entry = Entry("v", 0, -1, dtype_name, tuple(shape))
            value: Any = value_of(entry, answer, at)
            if isinstance(value, str):
                raise GraphError(value)
            found[input_index] = value
            at += entry.size
        return found


class _Probed(Node):
    """A node whose methods are those of a node of the program."""

    def __init__(self, inbound: list[Node], name: str, probe: _Probe) -> None:
        super().__init__(inbound, name)
        self._probe = probe

    def _values(self) -> list[Array]:
        return [np.asarray(node.value) for node in self.inbound_nodes]

    def forward(self) -> None:
        self.value = self._probe.forward(self._values())

    def backward(self) -> None:
        came = sum(np.asarray(node.gradients[self]) for node in self.outbound_nodes)
        sent = self._probe.backward(self._values(), np.asarray(came))
        self.gradients = {self.inbound_nodes[input_index]: one for input_index, one in sent.items()}
