"""The defects of the lesson's code that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
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
    forward_and_backward,
    forward_pass,
    sgd_update,
    topological_sort,
)
from miniflow.errors import FeedError, GraphError, MiniflowError
from miniflow.graph import Graph
from miniflow.plans.compile import compile_plan
from tests.miniflow.lesson_nodes import NodeTanh, network


def test_the_order_is_the_same_every_time() -> None:
    def build() -> list[str]:
        inputs = [Input(f"i{i}") for i in range(6)]
        total = Add(*inputs, name="total")
        Mul(total, inputs[0], name="end")
        feed = dict.fromkeys(reversed(inputs), 1.0)
        return [node.label for node in topological_sort(feed)]

    assert {tuple(build()) for _ in range(50)} == {tuple(build())}


def test_diamonds_are_linear_and_deep_chains_do_not_recurse() -> None:
    x = Input("x")
    node: Node = x
    for _ in range(60):
        node = Mul(Add(node, node), node)
    assert len(topological_sort({x: 0.5})) == 121
    for _ in range(3_000):
        node = Add(node, x)
    forward_and_backward(topological_sort({x: 0.1}))


def test_the_same_node_twice() -> None:
    x = Input()
    Mul(x, x)
    forward_and_backward(topological_sort({x: 3.0}))
    assert x.gradients[x] == 6
    y = Input()
    Add(y, y)
    forward_and_backward(topological_sort({y: 3.0}))
    assert y.gradients[y] == 2


def test_a_dropped_node_changes_nothing() -> None:
    feed, end = network(NodeTanh)
    graph = topological_sort(feed)
    forward_and_backward(graph)
    W = next(node for node in feed if node.name == "W")
    before = W.gradients[W]
    Mul(end, Input("never fed"))
    Add(graph[4], graph[4])
    forward_and_backward(graph)
    np.testing.assert_array_equal(W.gradients[W], before)


def test_of_two_sinks_the_one_built_last_is_the_cost() -> None:
    x = Input("x")
    first, last = Mul(x, x, name="first"), Add(x, x, name="last")
    graph = topological_sort({x: 3.0})
    assert graph[-1] is last
    assert first in graph
    forward_and_backward(graph)
    assert x.gradients[x] == 2


def test_a_missing_feed_is_said_before_anything_runs() -> None:
    x, y = Input("x"), Input("y")
    total = Add(x, y, name="total")
    with pytest.raises(FeedError, match="y has no value, and total needs it"):
        topological_sort({x: 1.0})
    with pytest.raises(FeedError, match="total is fed, but it is not an Input"):
        topological_sort({total: 1.0})
    y.value = 2.0
    assert forward_pass(total, topological_sort({x: 1.0})) == 3


def test_an_add_and_a_mul_alone_are_seeded_with_1() -> None:
    x, y = Input(), Input()
    Mul(Add(x, y), y)
    forward_and_backward(topological_sort({x: 2.0, y: 3.0}))
    assert (x.gradients[x], y.gradients[y]) == (3, 8)


def test_mutable_defaults_are_not_shared() -> None:
    assert Input().inbound_nodes is not Input().inbound_nodes


def test_a_node_without_rules_is_a_plain_error() -> None:
    node = Node(name="n")
    with pytest.raises(GraphError, match=r"n: Node does not define forward\(\)"):
        node.forward()
    with pytest.raises(GraphError, match=r"n: Node does not define backward\(\)"):
        node.backward()


@pytest.mark.parametrize(
    ("X", "W", "b"),
    [
        ((4, 3), (3, 2), (2,)),
        ((4, 3), (3, 2), (1, 2)),
        ((4, 3), (3, 2), (4, 1)),
        ((4, 3), (3, 2), ()),
        ((3,), (3, 2), (2,)),
        ((3,), (3,), ()),
    ],
)
def test_every_bias_and_every_input_gets_a_gradient_of_its_own_shape(
    X: tuple[int, ...], W: tuple[int, ...], b: tuple[int, ...]
) -> None:
    nodes = [Input(name) for name in "XWb"]
    Linear(*nodes)
    feed = {n: np.ones(shape, int) for n, shape in zip(nodes, (X, W, b), strict=True)}
    forward_and_backward(topological_sort(feed))
    for node, shape in zip(nodes, (X, W, b), strict=True):
        assert np.shape(node.gradients[node]) == shape


def test_a_cost_passes_on_the_gradient_that_comes_into_it() -> None:
    y, a = Input(), Input()
    cost = MSE(y, a)
    Mul(cost, cost)
    forward_and_backward(topological_sort({y: [0.0], a: [3.0]}))
    np.testing.assert_allclose(a.gradients[a], [2 * 9 * 6])


def test_shapes_that_would_broadcast_in_silence_are_refused() -> None:
    y, a = Input(), Input()
    MSE(y, a, name="cost")
    with pytest.raises(MiniflowError, match="target 3 and prediction 1 differ"):
        forward_pass(topological_sort({y: [1.0, 2, 3], a: [1.0]}))


def test_a_saturated_sigmoid_does_not_warn() -> None:
    x = Input()
    node = Sigmoid(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forward_and_backward(topological_sort({x: -1000.0}))
    assert node.value == 0


@pytest.mark.slow
def test_the_order_does_not_depend_on_hashing() -> None:
    program = """
from miniflow import *
inputs = [Input(f"i{i}") for i in range(6)]
Mul(Add(*inputs, name="total"), Add(inputs[5], inputs[0], name="part"), name="end")
print([n.name for n in topological_sort({n: 1.0 for n in set(inputs)})])
"""
    orders = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(3)
    }
    assert orders == {b"['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'total', 'part', 'end']\n"}


def test_a_cycle_is_named() -> None:
    x = Input("x")
    a = Add(x, x, name="a")
    b = Add(a, x, name="b")
    a.inbound_nodes, b.outbound_nodes = [x, b], [a]
    with pytest.raises(GraphError, match=r"a cycle: (a → b → a|b → a → b)"):
        topological_sort({x: 1.0})


def test_nothing_fed_and_things_that_are_not_nodes() -> None:
    with pytest.raises(FeedError, match="nothing is fed"):
        topological_sort({})
    with pytest.raises(FeedError, match="'x' is fed, but it is not an Input"):
        topological_sort({"x": 1.0})


@pytest.mark.parametrize("value", ["three", [[1.0], [1.0, 2.0]], 1j, [None]])
def test_a_value_that_is_not_numbers_is_named(value: Any) -> None:
    x = Input("x")
    Sigmoid(x)
    with pytest.raises(FeedError, match="x: its value is not a number"):
        forward_pass(topological_sort({x: value}))
    with pytest.raises(FeedError, match="x: its value is not a number"):
        compile_plan(Graph.of(Sigmoid(Input("x", value=value))))


def test_a_backward_pass_needs_a_forward_pass() -> None:
    x = Input("x", value=1.0)
    with pytest.raises(GraphError, match=r"s: backward\(\) before forward\(\)"):
        Sigmoid(x, name="s").backward()


def test_float32_stays_float32_and_meets_float64() -> None:
    X, W, b, y = (Input(name) for name in "XWby")
    cost = MSE(y, Linear(X, W, b))
    single = {n: np.ones(s, np.float32) for n, s in ((X, (4, 3)), (W, (3, 2)), (b, 2), (y, (4, 2)))}
    graph = topological_sort(single)
    forward_and_backward(graph)
    sgd_update([W], learning_rate=np.float64(0.1))
    assert W.value.dtype == cost.value.dtype == W.gradients[W].dtype == np.float32
    b.value = np.ones(2)
    forward_and_backward(graph)
    assert cost.value.dtype == np.float64


def test_a_parameter_that_the_cost_does_not_depend_on_stays() -> None:
    x, w, aside = Input("x"), Input("w"), Input("aside")
    Mul(x, aside)
    Mul(x, w)
    graph = topological_sort({x: 2.0, w: 3.0, aside: 5.0})
    forward_and_backward(graph)
    sgd_update([w, aside], learning_rate=1.0)
    assert (w.value, aside.value) == (1.0, 5.0)
    assert x.gradients[x] == 3


def test_only_an_input_with_a_gradient_can_be_updated() -> None:
    x = Input("x", value=1.0)
    for node in (x, Sigmoid(x, name="s")):
        with pytest.raises(GraphError, match=f"{node.label}: it has no gradient of its own"):
            sgd_update([node])


def test_batches_are_set_between_steps_and_the_cost_read_from_the_end() -> None:
    X, W, b, y = (Input(name) for name in "XWby")
    MSE(y, Linear(X, W, b))
    rng = np.random.default_rng(0)
    table, weights = rng.normal(size=(30, 3)), np.array([[1.0], [-2], [3]])
    graph = topological_sort({X: table, W: np.zeros((3, 1)), b: np.zeros(1), y: table @ weights})
    costs = []
    for _ in range(200):
        rows = rng.integers(30, size=10)
        X.value, y.value = table[rows], (table @ weights)[rows]
        forward_and_backward(graph)
        sgd_update([W, b], 0.1)
        costs.append(graph[-1].value)
    assert costs[0] > 1
    assert costs[-1] < 1e-6
    np.testing.assert_allclose(W.value, weights, atol=1e-3)
