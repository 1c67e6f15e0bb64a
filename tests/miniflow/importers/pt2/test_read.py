"""What is read of a .pt2 file: names, ties, sizes, kinds of inputs, calls that are not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow.errors import FeedError, GraphError
from miniflow.files import load as load_graph
from miniflow.files import save
from miniflow.importers.pt2 import load, read
from miniflow.importers.pt2.not_computed import NotComputed
from miniflow.node import Input
from miniflow.ops import BatchNorm
from miniflow.plans.compile import compile_plan
from tests.miniflow.importers.pt2.archives import (
    FILES,
    Model,
    changed,
    costs_and_gradients,
    feeds_of,
    nodes_of,
)


def test_nodes_are_named_after_their_modules_and_parameters_as_in_the_module() -> None:
    graph = load(FILES / "mlp.pt2", feeds_of("mlp"))
    assert graph.names() == [
        "x",
        "target",
        "model.0.weight",
        "model.0.bias",
        "model.0.weight_T",
        "model.0.linear",
        "model.1.tanh",
        "model.2.weight",
        "model.2.bias",
        "model.2.weight_T",
        "model.2.linear",
        "model.3.relu",
        "model.4.weight",
        "model.4.bias",
        "model.4.weight_T",
        "model.4.linear",
        "cross_entropy_loss",
    ]
    assert graph.name == "mlp"
    assert graph.nodes[graph.cost].label == "cross_entropy_loss"
    assert len(graph.fingerprint) == 64


def test_a_parameter_with_two_names_is_one_input() -> None:
    model = read(FILES / "nanogpt.pt2")
    graph = load(FILES / "nanogpt.pt2", feeds_of("nanogpt"))
    tied = graph.index_of("transformer.wte.weight")
    users = {graph.nodes[consumer].label for consumer, _ in graph.consumers[tied]}
    assert users == {"transformer.wte.embedding", "lm_head.weight_T"}
    assert "lm_head.weight" not in graph.names()
    assert model.notes == [
        "lm_head.weight is transformer.wte.weight: both names are of one parameter."
    ]


def test_a_batch_norm_begins_with_the_running_statistics_of_the_file() -> None:
    graph = load(FILES / "resnet.pt2", feeds_of("resnet"))
    norms = [node for node in graph.nodes if isinstance(node, BatchNorm)]
    assert [node.label for node in norms] == [
        "model.1.bn1.batch_norm",
        "model.1.bn2.batch_norm",
    ]
    for norm in norms:
        assert norm.attrs["training"]
        assert norm.state["running_var"].min() >= 0.5


def test_symbolic_sizes_are_those_of_what_is_fed() -> None:
    feeds = feeds_of("mlp")
    two = {"x": feeds["x"][:2], "target": feeds["target"][:2]}
    graph = load(FILES / "mlp.pt2", two)
    assert graph.shapes()[graph.index_of("model.0.linear")] == (2, 5)
    assert load(FILES / "mlp.pt2").shapes()[0] == (6, 3)


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ({"x": (2, 4)}, "its value has shape 2x4, the model takes ?x3"),
        ({"x": (2,)}, "its value has shape 2, the model takes ?x3"),
        ({"x": (2, 3), "target": (3,)}, "its value has shape 3, the model takes ?"),
    ],
)
def test_what_is_fed_fits_the_model(shapes: dict[str, Any], problem: str) -> None:
    with pytest.raises(FeedError) as raised:
        read(FILES / "mlp.pt2", shapes)
    assert raised.value.problem == problem


def test_without_feeds_numbers_are_drawn_and_the_description_says_so() -> None:
    first, second = load(FILES / "mlp.pt2"), load(FILES / "mlp.pt2")
    assert first.description == (
        "Drawn at random with seed 0, as nothing was fed: x (6x3, normal), "
        "target (6, integers below 3); --feed NAME=FILE.npy gives real ones.\n"
        "The cost is the model's output cross_entropy_loss."
    )
    x = first.nodes[0]
    assert np.array_equal(x.value, second.nodes[0].value)
    assert costs_and_gradients(first)[0] == costs_and_gradients(second)[0]
    other = load(FILES / "mlp.pt2", seed=1)
    assert not np.array_equal(x.value, other.nodes[0].value)


def _scores(model: Model) -> None:
    """Have the model give the scores instead of the cost."""
    last = nodes_of(model)[-2]["outputs"][0]
    graph = model["graph_module"]["graph"]
    graph["outputs"] = [last]
    model["graph_module"]["signature"]["output_specs"] = [{"user_output": {"arg": last}}]


def test_a_model_without_a_cost_gets_one(tmp_path: Path) -> None:
    path = changed(tmp_path / "scores.pt2", _scores)
    feeds = feeds_of("mlp")
    labels = feeds.pop("target")
    graph = load(path, feeds, labels=labels)
    wanted = load(FILES / "mlp.pt2", feeds_of("mlp"))
    cost, gradients = costs_and_gradients(graph)
    assert cost == costs_and_gradients(wanted)[0]
    for name, gradient in costs_and_gradients(wanted)[1].items():
        assert np.array_equal(gradients[name], gradient)
    assert graph.names()[-2:] == ["labels", "cost"]
    assert graph.description == (
        "The cost is the cross-entropy of the softmax of model.4.linear with labels."
    )
    assert "sum of the entries" in load(path, feeds).description
    assert "mean square error" in load(path, feeds, cost="mse").description
    with pytest.raises(FeedError, match="2 class numbers do not fit scores 6x3"):
        load(path, feeds, labels=[0, 1])


def test_frozen_parameters_are_not_trained(tmp_path: Path) -> None:
    def freeze(model: Model) -> None:
        values = model["graph_module"]["graph"]["tensor_values"]
        values["p_model_0_weight"]["requires_grad"] = False

    graph = load(changed(tmp_path / "frozen.pt2", freeze), feeds_of("mlp"))
    frozen = graph["model.0.weight"]
    assert isinstance(frozen, Input)
    assert not frozen.trainable
    assert len(graph.trainables) == 5


def test_an_unknown_op_is_a_node_that_is_not_computed(tmp_path: Path) -> None:
    def rename(model: Model) -> None:
        tanh = next(node for node in nodes_of(model) if "tanh" in node["target"])
        tanh["target"] = "torch.ops.aten.special_i0.default"

    graph = load(changed(tmp_path / "m.pt2", rename), feeds_of("mlp"))
    node = graph["model.1.special_i0"]
    assert isinstance(node, NotComputed)
    assert graph.shapes()[graph.index_of("model.1.special_i0")] == (6, 5)
    plan = compile_plan(graph)
    i = graph.index_of("model.1.special_i0")
    for before in graph.forward_nodes:
        if before < i:
            plan.forward(before)
    with pytest.raises(GraphError) as raised:
        plan.forward(i)
    assert str(raised.value) == (
        "model.1.special_i0: not computed: ATen op aten.special_i0.default is unknown"
    )


def test_a_known_op_with_an_unknown_argument_says_which(tmp_path: Path) -> None:
    def weigh(model: Model) -> None:
        for argument in nodes_of(model)[-1]["inputs"]:
            if argument["name"] == "target":
                break
        nodes_of(model)[-1]["inputs"].append(
            {"name": "label_smoothing", "arg": {"as_float": 0.5}, "kind": 1}
        )

    graph = load(changed(tmp_path / "m.pt2", weigh), feeds_of("mlp"))
    node = graph.nodes[graph.cost]
    assert isinstance(node, NotComputed)
    assert node.reason == "with label_smoothing=0.5 is unknown"


def test_a_graph_trains(tmp_path: Path) -> None:
    graph = load(FILES / "mlp.pt2", feeds_of("mlp"))
    costs = graph.train(20)
    assert costs[-1] < costs[0]


@pytest.mark.parametrize("name", ["mlp", "nanogpt", "resnet"])
def test_a_model_is_saved_as_a_graph_file(name: str, tmp_path: Path) -> None:
    graph = load(FILES / f"{name}.pt2", feeds_of(name))
    save(graph, tmp_path / "g.json")
    cost, gradients = costs_and_gradients(load_graph(tmp_path / "g.json"))
    wanted, wanted_gradients = costs_and_gradients(graph)
    assert cost == wanted
    for key, gradient in wanted_gradients.items():
        assert np.array_equal(gradients[key], gradient)
