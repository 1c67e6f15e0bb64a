"""Gradient checking: backward rules compared with finite differences of forward rules.

For an op, the function whose derivative is judged (see `differences`) is Σ g · value, with the
gradient g that the op received held constant. So each rule is judged alone, and an error is found
in the op that makes it. Where g is 0, any rule sends 0, so the rule is also tried with other
numbers there. For an input, the function is the cost, through the whole graph; an input with its
own backward rule is also compared with the sum of the contributions that it received.

The time of an evaluation is proportional to the number of a node's inputs, and so is the time of a
check: of many inputs some are tried one by one, and all together along one direction (see
`screening`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from miniflow.errors import GraphError
from miniflow.gradcheck.check_pass import CheckPass, Upstream, unchanged
from miniflow.gradcheck.differences import TOLERANCE, Finding, Judgement, judge
from miniflow.gradcheck.function import Function, Move
from miniflow.gradcheck.screening import Direction, find_suspect
from miniflow.gradcheck.verdict import JUDGEMENTS as JUDGEMENTS
from miniflow.gradcheck.verdict import Reason
from miniflow.gradcheck.verdict import Verdict as Verdict
from miniflow.ops.base import Array, Index
from miniflow.plans.base import Plan
from miniflow.plans.without_gradient import stops
from miniflow.structure import Structure

# For the entries of one input: an untested entry does not outweigh the tested ones.
_ENTRY_JUDGEMENTS: tuple[Judgement, ...] = ("untested", "right", "undefined", "kink", "wrong")

# Evenly spaced entries tried per input, besides the one with the largest gradient.
ENTRIES = 100
# The maximum of numbers computed for a node, and the minimum of entries tried.
WORK = 2e7
LEAST = 8
# How often evaluations of a node are compared before its rule is judged wrong.
REPEATS = 10
# How many suspects are tried among the entries that were not tried one by one.
SUSPECTS = 2


@dataclass(frozen=True)
class _Case:
    """A gradient that a node receives, and the contribution that it sends to one input for it."""

    upstream: Upstream
    sent: Array


def check(subject: Structure | Plan, node: int | None = None) -> list[Verdict]:
    """Check the gradients of one node, or of every op that the cost depends on.

    An op gets a verdict for each of its inputs. An input gets one for its own gradient; in a check
    of all nodes, only if it has its own backward rule. Everything is computed separately, in
    float64, in a pass over the current values of the inputs: the plan and its nodes do not change.

    Raises `GraphError` if the cost does not depend on the node, or if a program's own node raises.
    """
    graph = subject if isinstance(subject, Structure) else subject.graph
    if node is not None and not graph.reaches_cost[node]:
        raise GraphError(
            f"the cost does not depend on {graph.nodes[node].label}: it has no gradient",
            where=graph.name,
        )
    with unchanged(graph), np.errstate(all="ignore"):
        checker = _Checker(CheckPass(subject, graph))
        if node is not None and not graph.inbound[node]:
            return checker.check_input(node)
        nodes = range(len(graph)) if node is None else [node]
        return [
            verdict for i in nodes if graph.reaches_cost[i] for verdict in checker.check_node(i)
        ]


class _Checker:
    """The check of the nodes of a pass, in topological order."""

    def __init__(self, check_pass: CheckPass) -> None:
        self.check_pass, self.graph, self.plan = check_pass, check_pass.graph, check_pass.plan

    def check_node(self, node: int) -> list[Verdict]:
        """Judge the contributions of a node to each of its inputs."""
        if not self.graph.inbound[node]:
            return self._check_sum(node) if node in self.check_pass.own else []
        input_indices: dict[int, int] = {}
        for input_index, source in enumerate(self.graph.inbound[node]):
            if self.plan.value(source).size and not stops(self.graph, node, input_index):
                input_indices.setdefault(source, input_index)
        stopped = self._check_stopped(node, input_indices)
        if not input_indices:
            return stopped
        sources = list(input_indices)

        def untested(reason: Reason) -> list[Verdict]:
            return [
                self._untested(node, source, input_indices[source], reason, node)
                for source in sources
            ]

        if self.check_pass.lacks_rule(node):
            return untested("no backward")
        function = Function(self.plan, sources, [node])
        if function.find_nondeterministic(self.check_pass.own, 1) is not None:
            return untested("random")
        verdicts = self._check_inputs(node, input_indices, function)
        suspected = any(verdict.judgement in ("kink", "wrong") for verdict in verdicts)
        if suspected and function.find_nondeterministic(self.check_pass.own, REPEATS) is not None:
            return untested("random")
        function.restore()
        return [*stopped, *verdicts]

    def _check_stopped(self, node: int, others: Iterable[int]) -> list[Verdict]:
        """Judge the zeros sent to inputs that get no gradient by definition."""
        input_indices = {
            source: input_index
            for input_index, source in reversed([*enumerate(self.graph.inbound[node])])
            if source not in others and stops(self.graph, node, input_index)
        }
        if not input_indices:
            return []
        upstream = self.check_pass.upstream(node)
        received = [upstream, *self.check_pass.assumed(node, upstream)][-1]
        verdicts = []
        for source, sent in self.check_pass.send(node, received).items():
            if source in input_indices:
                # NaN is the greatest.
                index = _entry(int(np.abs(sent).argmax()), sent.shape)
                analytic = float(sent[index])
                finding = Finding(*(("right", 0.0, 0.0) if analytic == 0 else ("wrong", 0.0, 1.0)))
                edge = _Edge(node, source, input_indices[source])
                verdict = _verdict(edge, index, analytic, finding, received.assumed, sent.size)
                verdicts.append(replace(verdict, against="rule"))
        return verdicts

    def _check_inputs(
        self, node: int, input_indices: dict[int, int], function: Function
    ) -> list[Verdict]:
        upstream = self.check_pass.upstream(node)
        cases: dict[int, list[_Case]] = {source: [] for source in input_indices}
        for received in (upstream, *self.check_pass.assumed(node, upstream)):
            for source, sent in self.check_pass.send(node, received).items():
                if source in cases:
                    cases[source].append(_Case(received, sent))
        budget = max(LEAST, int(WORK / function.work))
        tried = _evenly_spaced(list(input_indices), budget)
        most = min(ENTRIES, budget // max(1, len(tried)))
        verdicts = {
            source: self._judge(
                _Edge(node, source, input_indices[source]), function, cases[source], most
            )
            for source in tried
        }
        open_cases = {
            source: source_cases
            for source, source_cases in cases.items()
            if source not in self.check_pass.integers and not _is_final(verdicts.get(source))
        }
        if any(
            source not in tried or source_cases[0].sent.size > most
            for source, source_cases in open_cases.items()
        ):
            for verdict in self._screen(node, input_indices, function, open_cases):
                verdicts[verdict.source] = verdict
        return list(verdicts.values())

    def _screen(
        self,
        node: int,
        input_indices: dict[int, int],
        function: Function,
        cases: dict[int, list[_Case]],
    ) -> Iterator[Verdict]:
        """Yield a verdict of a wrong entry, if there is one among those not tried one by one."""
        upstream = next(iter(cases.values()))[-1].upstream
        sent = {source: source_cases[-1].sent for source, source_cases in cases.items()}
        direction = Direction(function, sent, upstream.total)
        for _ in range(SUSPECTS):
            position = find_suspect(direction)
            if position is None:
                return
            source, index = direction.entry(position)
            edge = _Edge(node, source, input_indices[source])
            verdict = self._judge(edge, function, cases[source], ENTRIES, [index])
            if verdict.judgement == "wrong":
                yield verdict
                return
            direction.exclude(position)

    def check_input(self, node: int) -> list[Verdict]:
        """Judge an input's own gradient, through the whole graph."""
        graph = self.graph
        base = self.plan.value(node)
        if not base.size:
            return []
        edge = _Edge(node, node, None)
        depends = [False] * len(graph)
        depends[node] = True
        for i, sources in enumerate(graph.inbound):
            # A value that stops the gradient counts as a constant, as in the rules.
            depends[i] = depends[i] or any(
                depends[source] and not stops(graph, i, input_index)
                for input_index, source in enumerate(sources)
            )
        if not depends[graph.cost]:
            return [self._untested(*edge, "stopped", node)]
        run = [i for i in range(len(graph)) if depends[i] and i != node and graph.reaches_cost[i]]
        lacking = next((i for i in run if self.check_pass.lacks_rule(i)), None)
        if lacking is not None:
            return [self._untested(*edge, "no backward", lacking)]
        function = Function(self.plan, [node], run)
        nondeterministic = function.find_nondeterministic(self.check_pass.own, REPEATS)
        if nondeterministic is not None:
            return [self._untested(*edge, "random", nondeterministic)]
        sent = self.plan.gradient(node).copy()
        if node in self.check_pass.own:
            sent = self.check_pass.own_gradient(node, self.check_pass.upstream(node))
        upstream = Upstream(np.ones(self.plan.shapes[graph.cost]), {})
        most = min(ENTRIES, max(LEAST, int(WORK / function.work)))
        verdict = self._judge(edge, function, [_Case(upstream, sent)], most)
        function.restore()
        if verdict.judgement == "wrong" and self._only_kinks(run):
            verdict = replace(verdict, judgement="kink")
        return [verdict]

    def _only_kinks(self, run: list[int]) -> bool:
        """Whether some nodes are at kinks, where each rule chose a side, and none is wrong."""
        judgements = {verdict.judgement for node in run for verdict in self.check_node(node)}
        return "kink" in judgements and "wrong" not in judgements

    def _check_sum(self, node: int) -> list[Verdict]:
        """Judge an input's own rule: its gradient must be the sum of its contributions."""
        if not self.plan.value(node).size:
            return []
        upstream = self.check_pass.upstream(node)
        verdicts = []
        for received in (upstream, *self.check_pass.assumed(node, upstream)):
            gradient = self.check_pass.own_gradient(node, received)
            difference = np.abs(gradient - received.total)
            scale = np.maximum(np.abs(gradient), np.abs(received.total))
            errors = np.zeros_like(difference)
            np.divide(difference, scale, out=errors, where=difference != 0)
            index = _entry(int(errors.argmax()), errors.shape)
            judgement: Judgement = "right" if errors[index] <= TOLERANCE else "wrong"
            if not np.isfinite(received.total[index]):
                judgement = "undefined"
            finding = Finding(judgement, float(received.total[index]), float(errors[index]))
            edge, analytic = _Edge(node, node, None), float(gradient[index])
            verdicts.append(_verdict(edge, index, analytic, finding, received.assumed, errors.size))
        return [replace(max(verdicts, key=_severity), against="sum")]

    def _judge(
        self,
        edge: _Edge,
        function: Function,
        cases: Sequence[_Case],
        most: int,
        entries: Iterable[Index] | None = None,
    ) -> Verdict:
        """Judge the contribution to one input, at the given entries or at a sample of all."""
        base = function.base[edge.source]
        chosen = list(_entries([case.sent for case in cases], most) if entries is None else entries)
        verdicts = []
        for index in chosen:
            move = Move(function, edge.source, index)
            verdicts.append(_judge_entry(edge, move, cases))
            if move.failed and np.array_equal(base, np.rint(base)):
                return self._untested(*edge, "integers", edge.source)
        worst = max(verdicts, key=_severity)
        labels = edge.node in self.check_pass.own and edge.source in self.check_pass.integers
        if labels and worst.judgement != "right" and not any(case.sent.any() for case in cases):
            return self._untested(*edge, "integers", edge.source)
        return replace(worst, checked=sum(verdict.judgement != "untested" for verdict in verdicts))

    def _untested(
        self, node: int, source: int, input_index: int | None, reason: Reason, cause: int
    ) -> Verdict:
        size = self.plan.value(source).size
        return Verdict(node, source, input_index, "untested", size, reason=reason, cause=cause)


class _Edge(NamedTuple):
    """From a node to one of its inputs, with the first input index of that source."""

    node: int
    source: int
    input_index: int | None


def _judge_entry(edge: _Edge, move: Move, cases: Sequence[_Case]) -> Verdict:
    """Judge one entry with the received gradient, or with the assumed one if that shows more."""
    best: Verdict | None = None
    received_zeros = not cases[0].upstream.total.any()
    for case in cases:
        analytic = float(case.sent[move.index])
        finding = judge(move.x, analytic, case.upstream.total, move, move.noise)
        if not (np.isfinite(analytic) or move.finite):
            finding = finding._replace(judgement="undefined")
        size, assumed = case.sent.size, case.upstream.assumed
        verdict = _verdict(edge, move.index, analytic, finding, assumed, size)
        if best is None or _shows_more(verdict, best, received_zeros=received_zeros):
            best = verdict
    assert best is not None
    return best


def _is_final(verdict: Verdict | None) -> bool:
    """Whether further checks cannot change the verdict of an input."""
    return verdict is not None and (verdict.judgement == "wrong" or verdict.reason == "integers")


def _shows_more(verdict: Verdict, before: Verdict, *, received_zeros: bool) -> bool:
    """Whether a verdict finds an error that `before` missed, or tests what was 0 for any rule."""
    if before.judgement != "right" or verdict.judgement == "wrong":
        return before.judgement == "right"
    was_zero = before.analytic == 0
    if verdict.judgement in ("untested", "undefined"):
        return was_zero and received_zeros
    return was_zero and (verdict.judgement == "kink" or verdict.analytic != 0)


def _verdict(
    edge: _Edge, index: Index, analytic: float, finding: Finding, assumed: bool, size: int
) -> Verdict:
    return Verdict(
        *edge,
        finding.judgement,
        size,
        index,
        analytic,
        finding.numeric,
        finding.relative_error,
        finding.tolerance,
        checked=size,
        assumed=assumed,
        reason="rounding" if finding.judgement == "untested" else "",
        cause=edge.node if finding.judgement == "untested" else None,
    )


def _severity(verdict: Verdict) -> tuple[int, bool, float, float, float]:
    """Return a sort key, worst verdict last; of equally bad ones, the more informative is worse."""
    order = _ENTRY_JUDGEMENTS.index(verdict.judgement)
    as_received = verdict.judgement == "wrong" and not verdict.assumed
    # Errors that differ only by rounding compare equal.
    error = float(f"{verdict.relative_error:.6g}")
    difference = abs(verdict.analytic - verdict.numeric)
    return order, as_received, error, difference, abs(verdict.analytic)


def _evenly_spaced(sources: list[int], most: int) -> list[int]:
    """Return at most `most` sources: the first, the last, and evenly spaced ones between."""
    if len(sources) <= most:
        return sources
    return [sources[i] for i in np.linspace(0, len(sources) - 1, most).astype(int)]


def _entries(sent: Sequence[Array], most: int) -> list[Index]:
    """Return the entries to try: all of a small array, a sample of a large one."""
    size, shape = sent[0].size, sent[0].shape
    positions = set(np.linspace(0, size - 1, min(size, most)).astype(int).tolist())
    if size > most:
        positions.update(int(np.abs(array).argmax()) for array in sent)
    return [_entry(position, shape) for position in sorted(positions)]


def _entry(position: int, shape: tuple[int, ...]) -> Index:
    return tuple(map(int, np.unravel_index(position, shape)))
