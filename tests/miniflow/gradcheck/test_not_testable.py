"""What gradient checking cannot test is not tested, and no other node is accused for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from miniflow.gradcheck.checker import check
from miniflow.gradcheck.differences import judge
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Sum
from miniflow.ops.base import Array
from miniflow.plans.compile import compile_plan
from tests.miniflow.gradcheck.lesson_rules import Logistic, Product, Square, judged, spoiled, value


class Drop(Node):
    """Draws another mask at each evaluation."""

    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        x = self.inbound_nodes[0].value
        self.mask = (np.random.rand(*np.shape(x)) < 0.5) / 0.5
        self.value = x * self.mask

    def backward(self) -> None:
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: grad * self.mask}


@pytest.mark.parametrize("size", [1, 2, 40])
def test_a_random_node_is_not_tested_and_nobody_is_accused(size: int) -> None:
    w = Input("w", value=np.linspace(1, 2, size), trainable=True)
    graph = Graph.of(Sum(Square(Drop(w, "drop"), "square"), name="cost"))
    for seed in range(30):
        np.random.seed(seed)
        drawn = np.random.rand()
        np.random.seed(seed)
        verdicts = check(graph)
        assert np.random.rand() == drawn
        found = judged(graph, verdicts)
        # Of one entry, two masks may be alike, and the rule is right.
        assert found.pop(("drop", "w")) in ({"untested"} if size > 2 else {"untested", "right"})
        assert set(found.values()) == {"right"}
        (through,) = check(graph, graph.index_of("w"))
        assert through.judgement in ({"untested"} if size > 2 else {"untested", "right"})
        if size > 2:
            assert (through.reason, through.cause) == ("random", graph.index_of("drop"))


class Pick(Node):
    """The mean of one score of each row, chosen by its label."""

    sends: Any = staticmethod(lambda labels: np.zeros(len(labels)))

    def __init__(self, labels: Node, scores: Node, name: str) -> None:
        Node.__init__(self, [labels, scores], name)

    def forward(self) -> None:
        labels, scores = (node.value for node in self.inbound_nodes)
        self.value = -np.mean(scores[np.arange(len(labels)), labels])

    def backward(self) -> None:
        labels, scores = self.inbound_nodes
        sent = np.zeros_like(scores.value)
        sent[np.arange(len(labels.value)), labels.value] = -1 / len(labels.value)
        self.gradients = {scores: sent}
        if self.sends:
            self.gradients[labels] = self.sends(labels.value)


class PickSilently(Pick):
    sends = None


class PickByTruncation(Pick):
    """Takes other numbers for labels too, cut to integers."""

    def forward(self) -> None:
        labels, scores = (node.value for node in self.inbound_nodes)
        self.value = -np.mean(scores[np.arange(len(labels)), np.asarray(labels).astype(int)])


class HalfSquares(Pick):
    """Takes labels for numbers, and sends them nothing."""

    def forward(self) -> None:
        labels, scores = (node.value for node in self.inbound_nodes)
        self.value = np.sum((scores - np.reshape(labels, (-1, 1))) ** 2) / 2

    def backward(self) -> None:
        labels, scores = self.inbound_nodes
        self.gradients = {scores: scores.value - labels.value.reshape(-1, 1)}


@pytest.mark.parametrize("kind", [Pick, PickSilently, PickByTruncation, HalfSquares])
def test_integers_stay_integers_and_are_not_tested(kind: type[Any]) -> None:
    labels = Input("labels", value=np.array([0, 2]))
    graph = Graph.of(kind(labels, Input("scores", value=value(2, 3)), "cost"))
    plan = compile_plan(graph)
    plan.forward(graph.cost)
    for subject in (graph, plan):
        found = judged(graph, check(subject))
        assert found == {("cost", "labels"): "untested", ("cost", "scores"): "right"}
    assert labels.value.dtype.kind == "i"


def test_integers_that_are_used_as_numbers_are_tested() -> None:
    graph = Graph.of(Product(Input("x", value=[3, 4]), Input("y", value=[2, 1]), "own"))
    assert judged(graph, check(graph)) == {("own", "x"): "right", ("own", "y"): "right"}


class ForwardOnly(Node):
    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        self.value = 2 * self.inbound_nodes[0].value


def test_a_node_without_a_backward_rule_hides_no_other_one() -> None:
    forgetful = spoiled(Square, lambda sent: sent / 2)
    square = forgetful(Input("x", value=value(2)), "square")
    graph = Graph.of(Sum(Logistic(ForwardOnly(square, "ahead"), "after"), name="cost"))
    verdicts = check(graph)
    assert judged(graph, verdicts) == {
        ("square", "x"): "wrong",
        ("ahead", "square"): "untested",
        ("after", "ahead"): "right",
        ("cost", "after"): "right",
    }
    (through,) = check(graph, graph.index_of("x"))
    assert (through.reason, through.cause) == ("no backward", graph.index_of("ahead"))


class Rounded(Node):
    """Computes in single precision: a step of a double is lost in it."""

    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        self.value = np.square(np.asarray(self.inbound_nodes[0].value, np.float32))

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {x: 2 * x.value * grad}


def test_a_node_that_computes_in_single_precision_is_not_accused() -> None:
    x = Input("x", value=np.random.default_rng(0).normal(size=100))
    graph = Graph.of(Sum(Rounded(x, "own"), name="cost"))
    assert "wrong" not in judged(graph, check(graph)).values()


@pytest.mark.parametrize("huge", [1e13, 1e16, 1e100, 1e300])
@pytest.mark.parametrize("wrong", [3.0, -1.0, 1e-3, 1e-9])
def test_what_is_lost_beside_a_huge_number_is_not_right(huge: float, wrong: float) -> None:
    def value_at(x: float) -> Array:
        return np.array([x + huge])

    finding = judge(1.0, wrong, np.ones(1), value_at, lambda _: 0.0)
    assert finding.judgement in ("untested", "wrong")


def test_contributions_that_cancel_are_right() -> None:
    def value_at(x: float) -> Array:
        return np.array([x * x, -x * x])

    for rounded in (1e-17, -3e-17):
        assert judge(0.3, rounded, np.ones(2), value_at, lambda _: 0.0).judgement == "right"
