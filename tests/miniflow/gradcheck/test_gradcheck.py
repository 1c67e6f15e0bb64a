"""Gradient checking finds what is wrong, where it is wrong, and blames no kink."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniflow.errors import GraphError
from miniflow.gradcheck import checker as gradcheck
from miniflow.gradcheck.checker import Verdict, check
from miniflow.gradcheck.differences import NEARBY, first_points, further_points, judge
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import (
    GELU,
    MSE,
    Abs,
    Add,
    Detach,
    Dropout,
    Exp,
    Less,
    Linear,
    Log,
    Max,
    Mul,
    Op,
    Pow,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Sqrt,
    Sum,
    Tanh,
    Where,
)
from miniflow.ops.base import Array, Calls
from miniflow.ops.broadcasting import Elementwise
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.training.data import Data
from tests.support.sizes import examples


def network(dtype: str = "float64", activation: Any = Sigmoid) -> Graph:
    rng = np.random.default_rng(0)
    X, y = Input("X"), Input("y")
    W = Input("W", value=rng.normal(size=(3, 2)), trainable=True)
    b = Input("b", value=np.zeros(2), trainable=True)
    hidden = activation(Linear(X, W, b, name="l"), name="h")
    cost = MSE(y, Mul(hidden, Add(hidden, hidden, name="twice"), name="out"), name="cost")
    data = Data({"X": rng.normal(size=(8, 3)), "y": rng.normal(size=(8, 2))})
    return Graph.of(cost, data=data, dtype=dtype, training=Training(batch_size=4, sampling="epoch"))


def step(plan: Plan, sgd_step: int = 0) -> None:
    nodes = range(len(plan.graph))
    plan.feed(sgd_step)
    for i in nodes:
        plan.forward(i)
    for i in reversed(nodes):
        plan.backward(i)
    for i in range(len(plan.graph.trainables)):
        plan.update(i)


def edges(graph: Graph, verdicts: list[Verdict]) -> dict[tuple[str, str], str]:
    return {(graph.nodes[v.node].label, graph.nodes[v.source].label): v.judgement for v in verdicts}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_network_is_right_at_every_edge(dtype: str) -> None:
    graph = network(dtype)
    found = check(graph)
    assert edges(graph, found) == {
        ("l", "X"): "right",
        ("l", "W"): "right",
        ("l", "b"): "right",
        ("h", "l"): "right",
        ("twice", "h"): "right",
        ("out", "h"): "right",
        ("out", "twice"): "right",
        ("cost", "y"): "right",
        ("cost", "out"): "right",
    }
    for verdict in found:
        assert verdict.relative_error <= gradcheck.TOLERANCE
        assert verdict.analytic == pytest.approx(verdict.numeric, rel=1e-5, abs=1e-9)
        assert verdict.checked == verdict.size


def test_an_input_is_checked_through_the_whole_graph() -> None:
    graph = network()
    plan = compile_plan(graph)
    step(plan)
    for name in ("W", "b", "X", "y"):
        place = graph.index_of(name)
        fresh = compile_plan(graph)
        step(fresh)
        (verdict,) = check(graph, place)
        assert (verdict.node, verdict.source, verdict.input_index) == (place, place, None)
        assert verdict.judgement == "right"
        assert verdict.analytic == pytest.approx(float(fresh.gradient(place)[verdict.index]))


class WrongSlope(Tanh):
    """A tanh whose backward forgets the square."""

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        do(np.subtract, 1.0, value, out)
        do(np.multiply, grad, out, out)


class OwnWrongSlope(Node):
    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = np.tanh(self.inbound_nodes[0].value)

    def backward(self) -> None:
        upstream = sum(n.gradients[self] for n in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: (1 - self.value) * upstream}


@pytest.mark.parametrize("kind", [WrongSlope, OwnWrongSlope])
def test_a_wrong_rule_is_blamed_and_nothing_else(kind: Any) -> None:
    graph = network(activation=kind)
    wrong = {edge for edge, found in edges(graph, check(graph)).items() if found != "right"}
    assert wrong == {("h", "l")}
    (verdict,) = check(graph, graph.index_of("h"))
    assert verdict.relative_error > 0.01
    assert not np.isclose(verdict.analytic, verdict.numeric)
    (through,) = check(graph, graph.index_of("W"))
    assert through.judgement == "wrong"


class Nudged(Elementwise):
    """x², its gradient off by a factor."""

    factor = 1.0

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        do(np.multiply, inputs[0], inputs[0], out)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        do(np.multiply, inputs[0], 2.0 * self.factor, out)
        do(np.multiply, grad, out, out)


@settings(deadline=None, max_examples=examples(60))
@given(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3), st.sampled_from([1e-4, -1e-3, 1.0]))
def test_a_factor_that_is_slightly_off_is_wrong_and_no_kink(x: float, off: float) -> None:
    node = Nudged(Input(value=x))
    node.factor = 1 + off  # type: ignore[misc]
    (verdict,) = check(Graph.of(node))
    assert verdict.judgement == "wrong"
    node.factor = 1.0  # type: ignore[misc]
    (verdict,) = check(Graph.of(node))
    assert verdict.judgement == "right"


def test_the_worst_entry_is_the_one_told() -> None:
    x = Input("x", value=[[1.0, 0.5], [2.0, 0.0]])
    (verdict,) = check(Graph.of(Sum(ReLU(x, name="r"))), 1)
    assert (verdict.index, verdict.judgement) == ((1, 1), "kink")
    assert (verdict.analytic, verdict.numeric) == (0.0, 0.5)


@pytest.mark.parametrize("x", [0.0, 1e-12, -1e-9, 1e-7, -3e-6, 1e-5, 0.5])
def test_at_and_near_a_kink_nothing_is_called_wrong(x: float) -> None:
    for kind in (ReLU, Abs):
        (verdict,) = check(Graph.of(kind(Input(value=x))))
        assert verdict.judgement == "right" or (x == 0 and verdict.judgement == "kink")
    a, b = Input("a", value=1.0 + x), Input("b", value=1.0)
    for verdict in check(Graph.of(Max(a, b, name="m")), 2):
        assert verdict.judgement in ("right", "kink")


class WrongAtKink(ReLU):
    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        do(np.copyto, out, np.full(out.shape, -3.0))


def test_a_gradient_outside_both_slopes_is_wrong_at_a_kink_too() -> None:
    (verdict,) = check(Graph.of(WrongAtKink(Input(value=0.0))))
    assert verdict.judgement == "wrong"


@pytest.mark.parametrize(
    ("op", "x", "judgement"),
    [
        (Log, 1e-9, "right"),
        (Sqrt, 1e-9, "right"),
        (Log, 0.0, "undefined"),
        (Sqrt, 0.0, "undefined"),
        (Sqrt, -1.0, "undefined"),
        (Exp, 1e3, "undefined"),
        (Exp, 300.0, "right"),
        (Sigmoid, 40.0, "right"),
        (Sigmoid, -700.0, "right"),
        (Tanh, 15.0, "untested"),
        (GELU, -3.0, "right"),
        (Abs, 1e300, "right"),
        (ReLU, float("nan"), "undefined"),
        (ReLU, float("inf"), "undefined"),
    ],
)
def test_far_out_and_at_the_ends_of_where_it_is_defined(
    op: type[Op], x: float, judgement: str
) -> None:
    for value in (x, [x]):  # on Python floats and on arrays
        (verdict,) = check(Graph.of(op(Input(value=value))))
        assert verdict.judgement == judgement


class NanBackward(Tanh):
    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        do(out.fill, np.nan)


def test_a_gradient_of_nan_where_there_is_a_slope_is_wrong() -> None:
    (verdict,) = check(Graph.of(NanBackward(Input(value=[0.3]))))
    assert verdict.judgement == "wrong"
    assert verdict.relative_error == np.inf


def test_class_numbers_cannot_be_moved_and_are_not_called_wrong() -> None:
    z, y = Input("z", value=[[1.0, 2.0]]), Input("y", value=[1])
    graph = Graph.of(SoftmaxCrossEntropy(z, y, name="c"))
    assert edges(graph, check(graph)) == {("c", "z"): "right", ("c", "y"): "untested"}


def test_what_gets_no_gradient_by_definition_must_get_zeros() -> None:
    x, y = Input("x", value=[1.0, -2.0]), Input("y", value=[0.5, 0.5])
    less = Less(x, y, name="less")
    chosen = Where(less, x, y, name="chosen")
    graph = Graph.of(Sum(Mul(chosen, Detach(x, name="fixed"), name="m"), name="cost"))
    verdicts = check(graph)
    assert {verdict.judgement for verdict in verdicts} == {"right"}
    by_rule = {
        (graph.nodes[verdict.node].label, graph.nodes[verdict.source].label)
        for verdict in verdicts
        if verdict.against == "rule"
    }
    assert by_rule == {("less", "x"), ("less", "y"), ("chosen", "less"), ("fixed", "x")}


def test_what_is_detached_is_held_fast_while_an_input_is_varied() -> None:
    x = Input("x", value=3.0)
    graph = Graph.of(Mul(x, Detach(x), name="cost"))
    (verdict,) = check(graph, graph.index_of("x"))
    assert (verdict.judgement, verdict.analytic) == ("right", 3.0)
    (verdict,) = check(Graph.of(Detach(Input("x", value=3.0))), 0)
    assert (verdict.judgement, verdict.reason) == ("untested", "stopped")


def test_the_same_node_twice_is_judged_as_one_sum() -> None:
    graph = Graph.of(Mul(Input("x", value=3.0), Input("y", value=1.0), name="m"))
    assert len(check(graph)) == 2
    x = Input("x", value=3.0)
    (verdict,) = check(Graph.of(Mul(x, x)))
    assert (verdict.analytic, verdict.input_index) == (6.0, 0)
    assert verdict.numeric == pytest.approx(6.0)


def test_the_drawn_mask_of_dropout_is_held_fast() -> None:
    x = Input("x", value=np.ones(50), trainable=True)
    graph = Graph.of(Sum(Dropout(x, name="d")))
    plan = compile_plan(graph)
    for sgd_step in range(3):
        step(plan, sgd_step)
        (verdict,) = check(plan, graph.index_of("d"))
        assert verdict.judgement == "right"
        assert verdict.analytic == plan.gradient(graph.index_of("x"))[verdict.index]


def test_of_a_large_array_some_entries_are_tried_the_steepest_among_them() -> None:
    value = np.full(10_000, 0.5)
    value[7778] = 0.9
    graph = Graph.of(Sum(Nudged(Input("x", value=value), name="n")))
    (verdict,) = check(graph, graph.index_of("n"))
    assert (verdict.checked, verdict.size) == (gradcheck.ENTRIES + 1, 10_000)
    graph["n"].factor = 1.1  # type: ignore[attr-defined]
    (verdict,) = check(graph, graph.index_of("n"))
    assert (verdict.index, verdict.judgement) == ((7778,), "wrong")


@pytest.mark.parametrize("activation", [Sigmoid, OwnWrongSlope])
def test_neither_the_plan_nor_the_nodes_are_changed(activation: Any) -> None:
    graph = network(activation=activation)
    plan, twin = compile_plan(graph), compile_plan(network(activation=activation))
    for each_plan in (plan, twin):
        step(each_plan)
        each_plan.feed(1)
        for i in range(len(graph)):
            each_plan.forward(i)
    kept = [dict(vars(node)) for node in graph.nodes]
    check(plan)
    check(plan, graph.index_of("W"))
    for node, before in zip(graph.nodes, kept, strict=True):
        assert vars(node).keys() == before.keys()
        assert all(vars(node)[key] is before[key] for key in before)
    for each_plan in (plan, twin):
        for i in reversed(range(len(graph))):
            each_plan.backward(i)
    for i in range(len(graph)):
        np.testing.assert_array_equal(plan.value(i), twin.value(i))
        np.testing.assert_array_equal(plan.gradient(i), twin.gradient(i))


def test_a_plan_is_checked_with_its_present_values() -> None:
    graph = network()
    plan = compile_plan(graph)
    step(plan)
    plan.set_value(graph.index_of("W"), np.zeros((3, 2)))
    (verdict,) = check(plan, graph.index_of("h"))
    fresh = compile_plan(graph)
    fresh.set_value(graph.index_of("W"), np.zeros((3, 2)))
    fresh.set_value(graph.index_of("b"), plan.value(graph.index_of("b")))
    fresh.feed(0)
    for i in range(len(graph)):
        fresh.forward(i)
    for i in reversed(range(len(graph))):
        fresh.backward(i)
    h = graph.index_of("h")
    assert verdict.analytic == pytest.approx(float(fresh.contribution(h, 0)[verdict.index]))


def test_a_node_that_the_cost_does_not_depend_on_has_nothing_to_check() -> None:
    x = Input("x", value=1.0)
    aside, cost = Tanh(x, name="aside"), Tanh(x, name="cost")
    graph = Graph([x, aside, cost], cost)
    with pytest.raises(GraphError, match="the cost does not depend on aside"):
        check(graph, graph.index_of("aside"))
    assert edges(graph, check(graph)) == {("cost", "x"): "right"}


@pytest.mark.parametrize("value", [3.0, np.array([[1.0, 2.0]])])
def test_a_rule_to_which_nothing_comes_back_is_tried_with_something(value: Any) -> None:
    x, nothing = Input("x", value=value), Input("nothing", value=0.0)
    graph = Graph.of(Sum(Mul(Sigmoid(x, name="s"), nothing), name="cost"))
    (verdict,) = check(graph, graph.index_of("s"))
    assert verdict.judgement == "right"
    assert verdict.analytic == pytest.approx(verdict.numeric) != 0


def test_a_rule_is_not_blamed_for_the_infinity_that_came_to_it() -> None:
    x = Input("x", value=np.zeros(2))
    graph = Graph.of(Sum(Sqrt(Mul(x, x, name="square")), name="cost"))
    judged = {graph.nodes[verdict.node].label: verdict.judgement for verdict in check(graph)}
    assert judged["square"] == "undefined"


@pytest.mark.parametrize("exponent", [2.0, 3.0, 5.0])
def test_a_derivative_of_0_is_right_where_only_the_differences_are_not_0(exponent: float) -> None:
    for value in (0.0, [0.0, 1.0]):
        x = Input("x", value=value)
        for node in (Pow(x, exponent=exponent), Mul(x, x, x)):
            assert [verdict.judgement for verdict in check(Graph.of(node))] == ["right"]


def test_kinks_of_several_entries_choose_a_side_each() -> None:
    x, weights = Input("x", value=0.0), Input("weights", value=[1.0, -2.0])
    both = Max(x, Input("zeros", value=[0.0, 0.0]), name="m")
    graph = Graph.of(Sum(Mul(both, weights), name="cost"))
    assert edges(graph, check(graph))["m", "x"] == "kink"
    (through,) = check(graph, graph.index_of("x"))
    assert through.judgement in ("right", "kink")


def test_a_sum_in_which_larger_numbers_cancel_is_not_called_wrong() -> None:
    x = Input("x", value=[1e12, -1e12, 1e-12, 3.0])
    (verdict,) = check(Graph.of(Sum(x, name="cost")))
    assert verdict.judgement in ("right", "untested")


@pytest.mark.parametrize("x", [0.0, 0.3, -40.0])
@pytest.mark.parametrize("bent", [False, True])
def test_what_a_judgement_evaluates_can_be_asked_for_before(x: float, bent: bool) -> None:
    asked: set[float] = set()

    def value_at(moved: float) -> Array:
        asked.add(moved)
        return np.array([abs(moved - x) if bent else np.sin(moved)])

    def judgement(analytic: float) -> str:
        return judge(x, analytic, np.ones(1), value_at, lambda _: 0.0).judgement

    if not bent:
        assert judgement(np.cos(x)) == "right"
        assert asked == {*first_points(x)}
    assert judgement(0.5) == ("kink" if bent else "wrong")
    judgement(3.0)
    assert len(asked) > 6
    # The steps nearby may be those of the first step, too.
    assert len(asked - {*first_points(x), *further_points(x)}) <= 2 * len(NEARBY)
