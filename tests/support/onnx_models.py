"""Small ONNX models, and the graphs that become of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from miniflow.graph import Graph
from miniflow.importers.model import ImportedModel, graph_of
from miniflow.importers.onnx.walk import Walk
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan

FLOAT, INT64, BOOL = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL
Size = int | str | None
NODE = helper.make_node


def scoped(node: onnx.NodeProto, *paths: str) -> onnx.NodeProto:
    """Return a node with the metadata of PyTorch's newer exporter."""
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(list(paths)))
    return node


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[Size]] | None = None,
    outputs: Iterable[str] = ("y",),
    initializers: Mapping[str, Any] | None = None,
    *,
    opset: int = 18,
    types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """Return a model; floats become float32, and `types` has the inputs that are not float32."""
    arrays = {name: np.asarray(value) for name, value in (initializers or {}).items()}
    graph = helper.make_graph(
        list(nodes),
        "model",
        [
            helper.make_tensor_value_info(name, (types or {}).get(name, FLOAT), list(shape))
            for name, shape in ({"x": (2, 3)} if inputs is None else inputs).items()
        ],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [
            numpy_helper.from_array(a.astype(np.float32) if a.dtype.kind == "f" else a, name)
            for name, a in arrays.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def imported(
    proto: onnx.ModelProto, feeds: Mapping[str, Any] | None = None, path: Path = Path("m.onnx")
) -> ImportedModel:
    """Return the nodes of a model."""
    return Walk(proto, path, dict(feeds or {})).run()


def graph(proto: onnx.ModelProto, feeds: Mapping[str, Any] | None = None, **options: Any) -> Graph:
    """Return the graph of a model; the options are those of `graph_of`."""
    return graph_of(imported(proto, feeds), feeds=feeds, **options)


def passed(found: Graph) -> Plan:
    """Return the plan of a graph after one pass, forward and backward."""
    plan = compile_plan(found)
    plan.feed(0)
    for i in range(len(found)):
        plan.forward(i)
    for i in found.backward_nodes:
        plan.backward(i)
    return plan


def value_of(proto: onnx.ModelProto, feeds: Mapping[str, Any] | None = None) -> np.ndarray:
    """Return the value of a model's first output."""
    made = imported(proto, feeds)
    found = graph_of(made, cost="sum", feeds=feeds)
    plan = ArrayPlan(found, found.shapes())
    plan.feed(0)
    for i in range(len(found)):
        plan.forward(i)
    return np.array(plan.value(found.by_name[made.outputs[0].label]))
