"""Gradient checking of inputs with a rule of their own."""

from __future__ import annotations

import numpy as np
import pytest

from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Mul, Neg, Sum
from tests.miniflow.gradcheck.lesson_rules import judged


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
