"""Gradient checking: what a backward rule says against what the forward rule does.

The derivative of f at x is compared with the central difference

    (f(x + h) - f(x - h)) / 2h,    h = ε^(1/3) max(1, |x|),

the step at which truncation (of order h²) and rounding (of order ε/h) balance: W. H. Press et al.,
"Numerical Recipes", 3rd ed., section 5.7. The relative error is |a - n| / max(|a|, |n|), as in
Stanford's CS231n notes on gradient checks, which also warn of kinks: where the slopes to the left
and to the right differ, no difference can agree with a backward rule that had to choose.

For an op, f is the cost as far as this op alone decides it: Σ g · value, with the gradient g that
has come to the op held fast (ones, where it is 0 throughout). So each rule is judged alone, and a
mistake is found where it is made. For an input, f is the cost, through the whole graph.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from miniflow.errors import GraphError, MiniflowError
from miniflow.graph import Graph, follows_rules
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.plan import Plan
from miniflow.training import compile_plan

Index = tuple[int, ...]
Judgement = Literal["right", "undefined", "kink", "wrong"]
# From best to worst. "undefined": f has no finite value nearby, so there is nothing to compare.
JUDGEMENTS: tuple[Judgement, ...] = ("right", "undefined", "kink", "wrong")

EPSILON = float(np.finfo(np.float64).eps)
STEP = EPSILON ** (1 / 3)
TOLERANCE = 1e-6
# A sum of a hundred products is off by about so many ε.
ROUNDING = 100 * EPSILON
# Entries tried of one input: the one with the largest gradient, and others evenly spread.
ENTRIES = 100


@dataclass(frozen=True)
class Verdict:
    """What was found for one input of a node, told by its worst entry.

    `node` sends to `source`, its input number `slot` (the first, if it takes it more than once:
    contributions to the same input are judged as one sum). For an input's own gradient `source`
    is `node` and `slot` None. `analytic` is what the backward rule says of the entry at `index`,
    `numeric` the central difference, `relative_error` what differs beyond rounding. `checked` of
    the `size` entries were tried.
    """

    node: int
    source: int
    slot: int | None
    index: Index
    analytic: float
    numeric: float
    relative_error: float
    judgement: Judgement
    checked: int
    size: int


def check(subject: Graph | Plan, node: int | None = None) -> list[Verdict]:
    """Check the gradients of one node, or of every op under the cost.

    An op gets a verdict for each of its inputs; an input gets one for its own gradient. All is
    worked out apart, in float64, in a pass over the inputs' values as they stand: neither a plan
    nor its nodes are changed.
    """
    graph = subject if isinstance(subject, Graph) else subject.graph
    if node is not None and not graph.under_cost[node]:
        raise GraphError(
            f"the cost does not depend on {graph.nodes[node].label}: it has no gradient",
            where=graph.name,
        )
    # Nodes in the lesson's style keep their state in their attributes.
    before = [(one, dict(vars(one))) for one in graph.nodes]
    try:
        plan = _own_plan(subject, graph)
        if node is not None and not graph.inbound[node]:
            return [_check_input(plan, node)] if plan.value(node).size else []
        nodes = range(len(graph)) if node is None else [node]
        return [
            verdict for one in nodes if graph.under_cost[one] for verdict in _check_op(plan, one)
        ]
    finally:
        for one, attributes in before:
            vars(one).clear()
            vars(one).update(attributes)


def _own_plan(subject: Graph | Plan, graph: Graph) -> Plan:
    """Return a plan in float64 that has done one pass over the subject's inputs."""
    double = copy.copy(graph)
    double.dtype = np.dtype(np.float64)
    nodes = range(len(graph))
    if isinstance(subject, Plan):
        # The shapes are those of the subject's pass: a program's batches are of any size.
        for i in nodes:
            if isinstance(graph.nodes[i], Input):
                graph.nodes[i].value = np.asarray(subject.value(i), np.float64)
    plan = compile_plan(double)
    if isinstance(subject, Plan):
        plan.feed(subject.sgd_step)
        for i in nodes:
            if not graph.inbound[i]:
                plan.set_value(i, np.asarray(subject.value(i), np.float64))
    else:
        plan.feed(0)
    for i in nodes:
        plan.forward(i)
    for i in reversed(nodes):
        plan.backward(i)
    plan.take_any_value()
    return plan


def _check_op(plan: Plan, node: int) -> Iterator[Verdict]:
    sources = plan.graph.inbound[node]
    upstream = plan.gradient(node).copy()
    if not upstream.any() and follows_rules(plan.graph.nodes[node]):
        # Whatever the rule is, it sends 0 for 0: let it show what it does with something.
        upstream = np.ones_like(upstream)
        plan.set_gradient(node, upstream)
        plan.backward(node)
    for slot, source in enumerate(sources):
        if source in sources[:slot] or not plan.value(source).size:
            continue
        sent = sum(
            (plan.contribution(node, i) for i, one in enumerate(sources) if one == source),
            np.zeros(plan.shapes[source]),
        )
        yield _judge(plan, node, source, slot, np.asarray(sent), upstream, [node])
        plan.forward(node)


def _check_input(plan: Plan, node: int) -> Verdict:
    graph = plan.graph
    depends = [False] * len(graph)
    depends[node] = True
    for i, sources in enumerate(graph.inbound):
        depends[i] = depends[i] or any(depends[source] for source in sources)
    downstream = [i for i, yes in enumerate(depends) if yes and i != node and graph.under_cost[i]]
    ones = np.ones(plan.shapes[graph.cost])
    return _judge(plan, node, node, None, plan.gradient(node).copy(), ones, downstream)


def _judge(
    plan: Plan,
    node: int,
    source: int,
    slot: int | None,
    analytic: Array,
    upstream: Array,
    run: list[int],
) -> Verdict:
    """Judge `analytic` entry by entry: change the source, run nodes, weigh what came out."""
    base = np.array(plan.value(source))
    end = run[-1] if run else source

    def value_at(index: Index, x: float) -> Array:
        moved = base.copy()
        moved[index] = x
        plan.set_value(source, moved)
        try:
            for one in run:
                plan.forward(one)
        except MiniflowError:  # class numbers, for one, cannot be moved a little
            return np.full(upstream.shape, np.nan)
        return np.array(plan.value(end))

    entries = _entries(analytic)
    verdicts = []
    for index in entries:
        a, x = float(analytic[index]), float(base[index])
        judgement, error, numeric = _judge_entry(x, a, upstream, partial(value_at, index))
        found = index, a, numeric, error, judgement
        verdicts.append(Verdict(node, source, slot, *found, len(entries), analytic.size))
    plan.set_value(source, base)
    return max(verdicts, key=_badness)


def _badness(verdict: Verdict) -> tuple[int, float, float]:
    off = abs(verdict.analytic - verdict.numeric)
    return JUDGEMENTS.index(verdict.judgement), verdict.relative_error, off


def _entries(analytic: Array) -> list[Index]:
    """Return the places that are tried: all of a small array, some of a large one."""
    count = min(analytic.size, ENTRIES)
    places = set(np.linspace(0, analytic.size - 1, count).astype(int).tolist())
    if analytic.size > count:
        places.add(int(np.abs(analytic).argmax()))
    return [tuple(map(int, np.unravel_index(place, analytic.shape))) for place in sorted(places)]


def _judge_entry(
    x: float, analytic: float, upstream: Array, value_at: Callable[[float], Array]
) -> tuple[Judgement, float, float]:
    """Return the judgement of one derivative, its relative error, and the central difference."""
    h = STEP * max(1.0, abs(x))
    best = math.inf, math.nan
    # The shorter steps are for places close to a kink or to the end of where f is defined. They
    # round worse, so only the first is excused for it.
    for step, excused in ((h, ROUNDING), (h / 100, 0.0), (STEP * abs(x) or h / 100, 0.0)):
        numeric, size = _slope(x - step, x + step, upstream, value_at)
        if not math.isfinite(numeric):
            continue
        if not math.isfinite(analytic):
            sound = np.isfinite(upstream).all() and np.isfinite(value_at(x)).all()
            return "wrong" if sound else "undefined", math.inf, numeric
        off = max(abs(analytic - numeric) - excused * size, 0.0)
        error = off / max(abs(analytic), abs(numeric)) if off else 0.0
        if error <= TOLERANCE:
            return "right", error, numeric
        best = min(best, (error, numeric))
    error, numeric = best
    if math.isinf(error):
        return "undefined", error, numeric
    if _is_kink(x, h, analytic, upstream, value_at):
        return "kink", error, numeric
    return "wrong", error, numeric


def _slope(
    low: float, high: float, upstream: Array, value_at: Callable[[float], Array]
) -> tuple[float, float]:
    """Return the slope of Σ g · value from low to high, and the size of what can round it.

    Entries that do not change are left out, so that they cannot round it; but if one is about
    to change, as a saturated one is, half its last digit is missing.
    """
    up, down = value_at(high), value_at(low)
    with np.errstate(all="ignore"):
        change = up != down
        slope = (upstream * (up - down))[change].sum() / (high - low)
        sizes = np.abs(upstream * up) + np.abs(upstream * down)
        size = sizes[change].sum() + 0.01 * sizes[~change & np.isfinite(sizes)].sum()
    return float(slope), float(size / (high - low))


def _is_kink(
    x: float, h: float, analytic: float, upstream: Array, value_at: Callable[[float], Array]
) -> bool:
    """Whether the slopes on both sides of x differ, and the derivative lies between them.

    On a smooth curve the two slopes come together as the step shrinks; at a kink they do not.
    """
    gaps = []
    for step in (h, h / 100):
        left, _ = _slope(x - step, x, upstream, value_at)
        right, _ = _slope(x, x + step, upstream, value_at)
        slack = 1e-3 * max(abs(left), abs(right))
        if not min(left, right) - slack <= analytic <= max(left, right) + slack:
            return False
        gaps.append(abs(right - left))
    return gaps[0] > slack and gaps[1] > gaps[0] / 10
