"""How the topological order of a graph is found, as moments before the start.

With n nodes these are the moments -(n + 1) to -1: at the first one every node has counted the
inputs that it waits for, and each of the others places one node. They are those of Kahn's algorithm
(A. B. Kahn, "Topological sorting of large networks", CACM 5, 1962) as
`miniflow.toposort.topological_order` runs it: the node with index i is the one placed at number
i + 1, so that all counts follow from node indices, and any moment costs the same.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from miniflow.graph import Graph


class Queue(Struct, frozen=True):
    """The first of the nodes that wait for nothing, in the order in which they are placed."""

    first: list[int]
    length: int


class Ordering:
    """What is placed, what is ready and what waits, when `placed` nodes are in the order."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # For each node, how many nodes are placed when it waits for nothing.
        last = (max(sources, default=-1) + 1 for sources in graph.inbound)
        self._ready_from = np.fromiter(last, np.int64, len(graph))
        counts = np.bincount(self._ready_from, minlength=len(graph) + 1)
        self._ready_by = np.cumsum(counts)

    def waits_for(self, node: int, placed: int) -> int:
        """Return how many of a node's inputs are not placed; an input taken twice counts twice."""
        return sum(source >= placed for source in self._graph.inbound[node])

    def joins(self, node: int, placed: int) -> bool:
        """Whether a node has become ready by the last placement."""
        return bool(self._ready_from[node] == placed)

    def queue(self, placed: int, most: int) -> Queue:
        """Return the nodes that are ready and not placed, `most` of them by their indices."""
        length = int(self._ready_by[placed]) - placed
        found = np.flatnonzero(self._ready_from[placed:] <= placed)[:most] + placed
        return Queue(found.tolist(), length)
