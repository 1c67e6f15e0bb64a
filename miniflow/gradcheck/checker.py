"""Gradient checking: what a backward rule says against what the forward rule does.

For an op, the function whose derivative is judged (`differences`) is the cost as far as this op
alone decides it: Σ g · value, with the gradient g that has come to the op held fast. So each rule
is judged alone, and a mistake is found where it is made. Where g is 0 a rule sends 0, whatever it
is: there it is tried with other numbers too. For an input, the function is the cost, through the
whole graph; one with a backward rule of its own is also judged by what came to it.

An evaluation takes time in proportion to a node's inputs, and so does a check: of many inputs some
are tried one by one, and all of them together, along one direction (`screening`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from miniflow.errors import GraphError
from miniflow.gradcheck.check_pass import CheckPass, Upstream, unchanged
from miniflow.gradcheck.differences import TOLERANCE, Finding, Judgement, judge
from miniflow.gradcheck.function import Function, Move
from miniflow.gradcheck.screening import Direction, suspect
from miniflow.ops.base import Array, Shape
from miniflow.plans.base import Plan
from miniflow.structure import Structure

Index = tuple[int, ...]
# Why something is not tested: it takes integers alone; two evaluations differ; a node defines no
# backward rule; rounding is larger than the derivative. In the record of a program's run: its
# numbers were not kept, or are no numbers of its value's shape; its class is the program's own.
Reason = Literal[
    "",
    "integers",
    "random",
    "no backward",
    "rounding",
    "not kept",
    "not known",
    "own class",
    "wrong shape",
]
# What the analytic number is compared with: a central difference; the sum of what came to an input;
# what the rule of its op gives.
Against = Literal["difference", "sum", "rule"]
# From best to worst.
JUDGEMENTS: tuple[Judgement, ...] = ("right", "untested", "undefined", "kink", "wrong")
# An entry that could not be tested says nothing of the others.
_OF_AN_ENTRY: tuple[Judgement, ...] = ("untested", "right", "undefined", "kink", "wrong")

# Entries tried of one input: the one with the largest gradient, and others evenly spread.
ENTRIES = 100
# So many numbers may be computed at a node, and so many entries are tried at least.
WORK = 2e7
LEAST = 8
# Evaluations of a node are compared so often before a rule is called wrong.
REPEATS = 10
# Faults that are looked for among what was not tried one by one.
SUSPECTS = 2


@dataclass(frozen=True)
class Verdict:
    """What was found for one input of a node, described by its worst entry.

    `node` sends to `source`, its input number `input_index` (the first, if it takes it more than
    once: contributions to the same input are judged as one sum). For an input's own gradient
    `source` is `node` and `input_index` None. `analytic` is what the backward rule says of the
    entry at `index`, `numeric` the central difference, `relative_error` how far they are apart,
    `tolerance` how far they may be. `checked` of the `size` entries were tried.

    `assumed`: zeros in the gradient that came to the node were replaced by other numbers. An
    "untested" verdict has its `reason`, and the node that is the `cause`. `against` says what
    `numeric` is. `shapes` are those of what was sent and of the value, where they do not fit: that
    is wrong, whatever the numbers.
    """

    node: int
    source: int
    input_index: int | None
    judgement: Judgement
    size: int
    index: Index = ()
    analytic: float = float("nan")
    numeric: float = float("nan")
    relative_error: float = float("nan")
    tolerance: float = TOLERANCE
    checked: int = 0
    assumed: bool = False
    reason: Reason = ""
    cause: int | None = None
    against: Against = "difference"
    shapes: tuple[Shape, Shape] | None = None


@dataclass(frozen=True)
class _Case:
    """A gradient that came to a node, and what the node sends for it to one of its inputs."""

    upstream: Upstream
    sent: Array


def check(subject: Structure | Plan, node: int | None = None) -> list[Verdict]:
    """Check the gradients of one node, or of every op under the cost.

    An op gets a verdict for each of its inputs; an input gets one for its own gradient, in a check
    of all nodes only if it has a backward rule of its own. All is computed apart, in float64, in a
    pass over the inputs' values as they stand: neither a plan nor its nodes are changed.

    Raises `GraphError` if the cost does not depend on the node, or a node of the program's own
    raises.
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
            return checker.through_the_graph(node)
        nodes = range(len(graph)) if node is None else [node]
        return [verdict for i in nodes if graph.reaches_cost[i] for verdict in checker.alone(i)]


class _Checker:
    """The check of the nodes of a pass, in topological order."""

    def __init__(self, run: CheckPass) -> None:
        self.run, self.graph, self.plan = run, run.graph, run.plan

    def alone(self, node: int) -> list[Verdict]:
        """Judge what one node sends to each of its inputs."""
        if not self.graph.inbound[node]:
            return self._sums_up(node) if node in self.run.own else []
        input_indices: dict[int, int] = {}
        for input_index, source in enumerate(self.graph.inbound[node]):
            if self.plan.value(source).size:
                input_indices.setdefault(source, input_index)
        sources = list(input_indices)

        def untested(reason: Reason) -> list[Verdict]:
            return [
                self._untested(node, source, input_indices[source], reason, node)
                for source in sources
            ]

        if self.run.lacks_rule(node):
            return untested("no backward")
        function = Function(self.plan, sources, [node])
        if function.unsteady(self.run.own, 1) is not None:
            return untested("random")
        verdicts = self._inputs_of(node, input_indices, function)
        accused = any(verdict.judgement in ("kink", "wrong") for verdict in verdicts)
        if accused and function.unsteady(self.run.own, REPEATS) is not None:
            return untested("random")
        function.restore()
        return verdicts

    def _inputs_of(
        self, node: int, input_indices: dict[int, int], function: Function
    ) -> list[Verdict]:
        upstream = self.run.upstream(node)
        cases: dict[int, list[_Case]] = {source: [] for source in input_indices}
        for one in (upstream, *self.run.assumed(node, upstream)):
            for source, sent in self.run.send(node, one).items():
                cases[source].append(_Case(one, sent))
        budget = max(LEAST, int(WORK / function.work))
        tried = _spread(list(input_indices), budget)
        most = min(ENTRIES, budget // max(1, len(tried)))
        verdicts = {
            source: self._judge(
                _Edge(node, source, input_indices[source]), function, cases[source], most
            )
            for source in tried
        }
        left = {
            source: of_it
            for source, of_it in cases.items()
            if source not in self.run.integers and not _is_closed(verdicts.get(source))
        }
        if any(source not in tried or of_it[0].sent.size > most for source, of_it in left.items()):
            for verdict in self._suspects(node, input_indices, function, left):
                verdicts[verdict.source] = verdict
        return list(verdicts.values())

    def _suspects(
        self,
        node: int,
        input_indices: dict[int, int],
        function: Function,
        cases: dict[int, list[_Case]],
    ) -> Iterator[Verdict]:
        """Yield a wrong entry, if there is one, among those that were not tried one by one."""
        upstream = next(iter(cases.values()))[-1].upstream
        sent = {source: of_it[-1].sent for source, of_it in cases.items()}
        direction = Direction(function, sent, upstream.total)
        for _ in range(SUSPECTS):
            position = suspect(direction)
            if position is None:
                return
            source, index = direction.entry(position)
            edge = _Edge(node, source, input_indices[source])
            verdict = self._judge(edge, function, cases[source], ENTRIES, [index])
            if verdict.judgement == "wrong":
                yield verdict
                return
            direction.leave_out(position)

    def through_the_graph(self, node: int) -> list[Verdict]:
        """Judge an input's own gradient against the cost."""
        graph = self.graph
        base = self.plan.value(node)
        if not base.size:
            return []
        edge = _Edge(node, node, None)
        depends = [False] * len(graph)
        depends[node] = True
        for i, sources in enumerate(graph.inbound):
            depends[i] = depends[i] or any(depends[source] for source in sources)
        run = [i for i, yes in enumerate(depends) if yes and i != node and graph.reaches_cost[i]]
        lacking = next((i for i in run if self.run.lacks_rule(i)), None)
        if lacking is not None:
            return [self._untested(*edge, "no backward", lacking)]
        function = Function(self.plan, [node], run)
        unsteady = function.unsteady(self.run.own, REPEATS)
        if unsteady is not None:
            return [self._untested(*edge, "random", unsteady)]
        sent = self.plan.gradient(node).copy()
        if node in self.run.own:
            sent = self.run.own_gradient(node, self.run.upstream(node))
        upstream = Upstream(np.ones(self.plan.shapes[graph.cost]), {})
        most = min(ENTRIES, max(LEAST, int(WORK / function.work)))
        verdict = self._judge(edge, function, [_Case(upstream, sent)], most)
        function.restore()
        if verdict.judgement == "wrong" and self._kinks_alone(run):
            verdict = replace(verdict, judgement="kink")
        return [verdict]

    def _kinks_alone(self, run: list[int]) -> bool:
        """Whether some nodes stand at kinks, each of which chose a side, and none is wrong."""
        judgements = {verdict.judgement for node in run for verdict in self.alone(node)}
        return "kink" in judgements and "wrong" not in judgements

    def _sums_up(self, node: int) -> list[Verdict]:
        """Judge an input's own rule: its gradient is the sum of what its consumers sent."""
        if not self.plan.value(node).size:
            return []
        upstream = self.run.upstream(node)
        verdicts = []
        for one in (upstream, *self.run.assumed(node, upstream)):
            gradient = self.run.own_gradient(node, one)
            off = np.abs(gradient - one.total)
            scale = np.maximum(np.abs(gradient), np.abs(one.total))
            errors = np.divide(off, scale, out=np.zeros_like(off), where=off != 0)
            index = _entry(int(errors.argmax()), errors.shape)
            judgement: Judgement = "right" if errors[index] <= TOLERANCE else "wrong"
            if not np.isfinite(one.total[index]):
                judgement = "undefined"
            finding = Finding(judgement, float(one.total[index]), float(errors[index]))
            a = float(gradient[index])
            edge = _Edge(node, node, None)
            verdicts.append(_verdict(edge, index, a, finding, one.assumed, errors.size))
        return [replace(max(verdicts, key=_badness), against="sum")]

    def _judge(
        self,
        edge: _Edge,
        function: Function,
        cases: Sequence[_Case],
        most: int,
        entries: Iterable[Index] | None = None,
    ) -> Verdict:
        """Judge what is sent to one input: the entries given, or some of all."""
        base = function.base[edge.source]
        chosen = list(_entries([case.sent for case in cases], most) if entries is None else entries)
        verdicts = []
        for index in chosen:
            move = Move(function, edge.source, index)
            verdicts.append(_judge_entry(edge, move, cases))
            if move.refused and np.array_equal(base, np.rint(base)):
                return self._untested(*edge, "integers", edge.source)
        worst = max(verdicts, key=_badness)
        labels = edge.node in self.run.own and edge.source in self.run.integers
        if labels and worst.judgement != "right" and not any(case.sent.any() for case in cases):
            return self._untested(*edge, "integers", edge.source)
        return replace(worst, checked=sum(one.judgement != "untested" for one in verdicts))

    def _untested(
        self, node: int, source: int, input_index: int | None, reason: Reason, cause: int
    ) -> Verdict:
        size = self.plan.value(source).size
        return Verdict(node, source, input_index, "untested", size, reason=reason, cause=cause)


class _Edge(NamedTuple):
    """From a node to one of its inputs, by the first input_index in which it takes that."""

    node: int
    source: int
    input_index: int | None


def _judge_entry(edge: _Edge, move: Move, cases: Sequence[_Case]) -> Verdict:
    """Judge one entry by the gradient that came; by the assumed one, where that shows more."""
    found: Verdict | None = None
    nothing_came = not cases[0].upstream.total.any()
    for case in cases:
        analytic = float(case.sent[move.index])
        finding = judge(move.x, analytic, case.upstream.total, move, move.noise)
        if not (np.isfinite(analytic) or move.finite):
            finding = finding._replace(judgement="undefined")
        size, assumed = case.sent.size, case.upstream.assumed
        verdict = _verdict(edge, move.index, analytic, finding, assumed, size)
        if found is None or _shows_more(verdict, found, nothing_came=nothing_came):
            found = verdict
    assert found is not None
    return found


def _is_closed(verdict: Verdict | None) -> bool:
    """Whether nothing more can be found of an input."""
    return verdict is not None and (verdict.judgement == "wrong" or verdict.reason == "integers")


def _shows_more(verdict: Verdict, before: Verdict, *, nothing_came: bool) -> bool:
    """Whether a verdict finds what was not seen, or tests what was 0 for any rule."""
    if before.judgement != "right" or verdict.judgement == "wrong":
        return before.judgement == "right"
    said_nothing = before.analytic == 0
    if verdict.judgement in ("untested", "undefined"):
        return said_nothing and nothing_came
    return said_nothing and (verdict.judgement == "kink" or verdict.analytic != 0)


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


def _badness(verdict: Verdict) -> tuple[int, bool, float, float, float]:
    """Return how bad a verdict is; of two that are equally bad, the one that says more is worse."""
    order = _OF_AN_ENTRY.index(verdict.judgement)
    as_it_came = verdict.judgement == "wrong" and not verdict.assumed
    # Errors that differ by rounding alone are alike.
    error = float(f"{verdict.relative_error:.6g}")
    off = abs(verdict.analytic - verdict.numeric)
    return order, as_it_came, error, off, abs(verdict.analytic)


def _spread(sources: list[int], most: int) -> list[int]:
    """Return at most so many of the sources, the first, the last, and evenly between."""
    if len(sources) <= most:
        return sources
    return [sources[place] for place in np.linspace(0, len(sources) - 1, most).astype(int)]


def _entries(sent: Sequence[Array], most: int) -> list[Index]:
    """Return the entries that are tried: all of a small array, some of a large one."""
    size, shape = sent[0].size, sent[0].shape
    places = set(np.linspace(0, size - 1, min(size, most)).astype(int).tolist())
    if size > most:
        places.update(int(np.abs(one).argmax()) for one in sent)
    return [_entry(place, shape) for place in sorted(places)]


def _entry(place: int, shape: tuple[int, ...]) -> Index:
    return tuple(map(int, np.unravel_index(place, shape)))
