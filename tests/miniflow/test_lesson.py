"""Programs in the lesson's three printings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import miniflow
from miniflow import (
    MSE,
    Add,
    Input,
    Linear,
    Mul,
    Sigmoid,
    forward_and_backward,
    forward_pass,
    sgd_update,
    topological_sort,
)


def test_the_star_import_gives_a_program_all_it_needs() -> None:
    names: dict[str, Any] = {}
    exec("from miniflow import *", names)
    for name in ("np", "Input", "Node", "Neuron", "Layer", "Add", "Mul", "Linear", "Sigmoid"):
        assert name in names
    for name in ("MSE", "topological_sort", "forward_pass", "forward_and_backward", "sgd_update"):
        assert name in names
    assert names["Neuron"] is names["Layer"] is names["Node"]
    assert all(hasattr(miniflow, name) for name in miniflow.__all__)


def test_the_opening_example_takes_w_to_2() -> None:
    w, x, wanted = Input(), Input(), Input()
    cost = MSE(wanted, Mul(w, x))
    graph = topological_sort({w: 5.0, x: 10, wanted: 20})
    for _ in range(200):
        forward_and_backward(graph)
        sgd_update([w], learning_rate=0.001)
    assert w.value == pytest.approx(2)
    assert cost.value == pytest.approx(0)


def test_both_forward_passes() -> None:
    x, y, z = Input(), Input(), Input()
    f = Add(x, y, z)
    graph = topological_sort({x: 4, y: 5, z: 10})
    assert forward_pass(f, graph) == 19
    assert forward_pass(graph) is None
    assert graph[-1].value == 19


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: Add(x, y),
        lambda x, y: Add([x, y]),
        lambda x, y: Add(x, y, name="s"),
        lambda x, y: Add(x, y, "s"),
        lambda x, y: Add([x, y], name="s"),
    ],
)
def test_the_forms_of_add(make: Any) -> None:
    x, y = Input("x"), Input("y")
    node = make(x, y)
    forward_pass(topological_sort({x: 2, y: 3}))
    assert node.value == 5
    assert node.inbound_nodes == node.inbound_layers == node.inbound_neurons == [x, y]
    assert x.outbound_nodes == x.outbound_layers == x.outbound_neurons == [node]


def test_the_first_printings_linear_takes_lists_of_numbers() -> None:
    inputs = [Input() for _ in range(3)]
    weights = [Input() for _ in range(3)]
    bias = Input()
    f = Linear(inputs, weights, bias)
    feed = {**dict(zip(inputs, [6, 14, 3], strict=True)), bias: 2}
    feed |= dict(zip(weights, [0.5, 0.25, 1.4], strict=True))
    assert forward_pass(f, topological_sort(feed)) == pytest.approx(12.7)


def test_linear_and_sigmoid_with_matrices() -> None:
    X, W, b = Input(), Input(), Input()
    g = Sigmoid(Linear(X, W, b))
    feed = {X: [[-1.0, -2], [-1, -2]], W: np.array([[2, -3], [2, -3]]), b: [-3, -5]}
    graph = topological_sort(feed)
    forward_pass(graph)
    row = [1.2339457598623172e-04, 9.82013790037908442e-01]
    np.testing.assert_allclose(g.value, [row, row], rtol=1e-15)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_the_cost_of_the_lesson(shape: tuple[int, ...]) -> None:
    y, a = Input(), Input()
    cost = MSE(y, a)
    feed = {y: np.array([1, 2, 3]), a: np.array([4.5, 5, 10]).reshape(shape)}
    forward_pass(topological_sort(feed))
    assert cost.value == pytest.approx(23.416666666666668)


def test_an_early_cost_compares_with_its_ideal_output() -> None:
    a = Input("a")
    cost = MSE(a)
    cost.ideal_output = [1.0, 2.0]
    forward_and_backward(topological_sort({a: [2.0, 4.0]}))
    assert cost.value == 2.5
    np.testing.assert_allclose(a.gradients[a], [1.0, 2.0])


def test_the_gradient_quiz() -> None:
    X, W, b, y = Input(), Input(), Input(), Input()
    a = Sigmoid(Linear(X, W, b))
    MSE(y, a)
    feed = {X: np.array([[-1.0, -2], [-1, -2]]), W: np.array([[2.0], [3]])}
    graph = topological_sort({**feed, b: np.array([-3.0]), y: np.array([1.0, 2])})
    forward_and_backward(graph)
    np.testing.assert_allclose(
        X.gradients[X], [[-3.34017280e-05, -5.01025919e-05], [-6.68040138e-05, -1.00206021e-04]]
    )
    np.testing.assert_allclose(W.gradients[W], [[5.01028709e-05], [1.00205742e-04]])
    np.testing.assert_allclose(b.gradients[b], [-5.01028709e-05])
