"""Inputs of a model: open sizes, integers, and numbers that decide about shapes."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest

from miniflow.errors import FeedError, GraphError
from tests.support.onnx_models import INT64, NODE, graph, imported, model, passed

RNG = np.random.default_rng(0)


def embedding() -> onnx.ModelProto:
    nodes = [
        NODE("Gather", ["table", "tokens"], ["e"]),
        NODE("ReduceMean", ["e"], ["y"], keepdims=0),
    ]
    return model(
        nodes,
        {"tokens": ("batch", 4)},
        initializers={"table": np.arange(10.0).reshape(5, 2)},
        types={"tokens": INT64},
    )


def test_a_symbolic_size_is_that_of_what_is_fed() -> None:
    proto = model([NODE("Add", ["a", "b"], ["y"])], {"a": ("N", 3), "b": ("N", 3)})
    made = imported(proto, {"a": np.ones((5, 3))})
    assert [given.shape for given in made.inputs] == [(5, 3), (5, 3)]
    assert not made.notes


@pytest.mark.parametrize(
    ("a", "b", "wrong"),
    [
        ((5, 4), (5, 3), "a: its value has shape 5x4, the model takes ?x3"),
        ((5,), (5, 3), "a: its value has shape 5, the model takes ?x3"),
        ((5, 3), (4, 3), "b: its value has shape 4x3, the model takes ?x3"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    a: tuple[int, ...], b: tuple[int, ...], wrong: str
) -> None:
    proto = model([NODE("Add", ["a", "b"], ["y"])], {"a": ("N", 3), "b": ("N", 3)})
    with pytest.raises(FeedError, match=re.escape(wrong)):
        imported(proto, {"a": np.ones(a), "b": np.ones(b)})


def test_a_size_that_nothing_decides_is_1_and_that_is_said() -> None:
    made = imported(model([NODE("Relu", ["x"], ["y"])], {"x": ("N", 3)}))
    assert made.inputs[0].shape == (1, 3)
    assert made.notes == [
        "x has the shape 1x3: a size that the file leaves open (N) is 1; --feed gives others."
    ]


def test_integers_are_drawn_below_the_rows_of_the_table_and_stay_inputs() -> None:
    found = graph(embedding())
    tokens = found["tokens"]
    assert np.asarray(tokens.value).max() < 5
    found.feed("tokens", [[4, 4, 4, 4]])
    assert passed(found).cost() == pytest.approx(8.5)


def test_labels_and_the_choice_of_a_cost() -> None:
    proto = model([NODE("MatMul", ["x", "w"], ["y"])], initializers={"w": RNG.normal(size=(3, 4))})
    x = RNG.normal(size=(2, 3))
    entropy = graph(proto, {"x": x}, labels=[1, 3])
    assert type(entropy.nodes[entropy.cost]).__name__ == "SoftmaxCrossEntropy"
    squares = graph(proto, {"x": x}, labels=np.zeros((2, 4)))
    assert type(squares.nodes[squares.cost]).__name__ == "MSE"
    with pytest.raises(FeedError, match="the model has no input 'z'; its inputs: x"):
        graph(proto, {"z": x})


def reshaped() -> onnx.ModelProto:
    nodes = [NODE("Reshape", ["x", "shape"], ["y"])]
    return model(nodes, {"x": (2, 3), "shape": (1,)}, types={"shape": INT64})


def test_numbers_that_decide_about_a_shape_are_kept_and_that_is_said() -> None:
    made = imported(reshaped(), {"shape": np.array([6])})
    assert made.notes[-1] == (
        "y needs numbers of shape before any pass: it keeps those that shape has now."
    )


def test_numbers_that_decide_about_a_shape_must_be_fed() -> None:
    with pytest.raises(GraphError, match="needs the numbers of shape before any pass") as caught:
        imported(reshaped())
    assert caught.value.hint == "feed them: --feed shape=..."


def test_an_output_that_is_an_input_is_a_node() -> None:
    found = graph(model([NODE("Identity", ["x"], ["y"])], {"x": (1, 2)}), {"x": [[1.0, 2.0]]})
    assert found.names() == ["x", "y", "cost"]


def test_a_model_of_constants_has_nothing_to_step_through() -> None:
    proto = model([NODE("Neg", ["c"], ["y"])], {}, initializers={"c": np.array([2])})
    with pytest.raises(GraphError, match="there is nothing to step through"):
        imported(proto)


def test_only_what_a_float_output_needs_is_read() -> None:
    nodes = [NODE("Relu", ["x"], ["y"]), NODE("ArgMax", ["y"], ["label"])]
    proto = model(nodes)
    proto.graph.output.append(onnx.helper.make_tensor_value_info("label", INT64, None))
    assert [output.label for output in imported(proto).outputs] == ["y"]
