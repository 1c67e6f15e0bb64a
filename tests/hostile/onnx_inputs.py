"""Hostile .onnx files: shipped ones with fields changed to what a reader may not expect."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import onnx
from onnx import helper

from tests.support.paths import ROOT

MODELS = ROOT / "graphs" / "models"
SHIPPED = ("lenet", "lstm", "sklearn-digits", "sklearn-diabetes", "resnet-block")
SIZES = (0, 1, 2, 7, 2**20, 2**31, 2**40, 2**62, -1, -(2**40))
LOCATIONS = (
    "../secret.csv",
    "/etc/passwd",
    "link.csv",
    "lenet.onnx.data",
    "",
    ".",
    "a\0b",
    "m.onnx",
)
OPS = (
    "Loop", "If", "Scan", "RandomNormal", "ConstantOfShape", "Expand", "Range", "Tile", "OneHot",
    "Resize", "Pad", "Reshape", "Gather", "Conv", "Gemm", "NoSuchOp", "SequenceConstruct", "Cast",
    "StringNormalizer", "Det", "Identity", "LSTM", "Split", "Slice", "Concat", "Where", "Einsum",
)  # fmt: skip
NAMES = ("", "x", "\u202e", "a/b/c", "é" * 300, "onnx::MatMul_1", "cost", "\x1b[2J", "a.b", ".")


@cache
def _shipped(name: str) -> bytes:
    return (MODELS / f"{name}.onnx").read_bytes()


def onnx_form(random: Random) -> bytes:
    """Return a shipped model with a few fields changed."""
    model = onnx.ModelProto.FromString(_shipped(random.choice(SHIPPED)))
    for _ in range(random.choice((1, 1, 2, 4))):
        random.choice(_CHANGES)(random, model.graph)
    if random.random() < 0.1:
        del model.opset_import[:]
        model.opset_import.append(helper.make_opsetid("", random.choice((0, 1, 6, 13, 99))))
    return bytes(model.SerializeToString())


def _dims(random: Random, graph: Any) -> None:
    tensor = random.choice(graph.initializer)
    tensor.dims[:] = [random.choice(SIZES) for _ in range(random.randrange(10))]


def _type(random: Random, graph: Any) -> None:
    random.choice(graph.initializer).data_type = random.randrange(30)


def _external(random: Random, graph: Any) -> None:
    tensor = random.choice(graph.initializer)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    given = {
        "location": random.choice(LOCATIONS),
        "offset": str(random.choice(SIZES)),
        "length": random.choice(("x", *map(str, SIZES))),
    }
    for key, value in given.items():
        tensor.external_data.add(key=key, value=value)


def _rewire(random: Random, graph: Any) -> None:
    node, other = random.choice(graph.node), random.choice(graph.node)
    if node.input:
        node.input[random.randrange(len(node.input))] = random.choice(
            [*other.output, *other.input, ""]
        )


def _rename(random: Random, graph: Any) -> None:
    node = random.choice(graph.node)
    node.name = random.choice(NAMES)
    if random.random() < 0.3:
        node.output[0] = random.choice(NAMES)


def _op(random: Random, graph: Any) -> None:
    node = random.choice(graph.node)
    node.op_type = random.choice(OPS)
    if random.random() < 0.2:
        node.domain = random.choice(("com.microsoft", "ai.onnx.ml", "\x1b"))


def _attribute(random: Random, graph: Any) -> None:
    node = random.choice(graph.node)
    if node.attribute and random.random() < 0.5:
        del node.attribute[random.randrange(len(node.attribute))]
    else:
        name = random.choice(
            ("axis", "axes", "kernel_shape", "pads", "perm", "to", "group", "split")
        )
        value = random.choice(
            (3, [1, 2], random.choice(SIZES), 0.5, "x", [random.choice(SIZES)] * 3)
        )
        node.attribute.append(helper.make_attribute(name, value))


def _metadata(random: Random, graph: Any) -> None:
    node = random.choice(graph.node)
    del node.metadata_props[:]
    value = random.choice(
        ("[" * 5000, "['', 'a.b', 'c']", "[1]", "__import__('os')", "['\x1b']", "{}")
    )
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=value)


def _ends(random: Random, graph: Any) -> None:
    if random.random() < 0.5 and graph.input:
        shape = graph.input[0].type.tensor_type.shape
        del shape.dim[:]
        for _ in range(random.randrange(6)):
            shape.dim.add(dim_value=random.choice(SIZES))
    else:
        graph.output[0].name = random.choice([*NAMES, *random.choice(graph.node).output])


def _bomb(random: Random, graph: Any) -> None:
    """Let a few bytes ask for much memory."""
    shape = helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [2**20, 2**20])
    graph.initializer.append(shape)
    made = helper.make_node("ConstantOfShape", ["shape"], ["bomb"])
    used = helper.make_node("Add", [graph.node[-1].output[0], "bomb"], ["exploded"])
    graph.node.extend([made, used])
    graph.output[0].name = "exploded"


_CHANGES: list[Callable[[Random, Any], None]] = [
    _dims, _type, _external, _rewire, _rewire, _rename, _op, _op, _attribute, _attribute,
    _metadata, _ends, _bomb,
]  # fmt: skip
