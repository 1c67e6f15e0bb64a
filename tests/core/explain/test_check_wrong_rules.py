"""A wrong rule is blamed on its node, its input and its worst entry, and no other rule is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mfdebug.core.explain.check_report import check_data
from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import MSE, Linear, MatMul, Mul, Neg, Sub, Sum, Tanh
from miniflow.ops.base import Array, ScalarRule
from tests.support.check_words import check_sentences
from tests.support.planted_rules import assert_all_right, assert_blamed, plant, upstream_of, weighed

# A rule of the engine, turned wrong ----------------------------------------------------------


SQUARE = np.array([[1.0, 2.0], [-1.0, 0.5]])
WEIGHTS = np.array([[3.0, -1.0], [0.25, 2.0]])
BATCH = np.array([[1.0, -2.0, 0.5], [4.0, 1.0, 1.0], [2.0, 3.0, 0.25], [0.5, 1.0, 3.0]])


def square_product(kind: Any) -> Graph:
    X = Input("X", value=np.array([[2.0, -1.0], [0.5, 3.0]]))
    W = Input("W", value=SQUARE, trainable=True)
    return weighed(kind(X, W, "l"), WEIGHTS)


WRONG_PRODUCTS: dict[str, tuple[int, Callable[[Any, Any, Any], Any]]] = {
    "W for its transpose": (0, lambda grad, X, W: grad @ W),
    "the factors the other way round": (0, lambda grad, X, W: W.T @ grad),
    "the whole transposed": (0, lambda grad, X, W: (grad @ W.T).T),
    "X for its transpose": (1, lambda grad, X, W: X @ grad),
    "the weights' factors the other way round": (1, lambda grad, X, W: grad @ X.T),
    "the weights' whole transposed": (1, lambda grad, X, W: (X.T @ grad).T),
}


@pytest.mark.parametrize("mistake", WRONG_PRODUCTS)
@pytest.mark.parametrize("style", ["rule", "lesson"])
def test_a_wrong_orientation_on_a_square_matrix(
    monkeypatch: pytest.MonkeyPatch, mistake: str, style: str
) -> None:
    wrong_slot, wrong = WRONG_PRODUCTS[mistake]
    if style == "rule":
        plant(
            monkeypatch,
            MatMul,
            lambda input_index, grad, X, W: (
                wrong(grad, X, W) if input_index == wrong_slot else None
            ),
        )
        graph, kind = square_product(MatMul), "MatMul"
    else:

        class MyMatMul(Node):
            def __init__(self, X: Node, W: Node, name: str) -> None:
                Node.__init__(self, [X, W], name)

            def forward(self) -> None:
                self.value = self.inbound_nodes[0].value @ self.inbound_nodes[1].value

            def backward(self) -> None:
                X, W = self.inbound_nodes
                grad = upstream_of(self)
                self.gradients = {X: grad @ W.value.T, W: X.value.T @ grad}
                self.gradients[self.inbound_nodes[wrong_slot]] = wrong(grad, X.value, W.value)

        graph, kind = square_product(MyMatMul), "MyMatMul"
    X, W = graph["X"].value, graph["W"].value
    right = X.T @ WEIGHTS if wrong_slot else WEIGHTS @ W.T
    assert_blamed(graph, "l", kind, "XW"[wrong_slot], wrong(WEIGHTS, X, W), right)


WRONG_SUMS: dict[str, Callable[[Any], Any]] = {
    "the mean": lambda grad: grad.mean(0),
    "the first row": lambda grad: grad[0],
    "the last row": lambda grad: grad[-1],
    "half a sum": lambda grad: grad[::2].sum(0),
}


@pytest.mark.parametrize("mistake", WRONG_SUMS)
@pytest.mark.parametrize("style", ["rule", "lesson"])
def test_a_forgotten_sum_over_the_batch(
    monkeypatch: pytest.MonkeyPatch, mistake: str, style: str
) -> None:
    wrong = WRONG_SUMS[mistake]
    X = Input("X", value=np.arange(8.0).reshape(4, 2))
    W = Input("W", value=np.array([[1.0, -1.0, 2.0], [0.5, 2.0, -3.0]]), trainable=True)
    b = Input("b", value=np.array([0.5, -0.5, 1.0]), trainable=True)
    if style == "rule":
        plant(
            monkeypatch,
            Linear,
            lambda input_index, grad, *_: wrong(grad) if input_index == 2 else None,
        )
        graph, kind = weighed(Linear(X, W, b, name="l"), BATCH), "Linear"
    else:

        class MyLinear(Node):
            def __init__(self, X: Node, W: Node, b: Node, name: str) -> None:
                Node.__init__(self, [X, W, b], name)

            def forward(self) -> None:
                X, W, b = (node.value for node in self.inbound_nodes)
                self.value = X @ W + b

            def backward(self) -> None:
                X, W, b = self.inbound_nodes
                grad = upstream_of(self)
                self.gradients = {X: grad @ W.value.T, W: X.value.T @ grad, b: wrong(grad)}

        graph, kind = weighed(MyLinear(X, W, b, "l"), BATCH), "MyLinear"
    assert_blamed(graph, "l", kind, "b", wrong(BATCH), BATCH.sum(0))


def test_of_one_row_the_first_row_is_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Linear, lambda input_index, grad, *_: grad[0] if input_index == 2 else None)
    X, b = Input("X", value=[[1.0, 2.0]]), Input("b", value=[0.0, 0.0])
    assert_all_right(weighed(Linear(X, Input("W", value=SQUARE), b, name="l"), WEIGHTS[:1]))


# One entry of the upstream is not 0: that is the only one whose sign can be wrong.
SPIKE = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.5]])


def test_a_wrong_sign_of_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Sub, lambda input_index, grad, *_: grad if input_index == 1 else None)
    a, t = Input("a", value=np.ones((2, 3))), Input("t", value=np.full((2, 3), 4.0))
    assert_blamed(weighed(Sub(a, t, name="error"), SPIKE), "error", "Sub", "t", SPIKE, -SPIKE)


class TurnedError(Node):
    """Target less output forward, output less target backward."""

    def __init__(self, target: Node, output: Node, name: str) -> None:
        Node.__init__(self, [target, output], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value - self.inbound_nodes[1].value

    def backward(self) -> None:
        target, output = self.inbound_nodes
        grad = upstream_of(self)
        self.gradients = {target: grad, output: 1.0 * grad}


def test_a_wrong_sign_of_a_node_in_the_lesson_s_style() -> None:
    t, a = Input("t", value=np.ones((2, 3))), Input("a", value=np.full((2, 3), 4.0))
    graph = weighed(TurnedError(t, a, "error"), SPIKE)
    assert_blamed(graph, "error", "TurnedError", "a", SPIKE, -SPIKE)


def test_a_wrong_sign_on_plain_numbers_has_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Sub, "scalar", lambda self: ScalarRule(lambda x, y: x - y, lambda g, _value, x, y: (g, g))
    )
    graph = Graph.of(Sub(Input("a", value=3.0), Input("t", value=1.0), name="error"))
    assert_blamed(graph, "error", "Sub", "t", np.array(1.0), np.array(-1.0))
    assert "to t: WRONG: backward 1, difference -1" in check_sentences(graph, check(graph))[1]


def test_one_wrong_entry_is_found_among_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def tripled(input_index: int, grad: Array, x: Array) -> Array:
        sent: Array = grad * (1 - np.tanh(x) ** 2)
        sent[2, 1] *= 3
        return sent

    plant(monkeypatch, Tanh, tripled)
    x = np.linspace(-1, 1, 12).reshape(4, 3)
    graph = weighed(Tanh(Input("x", value=x), name="h"), BATCH)
    assert_blamed(graph, "h", "Tanh", "x", tripled(0, BATCH, x), BATCH * (1 - np.tanh(x) ** 2))


# `=` for `+=` --------------------------------------------------------------------------------


class Assigns(Node):
    """2x, which keeps only what its last consumer has sent."""

    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = 2 * self.inbound_nodes[0].value

    def backward(self) -> None:
        for consumer in self.outbound_nodes:
            self.gradients[self.inbound_nodes[0]] = 2 * consumer.gradients[self]


class AssignsAcrossInputs(Node):
    """x + y, whose consumers' gradients are added up for x alone."""

    def __init__(self, x: Node, y: Node, name: str) -> None:
        Node.__init__(self, [x, y], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value + self.inbound_nodes[1].value

    def backward(self) -> None:
        x, y = self.inbound_nodes
        self.gradients = {x: np.zeros_like(x.value)}
        for consumer in self.outbound_nodes:
            self.gradients[x] += consumer.gradients[self]
            self.gradients[y] = consumer.gradients[self]


CONSUMED = np.array([[3.0, 0.5], [-2.0, 0.0]])


def two_consumers(node: Node) -> Graph:
    """Return a graph in which `left` sends the node CONSUMED, and `right`, the last, -1."""
    left = Mul(node, Input("weights", value=CONSUMED), name="left")
    right = Neg(node, name="right")
    return Graph.of(Sum(Sub(left, Neg(right, name="turned"), name="both"), name="cost"))


def test_assigning_for_adding_where_a_node_has_two_consumers() -> None:
    graph = two_consumers(Assigns(Input("x", value=SQUARE), "d"))
    last, both = np.full((2, 2), -1.0), CONSUMED - 1
    assert_blamed(graph, "d", "Assigns", "x", 2 * last, 2 * both)


def test_assigning_for_adding_towards_one_of_two_inputs() -> None:
    x, y = Input("x", value=SQUARE), Input("y", value=WEIGHTS)
    graph = two_consumers(AssignsAcrossInputs(x, y, "d"))
    assert_blamed(graph, "d", "AssignsAcrossInputs", "y", np.full((2, 2), -1.0), CONSUMED - 1)


def test_with_one_consumer_assigning_is_adding() -> None:
    assert_all_right(weighed(Assigns(Input("x", value=SQUARE), "d"), CONSUMED))


def test_an_input_below_a_wrong_node_is_wrong_through_the_whole_graph() -> None:
    graph = two_consumers(Assigns(Input("x", value=SQUARE), "d"))
    verdicts = check(graph, graph.index_of("x"))
    conclusion, line = check_sentences(graph, verdicts)
    assert conclusion == "1 gradient is wrong (1 wrong)"
    assert line.startswith("  x[0,0]: WRONG: backward -2, difference 4, relative error 1.5 ")
    (verdict,) = check_data(graph, verdicts)["verdicts"]
    assert (verdict["node"], verdict["input"], verdict["entry"]) == ("x", "x", [0, 0])


# Where nothing comes back --------------------------------------------------------------------


def test_a_wrong_rule_is_not_said_to_agree_where_no_gradient_comes_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The last weights begin at 0, as they often do: 0 comes to the layers below.
    plant(monkeypatch, Tanh, lambda input_index, grad, x: -grad * (1 - np.tanh(x) ** 2))
    hidden = Tanh(MatMul(Input("X", value=WEIGHTS), Input("W", value=SQUARE), name="l"), name="h")
    W2, b = Input("W2", value=np.zeros((2, 1))), Input("b", value=np.zeros(1))
    output = Linear(hidden, W2, b, name="o")
    graph = Graph.of(MSE(Input("y", value=np.ones((2, 1))), output, name="cost"))
    (verdict,) = check(graph, graph.index_of("h"))
    assert verdict.judgement != "right"
