"""Gradient checking of nodes with many inputs and entries: its cost, and one wrong among many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from miniflow.gradcheck import checker as gradcheck
from miniflow.gradcheck.checker import check
from miniflow.gradcheck.function import Function
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Add, Concat, Sum, Tanh
from miniflow.ops.base import Array, Calls
from tests.support.sizes import some

WIDE: dict[str, Callable[[int], Node]] = {
    "Add of numbers": lambda n: Add(*(Input(value=float(i)) for i in range(n)), name="wide"),
    "Add of arrays": lambda n: Add(*(Input(value=[i, 1.0]) for i in range(n)), name="wide"),
    "Concat": lambda n: Concat(*(Input(value=[i, 1.0]) for i in range(n)), name="wide"),
    "one node": lambda n: Add(*[Input(value=[2.0, 1.0])] * n, name="wide"),
}


@pytest.mark.parametrize("name", WIDE)
def test_the_evaluations_of_a_wide_node_are_as_many_less_as_each_takes_longer(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[int] = []
    evaluate = Function.at

    def count(self: Function, moved: Any) -> Array:
        evaluated.append(self.work)
        return evaluate(self, moved)

    monkeypatch.setattr(Function, "at", count)
    for inputs in (10, 300, 1200):
        evaluated.clear()
        graph = Graph.of(Sum(WIDE[name](inputs), name="cost"))
        assert {verdict.judgement for verdict in check(graph)} == {"right"}
        assert sum(evaluated) < 8 * gradcheck.WORK


class WrongInTheMiddle(Node):
    """The sum of many nodes, one of which is sent too much."""

    def __init__(self, nodes: list[Node], place: int, name: str) -> None:
        Node.__init__(self, nodes, name)
        self.place = place

    def forward(self) -> None:
        self.value = sum(node.value for node in self.inbound_nodes)

    def backward(self) -> None:
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = dict.fromkeys(self.inbound_nodes, grad)
        self.gradients[self.inbound_nodes[self.place]] = 1.5 * grad


@pytest.mark.parametrize("place", some([0, 77, 1999, 1234], 2))
def test_one_wrong_input_among_many_is_found(place: int) -> None:
    inputs: list[Node] = [Input(f"x{i}", value=np.array([i, 1.0])) for i in range(2000)]
    graph = Graph.of(Sum(WrongInTheMiddle(inputs, place, "wide"), name="cost"))
    wrong = [verdict for verdict in check(graph) if verdict.judgement == "wrong"]
    assert [graph.nodes[verdict.source].label for verdict in wrong] == [f"x{place}"]


class WrongEntry(Tanh):
    """A tanh whose backward forgets one entry."""

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        Tanh.local_calls(self, do, input_index, out, grad, value, *inputs)
        do(out.reshape(-1)[4321:4322].fill, 0.0)


def test_one_wrong_entry_among_many_is_found() -> None:
    x = Input("x", value=np.random.default_rng(0).normal(size=(100, 100)))
    graph = Graph.of(Sum(WrongEntry(x, name="h"), name="cost"))
    (verdict,) = check(graph, graph.index_of("h"))
    assert (verdict.judgement, verdict.index) == ("wrong", (43, 21))
