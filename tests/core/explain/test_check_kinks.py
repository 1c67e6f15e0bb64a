"""A check reports a kink as a kink: it is not a mistake, and hides none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mfdebug.core.explain.check_report import check_data
from miniflow.gradcheck.checker import check
from miniflow.node import Input, Node
from miniflow.ops import Abs, Max, Min, ReLU, Tanh
from tests.support.check_words import check_sentences
from tests.support.planted_rules import KINK, assert_all_right, plant, upstream_of, weighed


class MyReLU(Node):
    """In the lesson's style; at 0 it passes the gradient on."""

    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = np.maximum(self.inbound_nodes[0].value, 0)

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: upstream_of(self) * (x.value >= 0)}


@pytest.mark.parametrize(("kind", "sent"), [(ReLU, 0.0), (MyReLU, 2.0)])
def test_a_kink_at_0_is_told_apart(kind: Any, sent: float) -> None:
    x = Input("x", value=[[-1.0, 3.0], [0.0, 2.0]])
    graph = weighed(kind(x, "r"), np.full((2, 2), 2.0))
    verdicts = check(graph)
    data = check_data(graph, verdicts)
    assert data["all_right"]
    conclusion, first, *_ = check_sentences(graph, verdicts)
    assert conclusion == f"no gradient is wrong (1 kink, {len(verdicts) - 1} right)"
    assert first.startswith(f"  r ({kind.__name__}) to x[1,0]: {KINK}: ")
    kink = data["verdicts"][0]
    assert kink.items() >= {"node": "r", "input": "x", "entry": [1, 0]}.items()
    assert (kink["judgement"], kink["analytic"]) == ("kink", sent)
    assert kink["numeric"] == pytest.approx(1.0)


def test_abs_sends_0_at_0_as_the_central_difference_has_it() -> None:
    assert_all_right(weighed(Abs(Input("x", value=[-3.0, 0.0]), name="r"), np.array([1.0, 5.0])))


class MyAbs(Node):
    """In the lesson's style; at 0 it sends the slope of the right side."""

    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = np.abs(self.inbound_nodes[0].value)

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: upstream_of(self) * np.where(x.value >= 0, 1.0, -1.0)}


def test_abs_at_0_by_the_slope_of_one_side_is_a_kink() -> None:
    graph = weighed(MyAbs(Input("x", value=[-3.0, 0.0]), "r"), np.array([1.0, 5.0]))
    verdicts = check(graph)
    first = check_sentences(graph, verdicts)[1]
    assert first.startswith(f"  r (MyAbs) to x[1]: {KINK}: backward 5, ")
    assert check_data(graph, verdicts)["all_right"]


@pytest.mark.parametrize("kind", [Max, Min])
def test_a_tie_is_a_kink_towards_both(kind: Any) -> None:
    a, b = Input("a", value=[1.0, 2.0, 5.0]), Input("b", value=[1.5, 2.0, -1.0])
    graph = weighed(kind(a, b, name="m1"), np.array([1.0, -3.0, 2.0]))
    verdicts = check(graph)
    conclusion, *lines = check_sentences(graph, verdicts)
    assert conclusion.startswith("no gradient is wrong (2 kink")
    told = {line.split(": ")[0].strip() for line in lines[:2]}
    assert told == {f"m1 ({kind.__name__}) to a[1]", f"m1 ({kind.__name__}) to b[1]"}
    data = check_data(graph, verdicts)
    assert data["all_right"]
    kinks = [verdict for verdict in data["verdicts"] if verdict["judgement"] == "kink"]
    assert {(kink["input"], *kink["entry"]) for kink in kinks} == {("a", 1), ("b", 1)}


def test_a_kink_hides_no_wrong_entry_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch, ReLU, lambda input_index, grad, x: grad * (x > 0) * np.where(x > 1, -1.0, 1.0)
    )
    graph = weighed(ReLU(Input("x", value=[-1.0, 0.0, 2.0, 0.5]), name="r"), np.ones(4))
    verdicts = check(graph)
    assert check_sentences(graph, verdicts)[1].startswith(
        "  r (ReLU) to x[2]: WRONG: backward -1, "
    )
    assert not check_data(graph, verdicts)["all_right"]


def test_a_kink_elsewhere_hides_no_wrong_node(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Tanh, lambda input_index, grad, x: -grad)
    x = Input("x", value=[0.0])
    graph = weighed(Tanh(ReLU(x, name="r"), name="h"), np.ones(1))
    lines = check_sentences(graph, check(graph))
    assert lines[0].startswith("1 gradient is wrong (1 wrong, 1 kink, ")
    assert lines[1].startswith("  h (Tanh) to r[0]: WRONG: ")
    assert lines[2].startswith(f"  r (ReLU) to x[0]: {KINK}")
