"""A recorded network as a graph of miniflow's own ops, for a graph file.

A library's function becomes the ops that compute it, which are those for the shapes of one pass.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from mfdebug.recording.nodes import Recorded, RecordedGraph, sgd_at
from mfdebug.recording.passes import RecordedPass
from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.importers.pt2.names import Names
from miniflow.node import Input, Node
from miniflow.ops.base import Op
from miniflow.ops.composed import Composed, Parts

N = TypeVar("N", bound=Node)


def saveable(recorded: RecordedGraph, found: RecordedPass, rate: float) -> Graph:
    """Return a copy of the network, as it was in a pass, with new nodes and without values.

    It trains by plain gradient descent at `rate`. Raises `GraphError` naming the nodes that are not
    of this miniflow.
    """
    return _Copy(recorded, found).graph(rate)


class _Copy:
    """The new nodes; those of a function's parts are named after it."""

    def __init__(self, recorded: RecordedGraph, found: RecordedPass) -> None:
        self._recorded, self._pass = recorded, found
        self._names = Names()
        for node in recorded.nodes:
            self._names.take(node.label)
        self._new: dict[int, Node] = {}
        self._made: list[Node] = []
        self._constants: dict[float, Input] = {}

    def graph(self, rate: float) -> Graph:
        """Return the graph."""
        recorded = self._recorded
        wanted = [i for i in range(len(recorded)) if not recorded.results[i]]
        foreign = [reason for i in wanted if (reason := self._refusal(i))]
        if foreign:
            more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
            raise GraphError(
                f"{', '.join(foreign[:5])}{more}: a graph file can hold only miniflow's own ops",
                where=recorded.name,
            )
        for i in wanted:
            self._new[i] = self._copied(i)
        return Graph(
            self._made, self._new[recorded.cost], name=recorded.name, training=sgd_at(rate)
        )

    def _refusal(self, i: int) -> str:
        """Return the name and class of a node that is none of ours, or an empty string."""
        node = self._pass.rules.op(i)
        if isinstance(node, Input):
            return ""
        shown = f"{self._recorded.nodes[i].label} ({type(node).__name__})"
        if isinstance(node, Composed):
            return "" if self._parts(i, node) is not None else shown
        return shown if isinstance(node, Recorded) else ""

    def _parts(self, i: int, op: Composed) -> Parts | None:
        shapes = [self._pass.shape(source) for source in self._recorded.reads[i]]
        try:
            return op.parts(*(shape for shape in shapes if shape is not None))
        except ShapeError:
            return None

    def _copied(self, i: int) -> Node:
        node, label = self._pass.rules.op(i), self._recorded.nodes[i].label
        sources = [self._new[source] for source in self._recorded.reads[i]]
        if isinstance(node, Input):
            return self._enter(Input(label, trainable=i in self._recorded.trainables))
        if not isinstance(node, Composed):
            assert isinstance(node, Op)
            return self._enter(type(node).of(sources, label, node.attrs))
        parts = self._parts(i, node)
        assert parts is not None
        copies: dict[Node, Node] = dict(zip(parts.inputs, sources, strict=True))
        for op in parts.ops:
            for source in op.inbound_nodes:
                if source not in copies:
                    copies[source] = self._constant(source, label)
            name = label if op is parts.result else self._names.take(_part_name(label, op))
            copies[op] = self._enter(
                type(op).of([copies[source] for source in op.inbound_nodes], name, op.attrs)
            )
        return copies[parts.result]

    def _constant(self, node: Node, label: str) -> Input:
        array = np.asarray(node.value, np.float64)
        if array.size > 1:
            return self._enter(Input(self._names.take(f"{label}_constants"), value=array))
        number = float(array.reshape(()))
        if number not in self._constants:
            name = self._names.take(f"constant {number!r}".removesuffix(".0"))
            self._constants[number] = self._enter(Input(name, value=array.reshape(())))
            self._constants[number].constant = True
        return self._constants[number]

    def _enter(self, node: N) -> N:
        self._made.append(node)
        return node


def _part_name(label: str, op: Op) -> str:
    return f"{label}_{type(op).__name__.lower()}"
