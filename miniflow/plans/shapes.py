"""The shape of every value, before a plan makes room for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from miniflow import limits
from miniflow.arguments import as_numbers
from miniflow.errors import ShapeError
from miniflow.node import Input
from miniflow.ops.base import Shape, follows_rules, shape_text
from miniflow.plans.custom_node import computed_value, run_method
from miniflow.plans.integers import integer_types
from miniflow.structure import Structure


def shapes_of(graph: Structure) -> list[Shape]:
    """Return the shape of every node's value; raise `ShapeError` that names the node.

    Nodes in the lesson's style have no shape rule: a graph with such nodes is run forward once
    by the lesson's protocol.
    """
    inputs = graph.input_shapes()
    if graph.shape_cache is not None and graph.shape_cache[0] == inputs:
        return list(graph.shape_cache[1])
    sample_of_each_type = {type(node): node for node in graph.nodes}.values()
    if not all(isinstance(node, Input) or follows_rules(node) for node in sample_of_each_type):
        return _shapes_by_running(graph, inputs)
    found: list[Shape] = []
    nodes: list[Any] = graph.nodes
    for i, (node, sources) in enumerate(zip(nodes, graph.inbound, strict=True)):
        if sources:
            shapes = [found[source] for source in sources]
            try:
                found.append(node.output_shape(*shapes))
            except ShapeError:
                node.shape_from(*shapes)  # raises it with the names of node and inputs
        else:
            found.append(inputs[i])
    _check_sizes(graph, found)
    graph.shape_cache = inputs, found
    return list(found)


def _check_sizes(graph: Structure, shapes: list[Shape]) -> None:
    """Raise `ShapeError` if the values exceed the limits, before they are allocated.

    The limits are for what a few bytes can ask for. Numbers that an input holds are there already,
    and were bounded when they were read or made.
    """
    total = 0
    for shape, count in Counter(shapes).items():
        size = math.prod(shape)
        if size > limits.NUMBERS or len(shape) > limits.AXES:
            count -= _check_large(graph, shapes, shape)
        total += size * count
    kinds: set[Any] = set(map(type, graph.nodes))
    if any(kind.recurrent for kind in kinds):
        pairs = zip(graph.nodes, shapes, strict=True)
        steps = sum(shape[-3] for node, shape in pairs if node.recurrent)
        if steps > limits.STEPS:
            raise ShapeError(
                f"its recurrent layers would have {steps:,} time steps",
                where=graph.name,
                hint=f"at most {limits.STEPS:,}",
            )
    if total > limits.TOTAL_NUMBERS:
        raise ShapeError(
            f"all values together would have {total:,} numbers",
            where=graph.name,
            hint=f"at most {limits.TOTAL_NUMBERS:,}",
        )


def _check_large(graph: Structure, shapes: list[Shape], shape: Shape) -> int:
    """Return how many inputs hold a value of this shape, which is beyond the limit of one value.

    An op may have as many numbers as one of its inputs. Raises `ShapeError` for any other node.
    """
    size, held = math.prod(shape), 0
    for i, node in enumerate(graph.nodes):
        if shapes[i] != shape:
            continue
        is_fed = graph.data is not None and graph.fed_from_data(i)
        is_held = isinstance(node, Input) and not is_fed
        largest = max((math.prod(shapes[source]) for source in graph.inbound[i]), default=0)
        if len(shape) > limits.AXES or not (is_held or size <= largest):
            raise ShapeError(
                f"its value would have shape {shape_text(shape)}: {size:,} numbers",
                where=node.label,
                hint=f"at most {limits.NUMBERS:,} numbers on {limits.AXES} axes",
            )
        held += is_held
    return held


def _shapes_by_running(graph: Structure, inputs: Mapping[int, Shape]) -> list[Shape]:
    found: list[Shape] = []
    batches, integers = graph.batches(), integer_types(graph)
    for i, node in enumerate(graph.nodes):
        if i in inputs:
            if graph.data is not None and batches is not None and graph.fed_from_data(i):
                table = graph.data.feeds[node.label]
                rows = batches.rows_of(0)
                node.value = table if rows is None else table[rows]
            numbers = as_numbers(node.value, node.label)
            node.value = numbers.astype(integers.get(i, graph.dtype))[()]
        else:
            run_method(node, "forward")
        found.append(np.shape(computed_value(node)))
    return found
