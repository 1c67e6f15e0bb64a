"""Gradient checking of nodes in the lesson's style: every fault is seen, no right rule accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Add, Mul, Sum
from miniflow.ops.base import Array
from miniflow.plans.compile import compile_plan
from tests.miniflow.gradcheck.lesson_rules import (
    Affine,
    Logistic,
    Product,
    Square,
    Total,
    accused,
    spoiled,
    value,
)
from tests.support.sizes import pick

# Right rules, in the three spellings ---------------------------------------------------------


Build = Callable[[type[Any]], Any]


def twice(kind: type[Any]) -> Any:
    x = Input("x", value=value(2, 2))
    return kind(x, x, "own")


KINDS: dict[str, tuple[type[Any], Build]] = {
    "Square": (Square, lambda kind: kind(Input("x", value=value(2, 3)), "own")),
    "Square of a number": (Square, lambda kind: kind(Input("x", value=1.5), "own")),
    "Affine": (
        Affine,
        lambda kind: kind(
            Input("X", value=value(4, 3)),
            Input("W", value=value(3, 2, seed=1)),
            Input("b", value=value(2, seed=2)),
            "own",
        ),
    ),
    "Logistic": (Logistic, lambda kind: kind(Input("x", value=value(3)), "own")),
    "Product": (
        Product,
        lambda kind: kind(Input("x", value=value(2, 2)), Input("y", value=value(2, 2)), "own"),
    ),
    "Product of one": (Product, twice),
    "Total": (
        Total,
        lambda kind: kind(*(Input(f"x{i}", value=value(2, seed=i)) for i in range(3)), name="own"),
    ),
}

# The weight of each consumer in the upstream gradient of a node.
UPSTREAMS: dict[str, tuple[float, ...]] = {
    "one consumer": (1.5,),
    "two consumers": (1.5, -0.7),
    "the last sends 0": (1.5, 0.0),
    "the first sends 0": (0.0, 1.5),
    "one that sends 0": (0.0,),
    "two that send 0": (0.0, 0.0),
}


def graph_with(node: Any, weights: tuple[float, ...]) -> Graph:
    shape = compile_plan(Graph.of(node)).shapes[-1]
    rng = np.random.default_rng(3)
    consumers = [
        Mul(node, Input(f"weights{i}", value=weight * rng.uniform(0.5, 1.5, shape)), name=f"m{i}")
        for i, weight in enumerate(weights)
    ]
    return Graph.of(Sum(Add(*consumers) if len(consumers) > 1 else consumers[0], name="cost"))


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("name", KINDS)
def test_no_right_rule_is_accused(name: str, upstream: str) -> None:
    kind, build = KINDS[name]
    graph = graph_with(build(kind), UPSTREAMS[upstream])
    verdicts = check(graph)
    assert not accused(graph, verdicts)
    assert any(v.analytic != 0 for v in verdicts if graph.nodes[v.node].label == "own")


# Faults --------------------------------------------------------------------------------------


def hears(kind: type[Any], consumers: Callable[[list[Node]], list[Node]]) -> type[Any]:
    """Return a node that goes through some of its consumers."""

    def backward(self: Any) -> None:
        all_consumers = self.outbound_nodes
        self.outbound_nodes = consumers(all_consumers)
        kind.backward(self)
        self.outbound_nodes = all_consumers

    return type(kind.__name__, (kind,), {"backward": backward})


def deaf(kind: type[Any]) -> type[Any]:
    """Return a node that sends its local gradient, whatever comes back to it."""

    def backward(self: Any) -> None:
        for consumer in self.outbound_nodes:
            consumer.gradients[self] = np.ones(np.shape(self.value))[()]
        kind.backward(self)

    return type(kind.__name__, (kind,), {"backward": backward})


def last_entry_dropped(sent: Array) -> Array:
    dropped = np.array(sent)
    dropped.flat[-1:] = 0
    return dropped


FAULTS: dict[str, Callable[[type[Any]], type[Any]]] = {
    "the sign": lambda kind: spoiled(kind, lambda sent: -sent),
    "a factor 2 added": lambda kind: spoiled(kind, lambda sent: 2 * sent),
    "a factor 2 forgotten": lambda kind: spoiled(kind, lambda sent: sent / 2),
    "a little off": lambda kind: spoiled(kind, lambda sent: 1.0001 * sent),
    "nothing sent": lambda kind: spoiled(kind, np.zeros_like),
    "an entry dropped": lambda kind: spoiled(kind, last_entry_dropped),
    "the upstream forgotten": deaf,
}
# With one consumer these are none.
FAULTS_OF_TWO: dict[str, Callable[[type[Any]], type[Any]]] = {
    "= for +=": lambda kind: hears(kind, lambda consumers: consumers[-1:]),
    "the first consumer alone": lambda kind: hears(kind, lambda consumers: consumers[:1]),
    "a consumer counted twice": lambda kind: hears(kind, lambda all_: [*all_, all_[0]]),
}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("name", KINDS)
def test_every_planted_fault_is_seen_where_it_is(name: str, upstream: str) -> None:
    kind, build = KINDS[name]
    weights = UPSTREAMS[upstream]
    faults = {**FAULTS, **(FAULTS_OF_TWO if len(weights) > 1 else {})}
    # A fifth of them, so that each meets every kind of node, and every upstream, with others.
    begin = (list(KINDS).index(name) + list(UPSTREAMS).index(upstream)) % 5
    for what, spoil in pick([*faults.items()], [*faults.items()][begin::5]):
        graph = graph_with(build(spoil(kind)), weights)
        found = accused(graph, check(graph))
        assert found, what
        assert {node for node, _ in found} == {"own"}, what
