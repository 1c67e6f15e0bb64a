"""Whether the answer to a row depends on the rows beside it: BatchNorm, a softmax over rows.

Then there is no answer to one point, and no plane of answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from miniflow import ops
from miniflow.errors import MiniflowError
from miniflow.node import Input
from miniflow.ops.base import Array, Shape, follows_rules
from miniflow.ops.broadcasting import Elementwise
from miniflow.structure import reached

if TYPE_CHECKING:
    from mfdebug.core.timeline.debugger import Debugger
    from miniflow.graph import Graph

# Graphs that compute more numbers in a pass, or have more nodes, are not tried: it takes too long.
MOST_NUMBERS, MOST_NODES = 50_000, 1000


def rows_are_apart(debugger: Debugger, source: int, answer: int) -> bool:
    """Whether the answer to a row is the row's alone, at any parameters.

    If no shape and no op shows it, the network is tried: with its parameters and its rows, and with
    others, as it may have begun where all rows have one answer. False if nothing shows it. A
    program's own node is taken at its word: its code is not run only to ask.
    """
    graph, shapes = debugger.graph, debugger.plan.shapes
    count = shapes[source][0] if shapes[source] else 1
    if count == 1 or _ops_keep_rows(graph, shapes, source, answer):
        return True
    if not all(isinstance(node, Input) or follows_rules(node) for node in graph.nodes):
        return True
    if len(graph.nodes) > MOST_NODES or sum(map(math.prod, shapes)) > MOST_NUMBERS:
        return False
    try:
        return not any(_tries(debugger, source, answer))
    except MiniflowError:
        return False


def depends_on_others(answers_to: Callable[[Array], Array], batch: Array, close: float) -> bool:
    """Whether the answer to a row of a batch changes if all others are replaced by it.

    The first, the last and the middle row are tried: a sum up to each row has the first one right.
    """
    among = answers_to(batch)
    size = np.abs(among).max(initial=0.0)
    for row in {0, len(batch) // 2, len(batch) - 1}:
        alone = answers_to(np.broadcast_to(batch[row], batch.shape))[row]
        if (np.abs(among[row] - alone) > close * size).any():
            return True
    return False


def _ops_keep_rows(graph: Graph, shapes: Sequence[Shape], source: int, answer: int) -> bool:
    """Whether all ops from the source to the answer compute each row of the row above it alone."""
    count = shapes[source][0]
    needed = reached([graph.nodes[answer]], lambda node: node.inbound_nodes)
    depends = {source}
    for node in graph.forward_nodes:
        op, inputs = graph.nodes[node], graph.inbound[node]
        having = [k for k, i in enumerate(inputs) if i in depends]
        if op not in needed or not having:
            continue
        if isinstance(op, ops.Linear):
            # The weights, after the matrices, multiply rows with each other.
            keeps = having[-1] < len(inputs) // 2 and len(shapes[node]) > 1
        else:
            keeps = isinstance(op, Elementwise) and op.is_elementwise
        # Broadcasting aligns the last axes.
        same = all(len(shapes[inputs[k]]) == len(shapes[node]) for k in having)
        if not keeps or not same or shapes[node][0] != count:
            return False
        depends.add(node)
    return answer in depends


def _tries(debugger: Debugger, source: int, answer: int) -> Iterator[bool]:
    """Yield whether an answer depends on other rows: as it is now, then at random numbers."""
    # The ops of most graphs show it.
    from mfdebug.core.timeline.engine_copy import EngineCopy

    engine = EngineCopy(debugger)
    with engine.nodes_kept():
        parameters = engine.take()
        rows = np.array(engine.plan.value(source))
        random = np.random.default_rng(0)
        moved = [parameters, *(_moved(parameters, random) for _ in range(2))]
        others = [rows, rows, _moved(rows, random) if rows.dtype.kind == "f" else rows]
        for numbers, batch in zip(moved, others, strict=True):

            def answers_to(batch: Array, numbers: Array = numbers) -> Array:
                return engine.value_at(answer, {source: batch}, numbers)

            # The same numbers give the same answer to the last bit.
            yield depends_on_others(answers_to, batch, 0.0)


def _moved(numbers: Array, random: np.random.Generator) -> Array:
    """Return numbers near these, all of them different."""
    return numbers + random.normal(size=numbers.shape) * (0.1 + np.abs(numbers))
