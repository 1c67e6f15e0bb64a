"""Inputs that hold integers, such as class numbers: they stay integers and are never trained.

A plan computes with floats in its own memory. The values it returns (to show, to store, or to pass
to a node in the lesson's style that uses them as indices) are converted back to integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from miniflow.node import Input
from miniflow.ops.base import Array, Op, Shape

if TYPE_CHECKING:
    from miniflow.structure import Structure

Type = np.dtype[Any]


def integer_types(graph: Structure) -> dict[int, Type]:
    """Return the dtype of each input that holds integers, by node index."""
    found: dict[int, Type] = {}
    for i, node in enumerate(graph.nodes):
        if isinstance(node, Input) and not node.trainable:
            value = _value_or_table(graph, node)
            if not isinstance(value, float) and (dtype := np.asarray(value).dtype).kind in "iu":
                found[i] = dtype
    return found


def in_type(value: Array, dtype: Type | None) -> Array:
    """Return `value` in an integer dtype, if one is given and all its numbers are whole."""
    if dtype is None:
        return value
    with np.errstate(invalid="ignore"):
        whole = value.astype(dtype)
    return whole if (whole == value).all() else value


def class_numbers(graph: Structure, shapes: list[Shape]) -> set[int]:
    """Return the inputs that every consumer takes as class numbers; they have no gradient."""
    edges: set[tuple[int, int]] = set()
    for i, node in enumerate(graph.nodes):
        if isinstance(node, Op) and type(node).takes_class_numbers is not Op.takes_class_numbers:
            input_shapes = [shapes[source] for source in graph.inbound[i]]
            edges |= {
                (i, input_index)
                for input_index in range(len(input_shapes))
                if node.takes_class_numbers(input_index, *input_shapes)
            }
    found = set()
    for source in {graph.inbound[i][input_index] for i, input_index in edges}:
        node = graph.nodes[source]
        no_other_use = edges.issuperset(graph.consumers[source])
        if no_other_use and isinstance(node, Input) and not node.trainable:
            found.add(source)
    return found


def type_class_numbers(graph: Structure, shapes: list[Shape]) -> None:
    """Convert the inputs that every consumer takes as class numbers to integers."""
    for source in class_numbers(graph, shapes):
        node = graph.nodes[source]
        assert isinstance(node, Input)
        numbers = in_type(np.asarray(_value_or_table(graph, node)), np.dtype(np.int64))
        if graph.data is not None and node.label in graph.data.feeds:
            graph.data.feeds[node.label] = numbers
        else:
            node.value = numbers


def _value_or_table(graph: Structure, node: Input) -> Any:
    if graph.data is not None and node.label in graph.data.feeds:
        return graph.data.feeds[node.label]
    return node.value
