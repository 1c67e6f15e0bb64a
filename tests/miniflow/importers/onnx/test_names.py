"""Names and scopes come from the file, and parameters belong to who uses them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from miniflow import limits
from miniflow.importers.onnx.names import Names, scopes_in
from miniflow.node import Input
from tests.support.onnx_models import NODE, graph, imported, model, scoped

RNG = np.random.default_rng(0)
W = RNG.normal(size=(3, 3))


def trained(proto: onnx.ModelProto) -> list[str]:
    found = graph(proto)
    return [found.nodes[i].label for i in found.trainables]


@pytest.mark.parametrize(
    ("node", "scopes"),
    [
        (NODE("Relu", ["x"], ["y"], name="/block/act/Relu"), ("block", "act", "Relu")),
        # A part of a Sequential.
        (NODE("Relu", ["x"], ["y"], name="/net/net.0/Relu"), ("net", "0", "Relu")),
        (NODE("Relu", ["x"], ["y"], name="Relu_3"), ("Relu_3",)),
        (NODE("Relu", ["x"], ["y"]), ()),
        (
            scoped(NODE("Relu", ["x"], ["y"], name="n"), "", "h.0", "h.0.mlp", "gelu"),
            ("h.0", "mlp", "gelu"),
        ),
        # What is no list of names is not looked at.
        (scoped(NODE("Relu", ["x"], ["y"], name="n")), ("n",)),
    ],
)
def test_scopes_are_read_from_both_exporters(node: onnx.NodeProto, scopes: tuple[str, ...]) -> None:
    assert scopes_in(node) == scopes


def test_metadata_is_not_evaluated() -> None:
    node = NODE("Relu", ["x"], ["y"], name="n")
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="__import__('os').getcwd()")
    assert scopes_in(node) == ("n",)


def test_a_module_that_the_older_exporter_leaves_out_comes_from_the_parameters() -> None:
    nodes = [NODE("MatMul", ["x", "net.fc.weight"], ["y"], name="/fc/MatMul")]
    found = graph(model(nodes, initializers={"net.fc.weight": W}))
    assert found.names() == ["x", "net.fc.weight", "net.fc.MatMul", "cost"]


def test_layers_of_one_recurrent_module_are_counted() -> None:
    names = ["w0", "r0", "w1", "r1"]
    nodes = [
        scoped(NODE("RNN", ["x", "w0", "r0"], ["a"], hidden_size=3), "", "rnn", "a"),
        NODE("Squeeze", ["a", "axis"], ["b"], name="squeeze"),
        scoped(NODE("RNN", ["b", "w1", "r1"], ["y"], hidden_size=3), "", "rnn", "y"),
    ]
    numbers: dict[str, np.ndarray] = {name: RNG.normal(size=(1, 3, 3)) for name in names}
    proto = model(nodes, {"x": (4, 2, 3)}, initializers={**numbers, "axis": np.array([1])})
    assert trained(proto) == [
        f"rnn.weight_{role}_l{level}" for level in (0, 1) for role in ("ih", "hh")
    ]


def test_several_nodes_of_one_operation_are_a_scope() -> None:
    nodes = [
        scoped(NODE("MatMul", ["x", "fc.weight"], ["m"]), "", "fc", "linear"),
        scoped(NODE("Add", ["m", "fc.bias"], ["y"]), "", "fc", "linear"),
    ]
    found = graph(model(nodes, initializers={"fc.weight": W, "fc.bias": W[0]}))
    assert found.names() == [
        "x",
        "fc.weight",
        "fc.bias",
        "fc.linear.MatMul",
        "fc.linear.Add",
        "cost",
    ]


def test_a_node_without_scopes_is_where_its_neighbours_are() -> None:
    nodes = [
        scoped(NODE("Relu", ["x"], ["a"]), "", "h", "h.fc", "relu"),
        NODE("Neg", ["a"], ["b"], name="node_Neg_3"),
        scoped(NODE("Relu", ["b"], ["y"]), "", "h", "h.out", "relu"),
    ]
    assert "h.b" in graph(model(nodes)).names()


def test_a_made_up_name_gives_way_to_what_the_parameter_is() -> None:
    nodes = [
        NODE("MatMul", ["x", "onnx::MatMul_7"], ["m"], name="/fc/MatMul"),
        NODE("Conv", ["z", "val_3", "val_4"], ["c"], name="/conv/Conv"),
    ]
    proto = model(
        nodes,
        {"x": (2, 3), "z": (1, 3, 4)},
        ["m", "c"],
        {"onnx::MatMul_7": W, "val_3": W[:, :, None], "val_4": W[0]},
    )
    made = imported(proto)
    sources = [node.label for output in made.outputs for node in output.inbound_nodes]
    assert sources == ["x", "fc.weight", "z", "conv.weight", "conv.bias"]


def test_a_group_norm_in_parts_has_its_two_parameters() -> None:
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    scale, shift = np.full((4, 1), 1.0, np.float32), np.full((4, 1), 0.0, np.float32)
    nodes = [
        scoped(NODE("Reshape", ["x", "groups"], ["g"]), "", "norm", "group_norm"),
        scoped(NODE("InstanceNormalization", ["g", "val_1", "val_2"], ["i"]), "", "norm", "gn"),
        scoped(NODE("Reshape", ["i", "whole"], ["w"]), "", "norm", "gn"),
        scoped(NODE("Mul", ["w", "val_3"], ["m"]), "", "norm", "gn"),
        scoped(NODE("Add", ["m", "val_4"], ["y"]), "", "norm", "gn"),
    ]
    shapes = {"groups": np.array([1, 2, 6]), "whole": np.array([1, 4, 3])}
    weights = {"val_1": ones, "val_2": zeros, "val_3": scale, "val_4": shift}
    proto = model(nodes, {"x": (1, 4, 3)}, initializers={**shapes, **weights})
    assert trained(proto) == ["norm.weight", "norm.bias"]


def norms(weight: np.ndarray) -> onnx.ModelProto:
    nodes = [
        NODE(
            "LayerNormalization", ["x", "a.norm.weight"], ["p"], name="/a/norm/LayerNormalization"
        ),
        NODE(
            "LayerNormalization", ["p", "a.norm.weight"], ["y"], name="/b/norm/LayerNormalization"
        ),
    ]
    return model(nodes, initializers={"a.norm.weight": weight})


def test_equal_fills_that_an_exporter_merged_are_parameters_of_their_own() -> None:
    assert trained(norms(np.ones(3))) == ["a.norm.weight", "b.norm.weight"]


def test_other_numbers_with_several_uses_are_one_tied_parameter() -> None:
    assert trained(norms(W[0])) == ["a.norm.weight"]


def test_one_scope_has_one_parameter_of_a_fill() -> None:
    nodes = [
        NODE("Mul", ["x", "cell.gain"], ["p"], name="/cell/Mul"),
        NODE("Mul", ["p", "cell.gain"], ["y"], name="/cell/Mul_1"),
    ]
    assert trained(model(nodes, initializers={"cell.gain": np.ones(3)})) == ["cell.gain"]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_with_the_numbers_of_another_is_tied_to_it(transposed: bool) -> None:
    big = RNG.normal(size=(5, 5))
    nodes = [
        NODE("MatMul", ["x", "first.weight"], ["p"], name="/first/MatMul"),
        NODE("MatMul", ["p", "onnx::MatMul_9"], ["y"], name="/second/MatMul"),
    ]
    copy = big.T if transposed else big
    proto = model(nodes, {"x": (2, 5)}, initializers={"first.weight": big, "onnx::MatMul_9": copy})
    assert trained(proto) == ["first.weight"]


def test_small_or_repeated_matrices_are_equal_by_chance() -> None:
    nodes = [NODE("MatMul", ["x", "a"], ["p"]), NODE("MatMul", ["p", "b"], ["y"])]
    assert trained(model(nodes, initializers={"a": W, "b": W})) == ["a", "b"]


def test_what_is_no_weight_is_not_trained() -> None:
    mask = np.where(np.tri(3) > 0, 0, -np.inf)
    nodes = [
        NODE("MatMul", ["x", "w"], ["p"]),
        NODE("Add", ["p", "mask"], ["q"]),
        NODE("Add", ["q", "lowest"], ["r"]),
        NODE("Mul", ["r", "scale"], ["s"]),
        NODE("PRelu", ["s", "slope"], ["y"]),
    ]
    proto = model(
        nodes,
        {"x": (3, 3)},
        initializers={
            "w": W,
            "mask": mask,
            "lowest": np.full((3, 3), -3.4e38),
            "scale": np.float32(0.5),
            "slope": np.full(1, 0.25),
        },
    )
    assert trained(proto) == ["w", "slope"]


def test_hostile_and_long_names_are_printable_and_each_is_unique() -> None:
    names = Names([])
    hostile = ["\x1b[2J", "a" * 5000, "", "/", "\u202e", "x", "x", "x_2"]
    given = [names.unique(name) for name in hostile]
    assert len(set(given)) == len(hostile)
    assert all(name.isprintable() and len(name) <= limits.NAME_LENGTH for name in given)


def test_a_float_that_nothing_differentiates_through_is_no_node() -> None:
    nodes = [NODE("Reshape", ["x", "shape"], ["y"])]
    found = graph(model(nodes, initializers={"shape": np.array([3, 2])}))
    assert [node.label for node in found.nodes if isinstance(node, Input)] == ["x"]
