"""A model and what makes a graph of it: its cost, its labels, its feeds."""

from __future__ import annotations

import numpy as np
import pytest

from miniflow.errors import FeedError, GraphError
from miniflow.graph import Graph
from miniflow.importers.model import ImportedModel, ModelInput, graph_of
from miniflow.node import Input, Node
from miniflow.ops import (
    Add,
    Concat,
    Div,
    Exp,
    MatMul,
    Sigmoid,
    Softmax,
    Sub,
    Sum,
    Take,
)
from tests.support.onnx_models import passed


def model_of(outputs: int = 1) -> ImportedModel:
    """Return x·W, and maybe its sum."""
    x = Input("x")
    weights = Input("l.W", value=np.arange(6.0).reshape(2, 3), trainable=True)
    y = MatMul(x, weights, name="l.y")
    both: list[Node] = [y, Sum(y, name="total")]
    inputs = [ModelInput(x, (4, 2), np.dtype("f4"))]
    return ImportedModel("m", inputs, both[:outputs], notes=["Read well."])


def cost_of(graph: Graph) -> str:
    """Return what the cost is: its op and its inputs."""
    node = graph.nodes[graph.cost]
    return f"{type(node).__name__} of {', '.join(n.label for n in node.inbound_nodes)}"


def test_a_scalar_output_is_the_cost_unless_another_is_chosen() -> None:
    assert cost_of(graph_of(model_of(2))) == "Sum of l.y"
    assert graph_of(model_of(2)).nodes[-1].label == "total"
    chosen = graph_of(model_of(2), cost="mse")
    assert cost_of(chosen) == "MSE of labels, l.y"
    assert "total" not in chosen.names()
    with pytest.raises(GraphError, match="the cost 'max' is not one of cross-entropy, mse, sum"):
        graph_of(model_of(), cost="max")  # type: ignore[arg-type]


def test_labels_choose_the_cost_by_their_type() -> None:
    whole = graph_of(model_of(), labels=[0, 1, 2, 0])
    assert cost_of(whole) == "SoftmaxCrossEntropy of l.y, labels"
    assert whole.nodes[whole.index_of("labels")].value.dtype.kind == "i"
    assert cost_of(graph_of(model_of(), labels=np.zeros((4, 3)))) == "MSE of labels, l.y"
    one_hot = graph_of(model_of(), cost="cross-entropy", labels=np.eye(3)[[0, 1, 2, 0]])
    assert one_hot.shapes()[one_hot.cost] == ()
    with pytest.raises(FeedError, match="a sum takes no labels"):
        graph_of(model_of(), cost="sum", labels=[1, 2, 0, 0])


def test_the_description_says_what_was_chosen_and_drawn() -> None:
    assert graph_of(model_of(), cost="cross-entropy", seed=3).description.splitlines() == [
        "Read well.",
        "Drawn at random with seed 3, as nothing was fed: x (4x2, normal); "
        "--feed NAME=FILE.npy gives real ones.",
        "The cost is the cross-entropy of the softmax of l.y with labels.",
        "Drawn at random with seed 3: labels (4, integers below 3); --labels gives real ones.",
    ]


def test_feeds_may_have_another_batch() -> None:
    graph = graph_of(model_of(), cost="cross-entropy", feeds={"x": np.ones((7, 2))})
    assert graph.shapes()[graph.index_of("labels")] == (7,)
    with pytest.raises(FeedError, match="no input 'y'; its inputs: x"):
        graph_of(model_of(), feeds={"y": 1.0})


def test_integers_are_drawn_below_their_bound() -> None:
    tokens = Input("tokens")
    mask = Input("mask")
    table = Input("table", value=np.ones((3, 2)), trainable=True)
    rows = Take(table, tokens, name="rows")
    y = Add(rows, mask, name="y")
    inputs = [
        ModelInput(tokens, (50,), np.dtype("i8")),
        ModelInput(mask, (50, 2), np.dtype("bool")),
    ]
    graph = graph_of(ImportedModel("m", inputs, [y]))
    assert set(graph.nodes[graph.index_of("tokens")].value.tolist()) == {0, 1, 2}
    assert graph.nodes[graph.index_of("mask")].value.all()
    assert "mask (50x2, all true)" in graph.description


def test_names_of_the_cost_do_not_take_those_of_the_model() -> None:
    x = Input("cost", value=np.ones(3), trainable=True)
    y = Add(x, x, name="labels")
    graph = graph_of(ImportedModel("m", [], [y]), cost="mse")
    assert graph.names() == ["cost", "labels", "labels2", "cost2"]


def classifier(kind: str) -> ImportedModel:
    """Return three rows of probabilities of two classes, in one of the forms that files have."""
    x = Input("x", value=np.array([[0.3, -0.2], [1.0, 2.0], [-1.0, 0.5]]), trainable=True)
    if kind == "softmax":
        output: Node = Softmax(x, name="p")
    elif kind == "normalized":
        size = Exp(x, name="e")
        output = Div(size, Sum(size, axis=[1], keepdims=True, name="total"), name="p")
    elif kind == "sigmoids":
        sign = Input("sign", value=np.array([[-1.0, 1.0], [-1.0, 1.0]]) / 2)
        output = Sigmoid(MatMul(x, sign, name="z"), name="p")
    else:
        p = Sigmoid(Take(x, Input("first", value=np.array([0])), axis=1, name="z"), name="s")
        output = Concat(Sub(Input("one", value=1.0), p, name="rest"), p, axis=1, name="p")
    return ImportedModel("m", [], [output])


@pytest.mark.parametrize("kind", ["softmax", "normalized", "sigmoids", "both"])
def test_probabilities_go_through_no_second_softmax(kind: str) -> None:
    labels = [0, 1, 1]
    p = passed(graph_of(classifier(kind), cost="sum"))
    rows = p.value(p.graph.index_of("p"))
    graph = graph_of(classifier(kind), labels=labels)
    plan = passed(graph)
    assert plan.cost() == pytest.approx(-np.log(rows[range(3), labels]).mean())
    words = "softmax of x" if kind == "softmax" else "probabilities of p"
    assert graph.description == f"The cost is the cross-entropy of the {words} with labels."


def test_numbers_over_others_are_scores_unless_they_are_probabilities() -> None:
    x = Input("x", value=np.array([[1.0, 2.0], [3.0, 4.0]]), trainable=True)
    for divisor, op in ((2.0, "SoftmaxCrossEntropy"), (np.array([[3.0], [7.0]]), "NLL")):
        y = Div(x, Input("d", value=divisor), name="y")
        graph = graph_of(ImportedModel("m", [], [y]), labels=[0, 1])
        assert type(graph.nodes[graph.cost]).__name__ == op


def test_a_class_that_does_not_exist_is_refused() -> None:
    for labels, wrong in (([0, 1, 2, 3], 3), ([-1, 0, 0, 0], -1)):
        with pytest.raises(FeedError, match=f"class numbers are from 0 to 2, not {wrong}"):
            graph_of(model_of(), labels=labels)
