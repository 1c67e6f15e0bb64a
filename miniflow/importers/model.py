"""An imported model, and the graph that it makes with a cost.

A format's reader (`onnx/`, `pt2/`) returns an `ImportedModel`: nodes without a cost and inputs
without values. `graph_of` gives it both, the same way for every format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miniflow.arguments import as_numbers
from miniflow.errors import FeedError, GraphError, nearest
from miniflow.graph import Graph
from miniflow.importers.costs import COSTS, Cost, Costs
from miniflow.importers.example import Example
from miniflow.importers.scope_order import scope_order
from miniflow.node import Input, Node
from miniflow.ops import Take
from miniflow.ops.base import Array, Shape, shape_text
from miniflow.structure import with_inputs
from miniflow.text.lists import series


@dataclass
class ModelInput:
    """An input that the user feeds.

    `node` has no value yet; `shape` is the one that the file declares or, for a symbolic size, the
    reader's choice. `dtype` is the file's: integers and bools are fed as integers. `bound` is one
    more than the largest integer that it takes, if the reader knows it. `given` has numbers that
    the file itself carries for this input.
    """

    node: Input
    shape: Shape
    dtype: np.dtype[Any]
    bound: int | None = None
    given: Array | None = None


@dataclass
class ImportedModel:
    """The nodes of a model file.

    `inputs` and `outputs` are in the file's order. Every node has its final name, with a dot or a
    slash after each scope, and the names are unique. Parameters are trainable inputs with a value;
    constants are inputs with a value. `notes` are sentences for the user about how the file was
    read. `fingerprint` is a hash of the file's bytes.
    """

    name: str
    inputs: list[ModelInput]
    outputs: list[Node]
    fingerprint: str = ""
    notes: list[str] = field(default_factory=list)


def graph_of(
    model: ImportedModel,
    *,
    cost: Cost | None = None,
    labels: Any = None,
    feeds: Mapping[str, Any] | None = None,
    example: Example | None = None,
    seed: int = 0,
    dtype: str = "float64",
) -> Graph:
    """Return the graph of a model with a cost, every input fed.

    Without `cost` and `labels`, an output that is a scalar is the cost (the last one, if there are
    several). Otherwise `cost` applies to the first output: the cross-entropy of its softmax over
    the last axis, the mean square error, or the sum of its entries. The default is the
    cross-entropy for labels that are integers, the mean square error for others, and the sum
    without labels. `feeds` has values by the name of the input. What is not given is taken from
    `example`: its labels only if no input is fed otherwise, and if they fit the cost. What it lacks
    is drawn: numbers from a normal distribution, integers below their bound, seeded by `seed`.
    Sentences in the graph's `description`, a line each, say what was chosen, fed and drawn.

    Raises `FeedError` for feeds and labels that do not fit, `GraphError` for a model without
    outputs, and what `Graph` raises.
    """
    if cost is not None and cost not in COSTS:
        raise GraphError(f"the cost {cost!r} is not one of {', '.join(COSTS)}")
    if not model.outputs:
        raise GraphError("the model has no outputs", where=model.name)
    notes = list(model.notes)
    rng = np.random.default_rng(seed)
    nodes = with_inputs(model.outputs)
    taken = _feed(model, dict(feeds or {}), example, set(nodes), rng, seed, notes)
    scores = Graph(nodes, model.outputs[0], name=model.name, dtype=dtype)
    shapes = dict(zip(scores.nodes, scores.shapes(), strict=True))
    scalars = [node for node in model.outputs if shapes[node] == ()]
    if scalars and cost is None and labels is None:
        end = scalars[-1]
        notes.append(f"The cost is the model's output {end.label}.")
    else:
        output = model.outputs[0]
        offered = None if feeds or example is None else example.labels
        costs = Costs(scores, rng, seed, notes, offered)
        end = costs.of(output, shapes[output], cost, labels)
        taken += costs.taken
    if example is not None and taken:
        notes.insert(len(model.notes), f"Fed from {example.file}: {series(taken, ', ')}.")
    used = in_scope_order(with_inputs([end]))
    graph = Graph(used, end, name=model.name, description="\n".join(notes), dtype=dtype)
    graph.fingerprint = model.fingerprint
    if example is not None and taken:
        both = f"{model.fingerprint}{example.digest}"
        graph.fingerprint = hashlib.sha256(both.encode()).hexdigest()
    graph.shapes()
    return graph


def in_scope_order(nodes: list[Node]) -> list[Node]:
    """Return the nodes of a graph, which have names, in order, scopes together where it allows."""
    index = {node: i for i, node in enumerate(nodes)}
    inbound = [[index[source] for source in node.inbound_nodes] for node in nodes]
    return [nodes[i] for i in scope_order([node.label for node in nodes], inbound)]


# Feeds -----------------------------------------------------------------------------------


def learn_sizes(
    name: str, given: Shape, declared: Sequence[int | str | None], sizes: dict[str, int]
) -> None:
    """Add to `sizes` those of the symbols in a declared shape, from that of a value.

    A declared size is a number, a symbol, or None for any. Raises `FeedError` if the value of the
    input `name` does not fit, or if a symbol has another size already.
    """
    fits = len(given) == len(declared)
    for size, n in zip(declared, given, strict=False):
        if isinstance(size, str):
            fits = fits and sizes.setdefault(size, n) == n
        elif size is not None:
            fits = fits and size == n
    if not fits:
        wanted = tuple(size if isinstance(size, int) else None for size in declared)
        raise FeedError(
            f"its value has shape {shape_text(given)}, the model takes {shape_text(wanted)}",
            where=name,
            hint="? is any size, the same for all inputs that share it",
        )


def _feed(
    model: ImportedModel,
    feeds: dict[str, Any],
    example: Example | None,
    used: set[Node],
    rng: np.random.Generator,
    seed: int,
    notes: list[str],
) -> list[str]:
    """Set the value of every input, from `feeds`, `example`, the file or `rng`.

    Return, of the `used` ones, those from the example, with their shapes.
    """
    offered = {} if example is None else example.inputs
    by_name = {given.node.label: given for given in model.inputs}
    for name in feeds:
        if name not in by_name:
            raise FeedError(
                f"the model has no input {name!r}; its inputs: {series(list(by_name), ', ')}",
                where=model.name,
                hint=nearest(name, by_name),
            )
    drawn, taken = [], []
    for name, given in by_name.items():
        if name in feeds or name in offered:
            value = as_numbers(feeds.get(name, offered.get(name)), name)
            if name not in feeds and given.node in used:
                taken.append(f"{name} ({shape_text(value.shape)})")
            given.node.value = value.astype(np.int64 if value.dtype.kind in "biu" else np.float64)
        elif given.given is not None:
            given.node.value = given.given
        else:
            given.node.value, how = _draw(given, rng)
            if given.node in used:
                drawn.append(f"{name} ({shape_text(given.shape)}, {how})")
    if drawn:
        notes.append(
            f"Drawn at random with seed {seed}, as nothing was fed: {series(drawn, ', ')}; "
            "--feed NAME=FILE.npy gives real ones."
        )
    return taken


def _draw(given: ModelInput, rng: np.random.Generator) -> tuple[Array, str]:
    """Return random numbers for an input, and what they are, in words."""
    if given.dtype.kind == "b":
        return np.ones(given.shape, np.int64), "all true"
    if given.dtype.kind in "iu":
        bound = given.bound or _bound(given.node)
        return rng.integers(bound, size=given.shape), f"integers below {bound}"
    return rng.standard_normal(given.shape), "normal"


def _bound(node: Input) -> int:
    """Return one more than the largest row number that the consumers of an input take, or 2."""
    sizes = [
        np.shape(table.value)[consumer.attrs["axis"]]
        for consumer in node.outbound_nodes
        if isinstance(consumer, Take) and consumer.inbound_nodes[1] is node
        for table in consumer.inbound_nodes[:1]
        if table.value is not None and np.ndim(table.value)
    ]
    return min(sizes, default=2)
