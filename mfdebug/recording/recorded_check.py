"""The gradient check of a recorded pass, without running the program.

The rule of one of our ops is compared with central differences at the recorded numbers, and the
recorded contributions with that rule. The gradient that an input stores is compared with the sum of
what its consumers sent in the same pass. Nodes of the program's own classes can be checked only in
the running program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from msgspec import Struct

from mfdebug.core.timeline.timeline import Timeline
from mfdebug.recording.arrays import as_floats, misfit
from mfdebug.recording.nodes import LIBRARIES, Recorded, RecordedGraph
from mfdebug.recording.passes import RecordedPass
from miniflow.errors import MiniflowError
from miniflow.gradcheck.checker import check
from miniflow.gradcheck.differences import TOLERANCE
from miniflow.gradcheck.verdict import Against, Reason, Verdict
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops.arithmetic import Mul
from miniflow.ops.base import Array, Op
from miniflow.ops.composed import Composed
from miniflow.ops.conditions import Detach
from miniflow.ops.reduce import Sum

# Functions of PyTorch that do not send the derivative, and are not meant to.
NO_DERIVATIVES = {
    "ctc_loss": "it sends what is right for scores whose log_softmax its input is, "
    "which is not its own derivative",
    **dict.fromkeys(
        ("fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"),
        "its backward is a straight-through estimator, which leaves out the rounding",
    ),
}
# Results in single precision have fewer digits than a central difference.
SINGLE_TOLERANCE = 1e-3


class Checker(Protocol):
    """Checks nodes of the program's own classes in the running program."""

    def check(
        self, graph: RecordedGraph, recorded: RecordedPass, nodes: Sequence[int]
    ) -> list[Verdict]:
        """Return verdicts on these nodes of a line, at the recorded values of the pass."""

    def check_function(
        self, graph: RecordedGraph, recorded: RecordedPass, node: int
    ) -> list[Verdict]:
        """Return verdicts on a function whose rule is not known here."""


def check_pass(
    graph: RecordedGraph,
    recorded: RecordedPass,
    timeline: Timeline,
    checker: Checker | None,
    node: int | None,
) -> list[Verdict]:
    """Return a verdict for each input of one node, or of every node that sent something.

    Raises `MiniflowError` if a node cannot be evaluated.
    """
    if not recorded.outline.backward:
        return []
    pass_check = _PassCheck(graph, recorded, timeline)
    wanted = range(len(graph)) if node is None else [node]
    verdicts: list[Verdict] = []
    asked: list[int] = []
    for i in wanted:
        if not graph.reaches_cost[i]:
            continue
        if not graph.inbound[i]:
            verdicts += pass_check.kept_gradient(i, always=node is not None)
        elif recorded.numbers is None:
            verdicts += pass_check.untested(i, "not kept")
        elif recorded.rules.op(i).library:
            verdicts += pass_check.function(i, checker)
        elif isinstance(graph.nodes[i], Op):
            verdicts += pass_check.rule(i)
        elif checker is not None:
            asked.append(i)
        else:
            verdicts += pass_check.untested(i, "own class")
    if asked and checker is not None:
        verdicts += checker.check(graph, recorded, asked)
    misfits = {
        (misfit.node, misfit.source): misfit for i in wanted for misfit in pass_check.misfits(i)
    }
    verdicts = [misfits.get((verdict.node, verdict.source), verdict) for verdict in verdicts]
    return sorted(verdicts, key=lambda verdict: (verdict.node, verdict.input_index or 0))


def untested(graph: Graph, node: int, reason: Reason) -> list[Verdict]:
    """Return an "untested" verdict for each input of a node."""
    inbound = graph.inbound[node]
    return [
        Verdict(node, source, inbound.index(source), "untested", 0, reason=reason, cause=node)
        for source in dict.fromkeys(inbound)
    ]


class _PassCheck(Struct, frozen=True):
    graph: RecordedGraph
    recorded: RecordedPass
    timeline: Timeline

    def untested(self, node: int, reason: Reason) -> list[Verdict]:
        """Return an "untested" verdict for each input of a node."""
        return untested(self.graph, node, reason)

    def misfits(self, node: int) -> Iterator[Verdict]:
        """Yield a verdict for each contribution of a node whose shape is not its input's."""
        numbers, inbound = self.recorded.numbers, self.graph.inbound[node]
        for source in dict.fromkeys(inbound):
            input_index = inbound.index(source)
            raw = None if numbers is None else numbers.sent.get((node, input_index))
            shape = self.recorded.shape(source)
            if raw is None or shape is None or not misfit(raw, shape):
                continue
            yield Verdict(
                *(node, source, input_index, "wrong", raw.size),
                relative_error=np.inf,
                reason="wrong shape",
                cause=node,
                shapes=(raw.shape, shape),
            )

    # Stored gradients --------------------------------------------------------------------------

    def kept_gradient(self, node: int, *, always: bool) -> Iterator[Verdict]:
        """Compare the gradient that an input stores with what its consumers sent in this pass.

        `always`: also yield a verdict if it stores none, so that there is only the sum. Otherwise
        one of our inputs, which sums correctly, gets a verdict only if its gradient was changed.
        """
        recorded = self.recorded
        if recorded.numbers is None:
            if always:
                yield Verdict(node, node, None, "untested", 0, reason="not kept", cause=node)
            return
        if node not in recorded.numbers.own and not always:
            return
        sums = recorded.sum_sent(node, self.timeline.length)
        own = recorded.own(node) if node in recorded.numbers.own else sums
        if sums is None or own is None or not sums.size:
            yield Verdict(node, node, None, "untested", 0, reason="not known", cause=node)
            return
        verdict = compared(node, node, None, own, sums, "sum")
        library = self.graph.nodes[node].library
        if verdict.judgement == "wrong" and library == LIBRARIES["torch"]:
            # Its engine has added what came in this pass to what was there.
            if not always:
                return
            verdict = replace(verdict, judgement="untested", reason="accumulated", cause=node)
        ours = not isinstance(self.graph.nodes[node], Recorded)
        if always or not ours or verdict.judgement == "wrong":
            yield verdict

    # Our own rules -----------------------------------------------------------------------------

    def rule(self, node: int) -> list[Verdict]:
        """Check the rule of one of our ops, and that the program's numbers follow it."""
        position = self.timeline.position_of("backward", node)
        upstream = None if position is None else self.recorded.gradient(node, position)
        if position is None or upstream is None or not self.recorded.rules.fits(node, position):
            return self.untested(node, "not known")
        found = self._by_differences(node, position, upstream)
        if self._stops(node):
            found = [_unless_stopped(verdict) for verdict in found]
        if any(verdict.judgement == "wrong" for verdict in found):
            return found
        departing = self._departing(node)
        return [departing.get(verdict.source, verdict) for verdict in found]

    def function(self, node: int, checker: Checker | None) -> list[Verdict]:
        """Check a library's function: by our rule for it, or as the program evaluates it."""
        graph, recorded = self.graph, self.recorded
        if graph.reads[node] != graph.inbound[node]:
            # One of several results hands on what arrives: all that is sent is the function's.
            return []
        op = recorded.rules.op(node)
        if graph.results[node]:
            found = self._of_several_results(node)
        elif not isinstance(op, Op) or not recorded.rules.runs(node):
            found = self.untested(node, "library")
        else:
            return [self._unless_entered(verdict) for verdict in self.rule(node)]
        if checker is None or any(verdict.reason != "library" for verdict in found):
            return found
        found = checker.check_function(graph, recorded, node)
        if type(op).__name__ in NO_DERIVATIVES and op.library == LIBRARIES["torch"]:
            return [_unless_meant(verdict, type(op).__name__) for verdict in found]
        return found

    def _unless_entered(self, verdict: Verdict) -> Verdict:
        """Return a verdict that is not "wrong" if others may have sent through a part of a node.

        Where a program differentiates a gradient, unseen functions use what a function has computed
        within: what they send there comes out of the function, and is not its own.
        """
        if verdict.judgement != "wrong" or self.recorded.numbers is None:
            return verdict
        node, graph, sent = verdict.node, self.graph, self.recorded.numbers.sent
        for consumer in graph.backward_nodes:
            inbound = graph.inbound[consumer]
            if verdict.source not in inbound or isinstance(self.recorded.rules.op(consumer), Op):
                continue
            if sent.get((consumer, inbound.index(verdict.source))) is None:
                words = f"{graph.nodes[consumer].label} may have sent through a part of it, unseen"
                return replace(
                    verdict, judgement="untested", reason="refused", cause=node, words=words
                )
        return verdict

    def _of_several_results(self, node: int) -> list[Verdict]:
        """Compare what a function with several results has sent with our rule for it."""
        found = self.recorded.rules.by_rule(node, backward=True)
        numbers, inbound = self.recorded.numbers, self.graph.inbound[node]
        verdicts = []
        for verdict in self.untested(node, "library"):
            index = inbound.index(verdict.source)
            raw = None if numbers is None else numbers.sent.get((node, index))
            if not found or raw is None or raw.size != found[0][index].size:
                verdicts.append(verdict)
                continue
            rule = found[0][index]
            sent = as_floats(raw).reshape(rule.shape)
            verdict = compared(node, verdict.source, index, sent, rule, "rule")
            if verdict.judgement == "wrong" and not self.recorded.rules.departs(node, "backward"):
                # What is left of terms that cancel each other: rounding.
                verdict = replace(verdict, judgement="untested", reason="rounding", cause=node)
            verdict = self._unless_half(verdict, raw)
            verdicts.append(verdict)
        return verdicts

    def _by_differences(self, node: int, position: int, upstream: Array) -> list[Verdict]:
        """Check one of our ops by central differences at the recorded numbers."""
        op, recorded = self.recorded.rules.op(node), self.recorded
        assert isinstance(op, Op)
        values = {source: recorded.value(source, position) for source in self.graph.inbound[node]}
        known = {source: value for source, value in values.items() if value is not None}
        try:
            return check_alone(
                self.graph,
                node,
                known,
                upstream,
                lambda inputs: type(op).of(inputs, op.label, op.attrs),
            )
        except MiniflowError:
            return self.untested(node, "not known")

    def _stops(self, node: int) -> bool:
        """Whether a part of a function stops the gradient, as it does to a row for padding."""
        op = self.recorded.rules.op(node)
        shapes = [self.recorded.shape(source) for source in self.graph.inbound[node]]
        if not isinstance(op, Composed):
            return False
        known = [shape for shape in shapes if shape is not None]
        return any(isinstance(part, Detach) for part in op.parts(*known).ops)

    def _departing(self, node: int) -> dict[int, Verdict]:
        """Return a verdict, by input, for each contribution that differs from the rule."""
        if not self.recorded.rules.departs(node, "backward") or self.recorded.numbers is None:
            return {}
        rules = self.recorded.rules.by_rule(node, backward=True)
        found = {}
        for input_index, rule in rules[0].items():
            raw = self.recorded.numbers.sent.get((node, input_index))
            source = self.graph.inbound[node][input_index]
            if raw is None or raw.size != rule.size:
                continue
            verdict = compared(
                node, source, input_index, as_floats(raw).reshape(rule.shape), rule, "rule"
            )
            if verdict.judgement == "wrong":
                found[source] = self._unless_half(verdict, raw)
        return found

    def _unless_half(self, verdict: Verdict, sent: Array) -> Verdict:
        """Return a verdict that is not "wrong" if 16 bits have no digits to tell."""
        node, index = verdict.node, verdict.input_index
        if verdict.judgement != "wrong" or index is None:
            return verdict
        half = self.recorded.rules.half_of(node, index, sent, backward=True)
        if not half:
            return verdict
        return replace(verdict, judgement="untested", reason="half", cause=node, words=half)


def check_alone(
    graph: Graph,
    node: int,
    values: Mapping[int, Array],
    upstream: Array,
    make: Callable[[list[Node]], Node],
) -> list[Verdict]:
    """Check one node of a graph, in a separate graph whose cost is Σ upstream · value.

    `make` creates the node on inputs with the given `values`, which are by node number of `graph`.
    Raises `MiniflowError` if the node cannot be evaluated.
    """
    inputs: dict[int, Input] = {}
    for source in dict.fromkeys(graph.inbound[node]):
        value = values[source]
        kept = value if value.dtype.kind in "iu" else value.astype(np.float64)
        inputs[source] = Input(graph.nodes[source].label, value=kept)
    names = {copy.label for copy in inputs.values()} | {graph.nodes[node].label}
    tested = make([inputs[source] for source in graph.inbound[node]])
    weight = Input(_unused("upstream", names), value=upstream.astype(np.float64))
    product = Mul(tested, weight, name=_unused("product", names))
    nodes: list[Node] = [*inputs.values(), tested, weight, product]
    cost: Node = product
    if upstream.ndim:
        cost = Sum(product, name=_unused("total", names))
        nodes.append(cost)
    alone = Graph(nodes, cost, name=tested.label)
    position = alone.index_of(tested.label)
    known = {alone.index_of(copy.label): source for source, copy in inputs.items()} | {
        position: node
    }
    return [
        replace(
            verdict,
            node=node,
            source=known[verdict.source],
            cause=None if verdict.cause is None else known.get(verdict.cause, node),
        )
        for verdict in check(alone, position)
    ]


def _unless_stopped(verdict: Verdict) -> Verdict:
    """Return a verdict on a function a part of which stops the gradient: it may differ from one."""
    if verdict.judgement != "wrong":
        return verdict
    return replace(verdict, judgement="untested", reason="stops", cause=verdict.node)


def _unless_meant(verdict: Verdict, function: str) -> Verdict:
    """Return a verdict on a function that is not meant to send the derivative."""
    if verdict.judgement != "wrong":
        return verdict
    words = NO_DERIVATIVES[function]
    return replace(verdict, judgement="untested", reason="refused", cause=verdict.node, words=words)


def compared(
    node: int, source: int, input_index: int | None, found: Array, expected: Array, against: Against
) -> Verdict:
    """Return a verdict on recorded numbers, by the entry that differs most from `expected`."""
    a, b = (np.asarray(x, np.float64).reshape(-1) for x in (found, expected))
    with np.errstate(all="ignore"):
        differences = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        scale = np.maximum(np.abs(a), np.abs(b))
        errors = np.divide(
            differences, scale, out=np.zeros_like(differences), where=differences != 0
        )
    errors[np.isnan(errors)] = np.inf
    worst = int(errors.argmax())
    double = found.dtype == np.float64
    tolerance = TOLERANCE if double else SINGLE_TOLERANCE
    # A sum whose terms cancel keeps their rounding errors.
    is_rounding = (
        differences[worst] <= 1e-12 * float(np.nanmax(scale, initial=0.0)) if double else False
    )
    is_right = errors[worst] <= tolerance or is_rounding
    index = tuple(map(int, np.unravel_index(worst, found.shape)))
    return Verdict(
        node,
        source,
        input_index,
        "right" if is_right else "wrong",
        a.size,
        index,
        float(a[worst]),
        float(b[worst]),
        float(errors[worst]),
        tolerance,
        a.size,
        against=against,
    )


def _unused(name: str, names: set[str]) -> str:
    while name in names:
        name += "_"
    names.add(name)
    return name
