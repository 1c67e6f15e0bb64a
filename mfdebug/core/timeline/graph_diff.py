"""Compares two graphs in one pass each: which node is the first whose numbers differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.timeline.graph_match import match, match_by_value, unmatched
from miniflow.graph import Graph
from miniflow.ops.base import Array, Index
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.plans.without_gradient import gradients_not_known, inputs_without_gradient

# Numbers count as equal up to this difference, relative to the largest of an array: what rounding
# leaves of sums in another order.
IN_FLOAT64, IN_FLOAT32 = 1e-9, 1e-3
# What is left of numbers that cancel is up to this many roundings of them.
ROUNDINGS = 64


class NodeDifference(Struct, frozen=True):
    """Two arrays of a pair of nodes, shown by the entry that differs most.

    `relative` is the difference over the largest number of both arrays; infinite if a number is not
    finite in one only.
    """

    node: int
    partner: int
    what: Literal["value", "gradient"]
    index: Index
    a: float
    b: float
    relative: float
    count: int
    size: int


class GraphComparison(Struct, frozen=True):
    """The differences in the order of the pass: values from the inputs on, gradients from the cost.

    `compared` counts pairs of arrays; `largest` is the largest relative difference of those that
    count as equal; `only_a` and `only_b` are nodes without a partner.
    """

    differences: tuple[NodeDifference, ...]
    compared: int
    largest: float
    tolerance: float
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]

    @property
    def first(self) -> NodeDifference | None:
        """The first node whose numbers differ, if any."""
        return self.differences[0] if self.differences else None


def tolerance_of(a: Graph, b: Graph) -> float:
    """Return up to which relative difference numbers count as equal."""
    return IN_FLOAT32 if np.float32 in (a.dtype, b.dtype) else IN_FLOAT64


def compare_graphs(a: Graph, b: Graph, tolerance: float) -> GraphComparison:
    """Run one pass of each graph, and compare the nodes that are pairs."""
    plans = _run(a), _run(b)
    partners = _partners(a, b, plans, tolerance)
    found: list[NodeDifference] = []
    compared, largest = 0, 0.0
    for difference in _pairs(a, b, partners, plans, tolerance):
        compared += 1
        if difference.relative <= tolerance:
            largest = max(largest, difference.relative)
        else:
            found.append(difference)
    only_a, only_b = unmatched(partners, b)
    return GraphComparison(tuple(found), compared, largest, tolerance, tuple(only_a), tuple(only_b))


def _partners(a: Graph, b: Graph, plans: tuple[Plan, Plan], tolerance: float) -> list[int | None]:
    """Return the pairs: by name and structure, and by value where that leads to other numbers.

    Equal names alone prove little: of two exports one counts `view`, `view_1` in another order.
    """
    partners = match(a, b)
    values = [[plan.value(i) for i in range(len(plan.graph.nodes))] for plan in plans]
    differing = [
        i
        for i, j in enumerate(partners)
        if j is not None
        and a.inbound[i]
        and _difference(i, j, "value", values[0][i], values[1][j]).relative > tolerance
    ]
    with np.errstate(all="ignore"):
        return match_by_value(partners, values[0], values[1], differing, tolerance)


def _run(graph: Graph) -> Plan:
    plan = compile_plan(graph)
    plan.feed(0)
    for i in range(len(graph)):
        plan.forward(i)
    for i in graph.backward_nodes:
        plan.backward(i)
    return plan


def _pairs(
    a: Graph,
    b: Graph,
    partners: list[int | None],
    plans: tuple[Plan, Plan],
    tolerance: float,
) -> Iterator[NodeDifference]:
    transposed = set()
    # What rounding may leave of each node's value: of what it reads, and what was left of that.
    left = [0.0] * len(a)
    # Nobody who asks for less wants that to be hidden.
    rounding = min(max(ROUNDINGS * float(np.finfo(g.dtype).eps) for g in (a, b)), tolerance)
    for i in range(len(a)):
        sources = a.inbound[i]
        read = max((_largest(plans[0].value(source)) for source in sources), default=0.0)
        left[i] = rounding * read + max((left[source] for source in sources), default=0.0)
        if (j := partners[i]) is None:
            continue
        x, y = plans[0].value(i), plans[1].value(j)
        if not a.inbound[i] and x.ndim == 2 and _is_transposed(x, y):
            transposed.add(i)
            y = y.T
        yield _difference(i, j, "value", x, y, left[i])
    without = [
        {*gradients_not_known(graph), *inputs_without_gradient(graph, plan.shapes)}
        for graph, plan in zip((a, b), plans, strict=True)
    ]
    largest = max((_largest(plans[0].gradient(i)) for i in a.backward_nodes), default=0.0)
    for i in a.backward_nodes:
        j = partners[i]
        if j is None or not b.reaches_cost[j] or i in without[0] or j in without[1]:
            continue
        x, y = plans[0].gradient(i), plans[1].gradient(j)
        yield _difference(i, j, "gradient", x, y.T if i in transposed else y, rounding * largest)


def _largest(array: Array) -> float:
    """Return the size of the largest number that is finite."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))


def _is_transposed(x: Array, y: Array) -> bool:
    if x.shape != y.shape:
        return True
    return x.shape == y.T.shape and not np.array_equal(x, y) and np.array_equal(x, y.T)


def _difference(
    i: int,
    j: int,
    what: Literal["value", "gradient"],
    x: Array,
    y: Array,
    rounding: float = 0.0,
) -> NodeDifference:
    """Return the difference of two arrays; up to `rounding` it counts as none."""
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    equal = (first == second) | (np.isnan(first) & np.isnan(second))
    if not first.size:
        return NodeDifference(i, j, what, (), 0.0, 0.0, 0.0, 0, 0)
    with np.errstate(all="ignore"):
        apart = np.where(equal, 0.0, np.abs(first - second))
    apart = np.where(np.isnan(apart), np.inf, apart)
    index = tuple(map(int, np.unravel_index(int(apart.argmax()), apart.shape)))
    scale = max(_largest(first), _largest(second))
    most = float(apart[index]) if apart[index] > rounding else 0.0
    relative = most / scale if scale else most
    return NodeDifference(
        i,
        j,
        what,
        index,
        float(first[index]),
        float(second[index]),
        relative,
        int((~equal).sum()),
        first.size,
    )
