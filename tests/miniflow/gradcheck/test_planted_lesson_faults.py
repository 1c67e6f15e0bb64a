"""Gradient checking of nodes in the lesson's style: every fault is seen, no right rule accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from miniflow.gradcheck.checker import Verdict, check
from miniflow.graph import Graph
from miniflow.node import Input, Layer, Neuron, Node
from miniflow.ops import Add, Mul, Neg, Sum
from miniflow.ops.base import Array
from miniflow.plans.compile import compile_plan
from tests.support.sizes import pick

# Right rules, in the three spellings ---------------------------------------------------------


class Square(Neuron):
    def __init__(self, x: Node, name: str) -> None:
        Neuron.__init__(self, inbound_neurons=[x], name=name)

    def forward(self) -> None:
        self.value = self.inbound_neurons[0].value ** 2

    def backward(self) -> None:
        x = self.inbound_neurons[0]
        self.gradients = {x: np.zeros_like(x.value)}
        for consumer in self.outbound_neurons:
            self.gradients[x] += consumer.gradients[self] * 2 * x.value


class Affine(Layer):
    def __init__(self, X: Node, W: Node, b: Node, name: str) -> None:
        Layer.__init__(self, inbound_layers=[X, W, b], name=name)

    def forward(self) -> None:
        X, W, b = (layer.value for layer in self.inbound_layers)
        self.value = np.dot(X, W) + b

    def backward(self) -> None:
        X, W, b = self.inbound_layers
        self.gradients = {layer: np.zeros_like(layer.value) for layer in self.inbound_layers}
        for consumer in self.outbound_layers:
            grad = consumer.gradients[self]
            self.gradients[X] += np.dot(grad, W.value.T)
            self.gradients[W] += np.dot(X.value.T, grad)
            self.gradients[b] += np.sum(grad, axis=0, keepdims=False)


class Logistic(Node):
    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        self.value = 1 / (1 + np.exp(-self.inbound_nodes[0].value))

    def backward(self) -> None:
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: self.value * (1 - self.value) * grad}


class Product(Node):
    def __init__(self, x: Node, y: Node, name: str) -> None:
        Node.__init__(self, [x, y], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value * self.inbound_nodes[1].value

    def backward(self) -> None:
        x, y = self.inbound_nodes
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        if x is y:
            self.gradients = {x: 2 * x.value * grad}
        else:
            self.gradients = {x: y.value * grad, y: x.value * grad}


class Total(Node):
    """Sums as many nodes as there are, and scales by a weight of single precision."""

    def __init__(self, *nodes: Node, name: str) -> None:
        Node.__init__(self, nodes, name)
        self.weight = np.float32(0.3)

    def forward(self) -> None:
        self.value = self.weight * sum(node.value for node in self.inbound_nodes)

    def backward(self) -> None:
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = dict.fromkeys(self.inbound_nodes, self.weight * grad)


def value(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).uniform(0.3, 2.0, shape))


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


def judged(graph: Graph, verdicts: list[Verdict]) -> dict[tuple[str, str], str]:
    return {(graph.nodes[v.node].label, graph.nodes[v.source].label): v.judgement for v in verdicts}


def accused(graph: Graph, verdicts: list[Verdict]) -> set[tuple[str, str]]:
    return {edge for edge, judgement in judged(graph, verdicts).items() if judgement != "right"}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("name", KINDS)
def test_no_right_rule_is_accused(name: str, upstream: str) -> None:
    kind, build = KINDS[name]
    graph = graph_with(build(kind), UPSTREAMS[upstream])
    verdicts = check(graph)
    assert not accused(graph, verdicts)
    assert any(v.analytic != 0 for v in verdicts if graph.nodes[v.node].label == "own")


# Faults --------------------------------------------------------------------------------------


def spoiled(kind: type[Any], spoil: Callable[[Array], Any]) -> type[Any]:
    """Return a node that spoils what it sends to its last input."""

    def backward(self: Any) -> None:
        kind.backward(self)
        source = self.inbound_nodes[-1]
        self.gradients[source] = spoil(np.asarray(self.gradients[source]))

    return type(kind.__name__, (kind,), {"backward": backward})


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


# Inputs with a rule of their own -------------------------------------------------------------


class OwnInput(Input):
    def backward(self) -> None:
        self.gradients = {self: 0}
        for consumer in self.outbound_nodes:
            self.gradients[self] = self.gradients[self] + consumer.gradients[self]


class AssigningInput(Input):
    def backward(self) -> None:
        for consumer in self.outbound_nodes:
            self.gradients[self] = consumer.gradients[self]


class AccumulatingInput(Input):
    """Adds to what is left of the pass before, too."""

    def backward(self) -> None:
        for consumer in self.outbound_nodes:
            self.gradients[self] = self.gradients.get(self, 0) + consumer.gradients[self]


def used_twice(x: Input, first: float = 2.0) -> Graph:
    left = Mul(x, Input(value=np.full(2, first)), name="left")
    right = Neg(x, name="right")
    return Graph.of(Sum(Add(left, right), name="cost"))


@pytest.mark.parametrize("first", [2.0, 0.0])
@pytest.mark.parametrize(
    ("kind", "judgement"), [(OwnInput, "right"), (AssigningInput, "wrong"), (Input, None)]
)
def test_an_input_s_own_rule_is_judged_by_what_came_to_it(
    kind: type[Input], judgement: str | None, first: float
) -> None:
    graph = used_twice(kind("x", value=np.array([1.0, 3.0])), first)
    found = judged(graph, check(graph))
    assert found.pop(("x", "x"), None) == judgement
    assert set(found.values()) == {"right"}
    (verdict,) = check(graph, graph.index_of("x"))
    assert verdict.numeric == pytest.approx(first - 1)
    assert verdict.judgement == ("wrong" if judgement == "wrong" and first else "right")


def test_an_input_that_assigns_is_wrong_by_the_numbers_that_it_has_and_should_have() -> None:
    graph = used_twice(AssigningInput("x", value=np.array([1.0, 3.0])))
    (verdict,) = (v for v in check(graph) if v.input_index is None)
    assert (verdict.judgement, verdict.analytic, verdict.numeric) == ("wrong", -1.0, 1.0)


def test_an_input_that_accumulates_is_right_in_the_first_pass_alone() -> None:
    graph = used_twice(AccumulatingInput("x", value=np.array([1.0, 3.0])))
    for _ in range(2):  # a check leaves nothing behind
        assert judged(graph, check(graph))["x", "x"] == "right"
    graph["x"].gradients[graph["x"]] = np.ones(2)
    for _ in range(2):
        assert judged(graph, check(graph))["x", "x"] == "wrong"


# What cannot be tested -----------------------------------------------------------------------


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
