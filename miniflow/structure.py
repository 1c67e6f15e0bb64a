"""A graph: named nodes in topological order, the cost, and the training settings.

Errors in a graph are found here, before anything runs: duplicate names, cycles, a missing cost,
inputs without values, shapes that do not fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Any, Self

import numpy as np

from miniflow.arguments import as_numbers
from miniflow.errors import FeedError, GraphError, ShapeError, nearest
from miniflow.node import Input, Node
from miniflow.ops.base import Shape, as_floats, shape_text
from miniflow.text.lists import series
from miniflow.toposort import CycleError, topological_order
from miniflow.training.data import Batches, Data, Sampling
from miniflow.training.optimizers import SGD, Optimizer
from miniflow.training.progress import Progress
from miniflow.training.progress import Training as Training

DTYPES = ("float64", "float32")


def with_inputs(nodes: Iterable[Node]) -> list[Node]:
    """Return `nodes` and all nodes they depend on, in order of creation."""
    found = reached(nodes, lambda node: node.inbound_nodes)
    return sorted(found, key=lambda node: node.serial)


def reached(nodes: Iterable[Node], neighbours: Callable[[Node], Iterable[Node]]) -> set[Node]:
    """Return `nodes` and all nodes that a chain of neighbours leads to."""
    found = set(nodes)
    stack = list(found)
    while stack:
        for node in neighbours(stack.pop()):
            if node not in found:
                found.add(node)
                stack.append(node)
    return found


class Structure:
    """Nodes in topological order, looked up by name or by node index.

    `fingerprint` is a hash of the files it was loaded from, or empty; `feeder` names the source of
    the inputs' rows. A caller gives `inbound` (each node's inputs as node indices) only if the
    nodes are in topological order and have unique names.

    Raises `GraphError` for duplicate names, for a cycle, and if `cost` is not given and there is
    not exactly one sink.
    """

    feeder = "the data"

    def __init__(
        self,
        nodes: Sequence[Node],
        cost: Node | None = None,
        *,
        name: str = "graph",
        description: str = "",
        dtype: str = "float64",
        training: Training | None = None,
        data: Data | None = None,
        inbound: list[list[int]] | None = None,
    ) -> None:
        self.name = name
        self.description = description
        if dtype not in DTYPES:
            raise GraphError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}", where=name)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.training = training or Training()
        # Where the last training of this graph, or of the file it comes from, ended.
        self.progress = Progress()
        self.data = data
        self.declared = list(nodes)
        self.fingerprint = ""
        # A cache: the shapes of all values for these shapes of the inputs.
        self.shape_cache: tuple[dict[int, Shape], list[Shape]] | None = None
        if not nodes:
            raise GraphError("the graph has no nodes")
        self.nodes: list[Node] = self.declared
        self.inbound: list[list[int]] = inbound or []
        self.index: dict[Node, int] = dict(zip(self.nodes, range(len(nodes)), strict=True))
        if inbound is None:
            self._assign_names()
            self._sort()
        names: list[str] = list(map(attrgetter("name"), self.nodes))
        self.by_name = dict(zip(names, range(len(names)), strict=True))
        self.cost = self._only_sink() if cost is None else self._index_of_cost(cost)
        self.trainables = [
            i for i, node in enumerate(self.nodes) if isinstance(node, Input) and node.trainable
        ]
        if self.data is not None:
            self._check_data(self.data)

    @classmethod
    def of(
        cls,
        cost: Node,
        *,
        feeds: Mapping[Node, Any] | None = None,
        optimizer: Optimizer | None = None,
        batch_size: int | None = None,
        sampling: Sampling = "all",
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """Return the graph of `cost` and all nodes it depends on, in order of creation.

        `feeds` maps inputs to tables. Each SGD step feeds `batch_size` rows of them (all by
        default), chosen by `sampling` and `seed`. Other options are those of `Graph`. Raises
        `FeedError` for invalid feeds and `GraphError` for other invalid arguments.
        """
        if not isinstance(cost, Node):
            raise GraphError(f"the cost is a {type(cost).__name__}, not a node")
        if "training" not in options:
            chosen = "epoch" if batch_size is not None and sampling == "all" else sampling
            optimizer = SGD() if optimizer is None else optimizer
            options["training"] = Training(optimizer, batch_size, chosen, seed)
        graph = cls(with_inputs([cost]), cost, **options)
        if feeds is not None:
            tables = {graph._fed_name(node): table for node, table in feeds.items()}
            graph.data = Data({n: as_numbers(x, f"data.feeds.{n}") for n, x in tables.items()})
            graph._check_data(graph.data)
        return graph

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[self.index_of(name)]

    def index_of(self, name: str) -> int:
        """Return the node index of `name`; raise `GraphError` if there is no such node."""
        try:
            return self.by_name[name]
        except KeyError:
            raise GraphError(
                f"there is no node {name!r}", where=self.name, hint=nearest(name, self.by_name)
            ) from None

    def names(self) -> list[str]:
        """Return the names in topological order."""
        return [node.label for node in self.nodes]

    @cached_property
    def consumers(self) -> list[tuple[tuple[int, int], ...]]:
        """For every node, its consumers, as (node index, input index)."""
        consumers: list[list[tuple[int, int]]] = [[] for _ in self.nodes]
        for i, sources in enumerate(self.inbound):
            for input_index, source in enumerate(sources):
                consumers[source].append((i, input_index))
        # Lists stay in the scans of Python's cycle collector, tuples of numbers do not: 100,000
        # lists took 25 ms of every 32nd key.
        return [tuple(edges) for edges in consumers]

    @cached_property
    def reaches_cost(self) -> list[bool]:
        """For every node, whether the cost depends on it."""
        reaches = [False] * len(self.nodes)
        reaches[self.cost] = True
        for i in range(self.cost, -1, -1):
            if reaches[i]:
                for source in self.inbound[i]:
                    reaches[source] = True
        return reaches

    @cached_property
    def forward_nodes(self) -> list[int]:
        """The nodes that a forward pass computes, in order."""
        return [i for i, node in enumerate(self.nodes) if not isinstance(node, Input)]

    @cached_property
    def backward_nodes(self) -> list[int]:
        """The nodes that a backward pass visits, in order."""
        return [i for i in reversed(range(len(self.nodes))) if self.reaches_cost[i]]

    @property
    def trains(self) -> bool:
        """Whether the graph has trainable inputs."""
        return bool(self.trainables)

    def batches(self) -> Batches | None:
        """Return the rows of each SGD step, or None without data."""
        if self.data is None:
            return None
        training = self.training
        return Batches(
            self.data.rows,
            training.batch_size,
            training.sampling,
            training.seed,
            self.starts_from.sgd_steps,
        )

    @property
    def starts_from(self) -> Progress:
        """The progress that a run continues: an empty one if it is of another kind of optimizer."""
        kept = set(self.training.keeps)
        return self.progress if set(self.progress.kept) == kept else Progress()

    def fed_from_data(self, node: int) -> bool:
        """Whether this input gets its value from the data."""
        return self.data is not None and self.nodes[node].label in self.data.feeds

    def unfed(self) -> list[Input]:
        """Return the inputs without a value and without data."""
        return [
            node
            for i, node in enumerate(self.nodes)
            if isinstance(node, Input) and node.value is None and not self.fed_from_data(i)
        ]

    def feed(self, name: str, value: Any) -> None:
        """Set the value of an input.

        Raises `FeedError` if the node is not an input or the value is not numeric, `ShapeError` if
        the value does not fit the declared shape.
        """
        node = self._input_named(name, name)
        numbers = as_numbers(value, name)
        if not numbers.size:
            raise FeedError("its value has no numbers", where=name)
        check_declared(node, numbers.shape)
        # Integers stay integers: a plan converts them to floats in its own memory.
        node.value = numbers if numbers.dtype.kind in "iu" else numbers.astype(self.dtype)

    def input_shapes(self) -> dict[int, Shape]:
        """Return the shape of each input in an SGD step, by node index.

        Raises `FeedError` for an input without a value, `ShapeError` for a value that does not fit
        its declared shape.
        """
        if unfed := self.unfed():
            names = series([node.label for node in unfed], ", ")
            raise FeedError(
                f"no value for {names}", where=self.name, hint="feed it, as in --feed x=3"
            )
        batches = self.batches()
        shapes: dict[int, Shape] = {}
        for i, node in enumerate(self.nodes):
            if not isinstance(node, Input):
                continue
            if self.data is not None and batches is not None and self.fed_from_data(i):
                shape: Shape = (batches.size, *self.data.feeds[node.label].shape[1:])
            else:
                shape = () if isinstance(node.value, float) else as_floats(node).shape
            check_declared(node, shape)
            shapes[i] = shape
        return shapes

    def _assign_names(self) -> None:
        if len(set(self.declared)) < len(self.declared):
            node, _ = Counter(self.declared).most_common(1)[0]
            raise GraphError(f"{node.label} is listed twice", where=self.name)
        names = set(map(attrgetter("name"), self.declared))
        if len(names) == len(self.declared) and all(names):
            return
        taken: dict[str, Node] = {}
        for node in self.declared:
            if not node.name:
                continue
            if node.name in taken and taken[node.name] is not node:
                raise GraphError(f"two nodes are called {node.name!r}", where=self.name)
            taken[node.name] = node
        counts: dict[str, int] = {}
        for node in self.declared:
            if not node.name:
                kind = type(node).__name__.lower()
                kind = node.scope + kind
                while True:
                    counts[kind] = counts.get(kind, 0) + 1
                    if (candidate := f"{kind}{counts[kind]}") not in taken:
                        break
                node.name = candidate
                taken[candidate] = node

    def _sort(self) -> None:
        """Fill `nodes`, `index` and `inbound`, in topological order."""
        try:
            self._number()
        except KeyError:
            self.nodes = in_order(self.declared, self.name)
            self._number()

    def _number(self) -> None:
        """Fill `index` and `inbound`; raise `KeyError` if a node comes before one of its inputs.

        Most graphs are already in topological order, and this proves it.
        """
        self.inbound = []
        index: dict[Node, int] = {}
        self.index = index
        for i, node in enumerate(self.nodes):
            self.inbound.append([index[source] for source in node.inbound_nodes])
            index[node] = i

    def _index_of_cost(self, cost: Node) -> int:
        if cost not in self.index:
            raise GraphError(f"the cost {cost.label} is not among the nodes", where=self.name)
        return self.index[cost]

    def _only_sink(self) -> int:
        used = set(chain.from_iterable(self.inbound))
        sinks = [i for i in range(len(self.nodes)) if i not in used]
        if len(sinks) > 1:
            names = series([self.nodes[i].label for i in sinks], ", ")
            raise GraphError(
                f"which node is the cost? {names} have no consumers",
                where=self.name,
                hint='name it: "cost": "..."',
            )
        return sinks[0]

    def _check_data(self, data: Data) -> None:
        """Raise `FeedError` unless the data can feed this graph in batches of the given size."""
        data.check()
        for name in data.feeds:
            where = f"data.feeds.{name:.60}"
            if self._input_named(name, where).trainable:
                raise FeedError("it is trainable: data would overwrite what it learns", where=where)
        self.batches()

    def _fed_name(self, node: Any) -> str:
        if node not in self.index:
            name = node.label if isinstance(node, Node) else f"a {type(node).__name__}"
            raise FeedError(f"{name} is fed, but the cost does not depend on it", where="feeds")
        return str(node.label)

    def _input_named(self, name: str, where: str) -> Input:
        """Return the input called `name`; raise `FeedError` if that node is not an input."""
        node = self[name]
        if not isinstance(node, Input):
            raise FeedError(
                f"{name!r} is fed, but it is a {type(node).__name__}, not an Input", where=where
            )
        return node


def in_order(nodes: Sequence[Node], where: str) -> list[Node]:
    """Return the nodes in topological order; raise `GraphError`, at `where`, for a cycle."""
    index = {node: i for i, node in enumerate(nodes)}
    inbound: list[list[int]] = []
    for node in nodes:
        try:
            inbound.append([index[source] for source in node.inbound_nodes])
        except KeyError as error:
            raise GraphError(
                f"{node.label} takes an input that is not in the graph: {error.args[0].label}",
                where=where,
            ) from None
    try:
        order = topological_order(inbound)
    except CycleError as error:
        names = [nodes[i].label for i in error.cycle]
        shown = names[:8] + ["…"] * (len(names) > 8)
        raise GraphError(
            "a cycle: " + " → ".join([*shown, names[0]]),
            where=where,
            hint="a node cannot depend on its own value",
        ) from None
    return [nodes[i] for i in order]


def check_declared(node: Input, shape: Shape) -> None:
    """Raise `ShapeError` unless `shape` fits the declared shape of the input."""
    if node.shape is None:
        return
    fits = len(node.shape) == len(shape) and all(
        declared in (None, n) for declared, n in zip(node.shape, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"its value has shape {shape_text(shape)}, not the declared {shape_text(node.shape)}",
            where=node.label,
        )
