"""The ends of a model: the inputs that are fed, and the outputs that have a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from miniflow.arguments import as_numbers
from miniflow.errors import GraphError
from miniflow.importers.model import ModelInput, learn_sizes
from miniflow.importers.onnx.builder import Builder, Environment
from miniflow.importers.onnx.folding import check_size, type_of
from miniflow.importers.onnx.names import clean
from miniflow.importers.onnx.values import Computed, UnknownError
from miniflow.node import Input, Node
from miniflow.ops import Add
from miniflow.ops.base import Array, shape_text
from miniflow.text.lists import series

# Branches within branches.
DEEPEST = 20


def wanted_outputs(graph: Any, notes: list[str]) -> list[str]:
    """Return the outputs that hold floats; all of them if there is none.

    Gradients that the model computes itself are left out: a backward pass computes them here.
    """
    gradients = {name for node in graph.node if node.op_type == "Gradient" for name in node.output}
    outputs = [value for value in graph.output if value.name not in gradients]
    if gradients:
        notes.append(
            f"{series(sorted(gradients), ', ')}: the model's own gradients are left out; stepping "
            "backward computes them."
        )
    floats = [
        value.name
        for value in outputs
        if not value.type.HasField("tensor_type") or is_float(value.type.tensor_type.elem_type)
    ]
    return floats or [value.name for value in outputs]


def needed_for(nodes: Sequence[Any], wanted: Sequence[str]) -> set[str]:
    """Return the names that the wanted outputs depend on, themselves among them."""
    needed = set(wanted)
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            for graph in _graphs(node):
                needed.update(_outer_names(graph))
    return needed


def _outer_names(graph: Any, depth: int = 0) -> set[str]:
    """Return the names that a branch takes from outside, and perhaps some of its own."""
    found = {output.name for output in graph.output}
    for node in graph.node:
        found.update(node.input)
        for inner in _graphs(node):
            if depth < DEEPEST:
                found |= _outer_names(inner, depth + 1)
    return found


def _graphs(node: Any) -> Iterator[Any]:
    return (attribute.g for attribute in node.attribute if attribute.HasField("g"))


def make_inputs(
    builder: Builder, values: Environment, needed: set[str], feeds: Mapping[str, Any]
) -> list[ModelInput]:
    """Give the inputs that are needed their values, and return them.

    A symbolic size is that of what is fed, the same in all inputs; else 1.
    """
    sizes: dict[str, int] = {}
    given = [value for value in builder.graph.input if value.name not in values]
    for value in given:
        label = clean(value.name)
        if label in feeds and value.type.HasField("tensor_type"):
            shape = np.shape(as_numbers(feeds[label], label))
            tensor = value.type.tensor_type
            if tensor.HasField("shape"):
                declared = [
                    axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None
                    for axis in tensor.shape.dim
                ]
                learn_sizes(label, shape, declared, sizes)
    found = []
    for value in given:
        if value.name in needed:
            made, values[value.name] = _input(builder, value, sizes, feeds)
            found.append(made)
    return found


def _input(
    builder: Builder, value: Any, sizes: Mapping[str, int], feeds: Mapping[str, Any]
) -> tuple[ModelInput, Computed]:
    name = builder.unique(value.name)
    if not value.type.HasField("tensor_type"):
        raise GraphError("it is not a tensor: only tensors can be fed", where=name)
    tensor = value.type.tensor_type
    try:
        dtype = type_of(tensor.elem_type)
    except KeyError:
        raise GraphError("its type is unknown", where=name) from None
    if dtype.kind not in "fiub":
        raise GraphError(f"it holds {dtype}, not numbers", where=name)
    fed: Array | None = None
    if name in feeds:
        fed = as_numbers(feeds[name], name)
        shape = fed.shape
    else:
        open_sizes = [a.dim_param for a in tensor.shape.dim if not a.HasField("dim_value")]
        shape = tuple(
            axis.dim_value if axis.HasField("dim_value") else sizes.get(axis.dim_param, 1)
            for axis in tensor.shape.dim
        )
        if left := [symbol or "without a name" for symbol in open_sizes if symbol not in sizes]:
            builder.notes.append(
                f"{name} has the shape {shape_text(shape)}: a size that the file leaves open "
                f"({series(left, ', ')}) is 1; --feed gives others."
            )
    if any(n < 0 for n in shape):
        raise GraphError(f"it has the shape {shape_text(shape)}", where=name)
    check_size(value.name, shape)
    node = Input(name)
    builder.add(node, shape)

    def sample() -> Array:
        if fed is None:
            raise UnknownError(name)
        numbers: Array = fed.astype(dtype)
        return numbers

    return ModelInput(node, shape, dtype), Computed(node, shape, dtype, sample, frozenset([name]))


def outputs_of(builder: Builder, wanted: Sequence[str], values: Environment) -> list[Node]:
    """Return the nodes of the outputs that depend on inputs; raise `GraphError` without any."""
    found: list[Node] = []
    for name in wanted:
        value = values.get(name)
        if not isinstance(value, Computed):
            continue
        node = value.node
        if isinstance(node, Input):  # the model returns what it is given
            node = Add(node, name=builder.unique(name))
            builder.add(node, value.shape)
        if node not in found:
            found.append(node)
    if not found:
        raise GraphError(
            "its outputs do not depend on its inputs: there is nothing to step through",
            where=builder.path.name,
        )
    return found


def is_float(element: int) -> bool:
    """Whether a type of ONNX is one of floats."""
    try:
        return type_of(element).kind == "f"
    except KeyError:
        return False
