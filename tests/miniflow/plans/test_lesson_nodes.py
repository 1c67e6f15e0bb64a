"""Nodes written in the lesson's style, in every place of a graph, by its functions and in plans."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from miniflow import (
    MSE,
    Add,
    Input,
    Linear,
    Mul,
    Node,
    Sigmoid,
    Sum,
    Tanh,
    forward_and_backward,
    topological_sort,
)
from miniflow.errors import GraphError, MiniflowError, ShapeError
from miniflow.graph import Graph
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan


class Own(Node):
    """A tanh as the lesson would write it."""

    def __init__(self, *nodes: Node, name: str | None = None) -> None:
        Node.__init__(self, list(nodes), name)

    def forward(self) -> None:
        self.value = np.tanh(self.inbound_nodes[0].value)

    def backward(self) -> None:
        self.gradients = {n: np.zeros_like(n.value) for n in self.inbound_nodes}
        for n in self.outbound_nodes:
            upstream = n.gradients[self]
            self.gradients[self.inbound_nodes[0]] += (1 - self.value**2) * upstream


class OwnProduct(Node):
    """A product as the lesson would write it; a node that stands twice is counted twice."""

    def __init__(self, x: Node, y: Node) -> None:
        Node.__init__(self, [x, y])

    def forward(self) -> None:
        x, y = self.inbound_nodes
        self.value = x.value * y.value

    def backward(self) -> None:
        x, y = self.inbound_nodes
        upstream = sum(n.gradients[self] for n in self.outbound_nodes)
        self.gradients = {x: y.value * upstream}
        self.gradients[y] = self.gradients.get(y, 0) + x.value * upstream


class OwnMSE(Node):
    """The lesson's own cost: it sends (n, 1) to a target of (n,)."""

    def __init__(self, y: Node, a: Node) -> None:
        Node.__init__(self, [y, a])

    def forward(self) -> None:
        y = self.inbound_nodes[0].value.reshape(-1, 1)
        a = self.inbound_nodes[1].value.reshape(-1, 1)
        self.m = self.inbound_nodes[0].value.shape[0]
        self.diff = y - a
        self.value = np.mean(self.diff**2)

    def backward(self) -> None:
        self.gradients[self.inbound_nodes[0]] = (2 / self.m) * self.diff
        self.gradients[self.inbound_nodes[1]] = (-2 / self.m) * self.diff


X_VALUE = np.array([[0.3, -0.8], [1.2, 0.1], [-0.5, 0.4]])
W_VALUE = np.array([[0.7], [-0.4]])

# Each makes a graph of the nodes it is given: a tanh, a product and a cost.
Make = Callable[[Node, Node, Any, Any, Any], Node]
GRAPHS: dict[str, Make] = {
    "in the middle": lambda x, w, tanh, _product, cost: cost(
        Input("y", value=np.ones(3)), Sigmoid(tanh(Linear(x, w, Input("b", value=0.0))))
    ),
    "as the cost": lambda x, w, tanh, _product, _cost: tanh(Linear(x, w, Input(value=0.1))),
    "fan-out": lambda x, w, tanh, product, cost: cost(
        Input("y", value=np.ones(3)),
        Add(h := tanh(Linear(x, w, Input(value=0.1))), Sigmoid(h), product(h, Mul(h, h))),
    ),
    "the same node twice": lambda x, w, tanh, product, _cost: Sum(
        product(h := tanh(Linear(x, w, Input(value=0.1))), h)
    ),
    "at the bottom": lambda x, w, tanh, product, _cost: Sum(
        Linear(tanh(x), product(w, w), Input(value=0.1))
    ),
    "one after the other": lambda x, w, tanh, product, cost: cost(
        Input("y", value=np.ones(3)), tanh(tanh(tanh(Linear(x, w, Input(value=0.1)))))
    ),
}


def nodes(make: Make, *kinds: Any) -> tuple[Input, Input, Node]:
    x = Input("x", value=X_VALUE.copy())
    w = Input("w", value=W_VALUE.copy(), trainable=True)
    return x, w, make(x, w, *kinds)


def by_lesson(make: Make, *kinds: Any) -> list[Any]:
    x, w, cost = nodes(make, *kinds)
    forward_and_backward(topological_sort({x: x.value, w: w.value}))
    return [cost.value, w.gradients[w], x.gradients[x]]


def stepped(plan: Plan, step: int = 0) -> None:
    plan.feed(step)
    order = range(len(plan.graph))
    for i in order:
        plan.forward(i)
    for i in reversed(order):
        if plan.graph.reaches_cost[i]:
            plan.backward(i)


def by_plan(make: Make, *kinds: Any, dtype: str = "float64") -> list[Any]:
    x, w, cost = nodes(make, *kinds)
    plan = compile_plan(graph := Graph.of(cost, dtype=dtype))
    stepped(plan)
    found = [plan.value(graph.cost), *(plan.gradient(graph.index[n]) for n in (w, x))]
    return [array.copy() for array in found]


OURS, THEIRS = (Tanh, Mul, MSE), (Own, OwnProduct, OwnMSE)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_by_the_lessons_functions_and_in_a_plan_they_do_what_ours_do(make: Make) -> None:
    wanted = by_lesson(make, *OURS)
    for found in (by_lesson(make, *THEIRS), by_plan(make, *THEIRS), by_plan(make, *OURS)):
        for value, right in zip(found, wanted, strict=True):
            assert np.shape(value) == np.shape(right)
            np.testing.assert_allclose(value, right, rtol=1e-12)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_a_plan_in_float32_has_float32_gradients(make: Make) -> None:
    single, double = (by_plan(make, *THEIRS, dtype=dtype) for dtype in ("float32", "float64"))
    for value, right in zip(single, double, strict=True):
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, right, rtol=1e-5)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_stepped_and_run_give_the_same_bits(make: Make) -> None:
    found = []
    for step_by_step in (True, False):
        _, w, cost = nodes(make, *THEIRS)
        plan = compile_plan(graph := Graph.of(cost))
        for step in range(4):
            if step_by_step:
                stepped(plan, step)
                plan.update(0)
            else:
                plan.run(step, 1, array("d"))
        found.append(plan.value(graph.index[w]).tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("way", [by_lesson, by_plan])
@pytest.mark.parametrize("kinds", [OURS, THEIRS])
def test_what_was_built_on_them_and_dropped_has_no_say(way: Any, kinds: Any) -> None:
    def littered(x: Node, w: Node, tanh: Any, product: Any, cost: Any) -> Node:
        h = tanh(Linear(x, w, Input(value=0.1)))
        for node in (x, w, h):
            product(node, Input("never fed"))
        end = cost(Input("y", value=np.ones(3)), h)
        product(end, Input("never fed either"))
        Own(product(Input("nor this"), end))
        return end

    def tidy(x: Node, w: Node, tanh: Any, product: Any, cost: Any) -> Node:
        return cost(Input("y", value=np.ones(3)), tanh(Linear(x, w, Input(value=0.1))))

    x, w, cost = nodes(littered, *kinds)
    if way is by_lesson:
        # As a program does that sorted its graph before it built anything more.
        forward_and_backward(Graph.of(cost).nodes)
        found = [cost.value, w.gradients[w], x.gradients[x]]
    else:
        found = way(littered, *kinds)
    for value, right in zip(found, way(tidy, *kinds), strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-12)


class NoBackward(Own):
    backward = Node.backward


class NoValue(Own):
    def forward(self) -> None:
        np.tanh(self.inbound_nodes[0].value)


class Forgets(Own):
    def backward(self) -> None:
        self.gradients = {}


class WrongShape(Own):
    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.zeros(7)}


class Transposed(Own):
    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.zeros((2, 3))}


class Raises(Own):
    def forward(self) -> None:
        super().forward()
        if self.inbound_nodes[0].value.max() > 0:
            raise ZeroDivisionError("a line\nand another")


class RaisesBackward(Own):
    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.ones(2) + np.ones(3)}


class Changes(Own):
    def forward(self) -> None:
        value = self.inbound_nodes[0].value
        value *= 2
        self.value = value


class Grows(Own):
    def forward(self) -> None:
        self.times = getattr(self, "times", 0) + 1
        self.value = np.ones(self.times)


@pytest.mark.parametrize(
    ("kind", "error", "problem"),
    [
        (NoBackward, GraphError, "h: NoBackward does not define backward()"),
        (NoValue, GraphError, "h: forward() of NoValue set no value"),
        (Forgets, ShapeError, "h: backward() of Forgets set no gradient for x"),
        (WrongShape, ShapeError, "h: backward() of WrongShape gave x a gradient of shape 7; "),
        (Transposed, ShapeError, "h: backward() of Transposed gave x a gradient of shape 2x3; "),
        (
            Raises,
            GraphError,
            "h: forward() of Raises raised ZeroDivisionError: a line and another [",
        ),
        (RaisesBackward, GraphError, "h: backward() of RaisesBackward raised ValueError: operands"),
        (Changes, GraphError, "h: forward() of Changes changes the value of an input in place ["),
        (Grows, ShapeError, "h: forward() of Grows gave a value of shape 2; before it was 1"),
    ],
)
def test_a_mistake_in_a_plan_names_the_node(
    kind: Any, error: type[MiniflowError], problem: str
) -> None:
    with pytest.raises(error) as caught:
        stepped(compile_plan(Graph.of(Sum(kind(Input("x", value=X_VALUE), name="h")))))
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize("kind", [WrongShape, Transposed])
def test_a_wrong_shape_in_the_lessons_functions_names_the_node(kind: Any) -> None:
    x = Input("x")
    Sum(kind(x, name="h"))
    with pytest.raises(ShapeError, match=r"h: backward\(\) of .* gave x a gradient of shape"):
        forward_and_backward(topological_sort({x: X_VALUE}))


class Constant(Node):
    """A source that is no Input: it makes its own value."""

    def __init__(self) -> None:
        Node.__init__(self, [], name="c")

    def forward(self) -> None:
        self.value = np.array([2.0, 3.0])

    def backward(self) -> None:
        self.gradients = {}


def test_a_source_that_makes_its_own_value() -> None:
    x = Input("x", value=[1.0, 1.0])
    Sum(Mul(x, Constant()))
    forward_and_backward(topological_sort({x: [1.0, 1.0]}))
    np.testing.assert_array_equal(x.gradients[x], [2, 3])
    x = Input("x", value=[1.0, 1.0])
    plan = compile_plan(graph := Graph.of(Sum(Mul(x, Constant()))))
    stepped(plan)
    assert plan.gradient(graph.index_of("x")).tolist() == [2, 3]


class HalfOurs(Sigmoid):
    """One of our ops with only its backward written anew."""

    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.full(2, 7.0)}


def test_one_of_our_ops_with_a_backward_of_its_own() -> None:
    x = Input("x", value=[0.0, 1.0])
    plan = compile_plan(graph := Graph.of(Sum(HalfOurs(x))))
    stepped(plan)
    assert plan.gradient(graph.index_of("x")).tolist() == [7, 7]
