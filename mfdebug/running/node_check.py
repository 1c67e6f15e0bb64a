"""Checks nodes of a program's own classes in the paused program, each time in a child process.

The checker of miniflow gets a graph of one node, whose methods ask the program. At the recorded
inputs, the recorded results are the answer. A child starts from the state in which the program
waits, which may be after a later pass: it must reproduce the recorded results. If it does not, the
node is not deterministic (it draws random numbers, or counts calls), and its rule is not judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.debuggee.questions import Question
from mfdebug.recording.arrays import as_floats
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.recorded_check import SINGLE_TOLERANCE, check_alone, untested
from mfdebug.running.answers import read_answer
from mfdebug.running.function_check import FunctionCheck
from mfdebug.running.live_run import LiveRun
from miniflow.errors import GraphError, MiniflowError
from miniflow.gradcheck.checker import Verdict
from miniflow.node import Node
from miniflow.ops.base import Array


class Prober:
    """A `Checker` that asks the running program."""

    def __init__(self, run: LiveRun, functions: FunctionCheck) -> None:
        self._run = run
        self._functions = functions

    def check_function(
        self, graph: RecordedGraph, recorded: RecordedPass, node: int
    ) -> list[Verdict]:
        """Return verdicts on a function whose rule is not known here."""
        return self._functions.check(graph, recorded, node)

    def check(
        self, graph: RecordedGraph, recorded: RecordedPass, nodes: Sequence[int]
    ) -> list[Verdict]:
        """Return verdicts on these nodes of a line, at the recorded values of the pass."""
        waits = self._run.program.waits_after
        if waits is None or self._run.outline(waits).line != recorded.outline.line:
            return [verdict for node in nodes for verdict in untested(graph, node, "own class")]
        numbering = self._run.numbering(waits)
        verdicts: list[Verdict] = []
        for node in nodes:
            if node not in numbering:
                verdicts += untested(graph, node, "own class")
                continue
            probe = _Probe(self._run, graph, recorded, numbering, node)
            upstream = probe.upstream
            if upstream is None or probe.inputs is None:
                verdicts += untested(graph, node, "not known")
                continue
            try:
                if not probe.is_deterministic():
                    verdicts += untested(graph, node, "random")
                    continue
            except MiniflowError:
                verdicts += untested(graph, node, "failed")
                continue
            values = dict(zip(graph.inbound[node], probe.inputs, strict=True))
            label = graph.nodes[node].label

            def make(inputs: list[Node], probe: _Probe = probe, label: str = label) -> Node:
                return _ProbedNode(inputs, label, probe)

            try:
                verdicts += check_alone(graph, node, values, upstream, make)
            except MiniflowError:
                verdicts += untested(graph, node, "not known")
        return verdicts


class _Probe:
    """Evaluates the methods of one node.

    `numbering` maps node numbers of the line to those of the pass.
    """

    def __init__(
        self,
        run: LiveRun,
        graph: RecordedGraph,
        recorded: RecordedPass,
        numbering: dict[int, int],
        node: int,
    ) -> None:
        self._run = run
        self._number = numbering[node]
        self._inbound = graph.inbound[node]
        numbers = recorded.numbers
        assert numbers is not None
        values = [numbers.values.get(source) for source in self._inbound]
        known = [value for value in values if value is not None]
        self.inputs = known if len(known) == len(values) else None
        self._value = numbers.values.get(node)
        # The contribution of each consumer, by its number in the pass.
        self._shares: dict[int, Array] = {}
        for consumer, input_index in graph.consumers[node]:
            sent = numbers.sent.get((consumer, input_index))
            if sent is not None and consumer in numbering:
                self._shares[numbering[consumer]] = as_floats(sent)
        self._sent = {
            input_index: numbers.sent.get((node, input_index))
            for input_index, source in enumerate(self._inbound)
            if self._inbound.index(source) == input_index
        }
        self.upstream = self._sum_of_shares(node == graph.cost)
        dtypes = [value.dtype for value in (*known, self._value) if value is not None]
        # In single precision the recorded numbers are too coarse for a difference quotient.
        self._double = all(dtype.kind in "biu" or dtype == np.float64 for dtype in dtypes)
        self._backward_is_deterministic: bool | None = None

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

    def is_deterministic(self) -> bool:
        """Whether the node reproduces the value that it had in the pass.

        Raises `MiniflowError` if the program cannot evaluate it.
        """
        assert self.inputs is not None
        assert self._value is not None
        again = self._evaluate(self.inputs)
        if self._double:
            return np.array_equal(again, self._value, equal_nan=True)
        return np.allclose(again, self._value, SINGLE_TOLERANCE, equal_nan=True)

    def forward(self, values: list[Array]) -> Array:
        """Return the node's value for these values of its inputs."""
        if self._double and self._are_recorded(values) and self._value is not None:
            return self._value
        return self._evaluate(values)

    def _evaluate(self, values: list[Array]) -> Array:
        answers = self._ask(values, backward=False, shares={})
        if len(answers) != 1:
            raise GraphError("the program returned no value")
        return answers[-1]

    def backward(self, values: list[Array], upstream: Array) -> dict[int, Array]:
        """Return what is sent to each input, by its first index, for an upstream gradient."""
        same_upstream = self.upstream is not None and np.array_equal(upstream, self.upstream)
        recorded = {index: sent for index, sent in self._sent.items() if sent is not None}
        if same_upstream and self._double and self._are_recorded(values):
            return recorded
        if self._backward_is_deterministic is None:
            again = self._ask(values, backward=True, shares=self._shares)
            self._backward_is_deterministic = not self._double or all(
                index in again and np.array_equal(again[index], sent, equal_nan=True)
                for index, sent in recorded.items()
            )
        if not self._backward_is_deterministic:
            # The node keeps state between calls, so its rule cannot be judged.
            return {index: np.full(sent.shape, np.nan) for index, sent in recorded.items()}
        shares = self._shares
        if not same_upstream:
            first = next(iter(self._shares))
            shares = {consumer: share * 0 for consumer, share in self._shares.items()}
            shares[first] = upstream.reshape(self._shares[first].shape)
        return self._ask(values, backward=True, shares=shares)

    def _are_recorded(self, values: list[Array]) -> bool:
        return self.inputs is not None and all(
            np.array_equal(value, recorded, equal_nan=True)
            for value, recorded in zip(values, self.inputs, strict=True)
        )

    def _ask(
        self, values: list[Array], *, backward: bool, shares: dict[int, Array]
    ) -> dict[int, Array]:
        """Ask the program; raise `GraphError` if it gives no answer."""
        inputs = dict(enumerate(values))
        question = Question(self._number, inputs, shares, backward=backward)
        answers: dict[int, Array] = {}
        for key, value in read_answer(self._run.program.ask(question.packed())):
            if isinstance(value, str):
                raise GraphError(value)
            answers[key] = value
        return answers


class _ProbedNode(Node):
    """A node whose methods run in the program."""

    def __init__(self, inbound: list[Node], name: str, probe: _Probe) -> None:
        super().__init__(inbound, name)
        self._probe = probe

    def _values(self) -> list[Array]:
        return [np.asarray(node.value) for node in self.inbound_nodes]

    def forward(self) -> None:
        self.value = self._probe.forward(self._values())

    def backward(self) -> None:
        upstream = sum(np.asarray(node.gradients[self]) for node in self.outbound_nodes)
        sent = self._probe.backward(self._values(), np.asarray(upstream))
        self.gradients = {self.inbound_nodes[index]: array for index, array in sent.items()}
