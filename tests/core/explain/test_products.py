"""Matrices at work: every product that is shown is one."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mfdebug.core.explain.arithmetic import evaluate
from mfdebug.core.explain.products import (
    MatrixProduct,
    received_products,
    sent_products,
    value_products,
)
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Linear, MatMul, Sum


def products(debugger: Debugger, node: int, index: tuple[int, ...]) -> list[MatrixProduct]:
    """All products of a node at the present moment."""
    edges = debugger.state.contributions(node)
    return [
        *value_products(debugger, node, index),
        *received_products(debugger, node, index, edges),
        *sent_products(debugger, node, index),
    ]


def named(entry: str, debugger: Debugger) -> float:
    """The present number of `W1[0,1]` or `∂cost/∂W1[0,1]`."""
    name, _, index = entry.removesuffix("]").removeprefix("∂cost/∂").partition("[")
    node, state = debugger.graph.index_of(name), debugger.state
    array = state.gradient(node) if entry.startswith("∂") else state.value(node)
    return float(array[tuple(map(int, index.split(",")))])


@pytest.mark.parametrize("name", ["xor", "digits", "linear-regression", "vanishing"])
def test_a_product_is_the_product_of_its_matrices(name: str) -> None:
    debugger = ComputedDebugger(load_graph(name))
    debugger.move(debugger.timeline.position_of("backward", 0) or debugger.timeline.length)
    count = 0
    for node, shape in enumerate(debugger.plan.shapes):
        for product in products(debugger, node, tuple(n - 1 for n in shape)):
            count += 1
            n, m = product.left.shape[0], product.right.shape[1]
            assert product.left.shape[1] == product.right.shape[0]
            assert product.shapes.endswith(f" = {n}x{m}")
            row, column = product.left[product.row], product.right[:, product.column]
            if product.result is not None and "+" not in product.title:
                np.testing.assert_allclose(product.left @ product.right, product.result)
                assert np.isclose(row @ column, product.number)
            if "…" not in product.working:
                terms = re.sub(r" \([\d,]+ terms? (is|are) 0\)$", "", product.working)
                assert np.isclose(evaluate(terms), product.number, atol=1e-4)
    assert count >= 3


def test_the_gradient_of_a_single_consumer_is_called_the_gradient() -> None:
    debugger = ComputedDebugger(load_graph("xor"))
    debugger.move(11)
    weights = debugger.graph.index_of("W2")
    (product,) = received_products(debugger, weights, (1, 0), debugger.state.contributions(weights))
    assert product.title == "∂cost/∂W2 = s1ᵀ · ∂cost/∂l2"
    assert product.shapes == "(2x4)·(4x1) = 2x1"
    assert (product.row, product.column, product.entry) == (1, 0, "∂cost/∂W2[1,0]")


@pytest.mark.parametrize("name", ["xor", "vanishing", "transformer"])
def test_the_entry_that_is_written_out_is_the_number_at_its_right(name: str) -> None:
    debugger = ComputedDebugger(load_graph(name))
    debugger.move(debugger.timeline.position_of("backward", 0) or debugger.timeline.length)
    sent = 0
    for node, shape in enumerate(debugger.plan.shapes):
        for product in products(debugger, node, tuple(n - 1 for n in shape)):
            if product.entry.startswith("("):
                sent += 1
                assert product.title.endswith(product.entry[1:].partition(")[")[0])
                continue
            assert np.isclose(named(product.entry, debugger), product.number), product.entry
    assert sent


def test_a_gradient_of_two_consumers_is_their_sum() -> None:
    x = Input("x", value=[[1.0, 2.0]], trainable=True)
    w = Input("w", value=[[3.0], [4.0]])
    cost = Sum(MatMul(MatMul(x, w, name="a"), MatMul(x, w, name="b"), name="c"), name="cost")
    debugger = ComputedDebugger(Graph.of(cost))
    debugger.move(debugger.timeline.position_of("backward", debugger.graph.index_of("x")) or 0)
    node = debugger.graph.index_of("x")
    found = received_products(debugger, node, (0, 0), debugger.state.contributions(node))
    assert sorted(product.title.split()[1] for product in found) == ["a", "b"]
    assert sum(product.number for product in found) == float(debugger.state.gradient(node)[0, 0])


def test_after_an_update_a_product_of_the_new_weights_is_not_shown() -> None:
    debugger = ComputedDebugger(load_graph("xor"))
    debugger.move(debugger.timeline.length - 1)
    assert value_products(debugger, debugger.graph.index_of("l1"), (0, 0)) == []


def test_a_linear_whose_bias_is_broadcast_to_more_rows_has_no_product() -> None:
    x = Input("x", value=[[1.0, 2.0]])
    w = Input("w", value=[[3.0], [4.0]], trainable=True)
    layer = Linear(x, w, Input("b", value=[1.0]), name="l")
    debugger = ComputedDebugger(Graph.of(Sum(layer, name="cost")))
    debugger.move(2)
    node = debugger.graph.index_of("l")
    (product,) = value_products(debugger, node, (0, 0))
    assert product.title == "l = x·w + b"
    assert product.working == "1 × 3 + 2 × 4 + 1"
