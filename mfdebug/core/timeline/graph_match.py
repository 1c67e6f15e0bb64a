"""Which node of one graph is which node of another: by name, then by structure.

Two exports of a model have other names and orders, and often other ops for the same thing. A pair
of nodes has one shape; only matrices of weights can be stored transposed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Op, Shape


def match(a: Graph, b: Graph) -> list[int | None]:
    """Return the node of `b` for each node of `a`, or None.

    Nodes with the same name and shape are pairs, and so are the costs. Then inputs with the same
    numbers; ops of one kind whose inputs are pairs; and inputs of such ops.
    """
    return _Matcher(a, b).partners


class _Matcher:
    def __init__(self, a: Graph, b: Graph) -> None:
        self.a, self.b = a, b
        self.shapes = a.shapes(), b.shapes()
        self.partners: list[int | None] = [None] * len(a)
        self._taken: set[int] = set()
        for i, node in enumerate(a.nodes):
            self._pair(i, b.by_name.get(node.label))
        self._pair(a.cost, b.cost)
        self._by_numbers()
        self._by_inputs()
        self._by_consumers()
        self._by_inputs()
        self._left_over()

    def _pair(self, i: int, j: int | None) -> bool:
        """Make a pair of two nodes, unless one has a partner already or their shapes differ."""
        if j is None or self.partners[i] is not None or j in self._taken:
            return False
        shape, other = self.shapes[0][i], self.shapes[1][j]
        # A matrix of weights is stored as it is, or transposed.
        weights = _is_trained(self.a.nodes[i]) and _is_trained(self.b.nodes[j])
        if shape != other and not (weights and len(shape) == 2 and shape == other[::-1]):
            return False
        self.partners[i] = j
        self._taken.add(j)
        return True

    def _free_inputs(self, *, of_b: bool) -> list[int]:
        graph = self.b if of_b else self.a
        return [
            i
            for i, node in enumerate(graph.nodes)
            if isinstance(node, Input)
            and (i not in self._taken if of_b else self.partners[i] is None)
        ]

    def _by_numbers(self) -> None:
        """Make pairs of inputs with the same numbers."""
        found: defaultdict[Hashable, list[int]] = defaultdict(list)
        for j in self._free_inputs(of_b=True):
            found[_numbers(self.b.nodes[j])].append(j)
        for i in self._free_inputs(of_b=False):
            candidates = found[_numbers(self.a.nodes[i])]
            if candidates and self._pair(i, candidates[0]):
                candidates.pop(0)

    def _by_inputs(self) -> None:
        """Make pairs of ops of one kind whose inputs are pairs, from the inputs on."""
        found: defaultdict[Hashable, list[int]] = defaultdict(list)
        for j, node in enumerate(self.b.nodes):
            if self.b.inbound[j] and j not in self._taken:
                found[_kind(node), tuple(self.b.inbound[j])].append(j)
        for i, node in enumerate(self.a.nodes):
            sources = [self.partners[source] for source in self.a.inbound[i]]
            if sources and None not in sources and self.partners[i] is None:
                candidates = found[_kind(node), tuple(sources)]
                if candidates and self._pair(i, candidates[0]):
                    candidates.pop(0)

    def _by_consumers(self) -> None:
        """Make pairs of the inputs of ops that are pairs and of one kind, from the cost back."""
        for i in reversed(range(len(self.a))):
            j = self.partners[i]
            if j is None or _kind(self.a.nodes[i]) != _kind(self.b.nodes[j]):
                continue
            sources, others = self.a.inbound[i], self.b.inbound[j]
            if len(sources) != len(others):
                continue
            for source, other in zip(sources, others, strict=True):
                if _kind(self.a.nodes[source]) == _kind(self.b.nodes[other]):
                    self._pair(source, other)

    def _left_over(self) -> None:
        """Make pairs of the inputs that are fed, in their order."""
        fed = [
            [i for i in self._free_inputs(of_b=of_b) if not _is_trained(graph.nodes[i])]
            for of_b, graph in ((False, self.a), (True, self.b))
        ]
        for i in fed[0]:
            for j in fed[1]:
                if self._pair(i, j):
                    break


def _is_trained(node: Node) -> bool:
    return isinstance(node, Input) and node.trainable


def _kind(node: Node) -> Hashable:
    """Return what an op is, with its attributes; of an input, whether it is trained."""
    if isinstance(node, Op):
        return type(node).__name__, repr(sorted(node.attrs.items()))
    return type(node).__name__, _is_trained(node)


def _numbers(node: Node) -> Hashable:
    """Return an input's numbers as a key; -0 and 0 differ."""
    array = np.ascontiguousarray(node.value, np.float64)
    return _is_trained(node), array.shape, array.tobytes()


def match_by_value(
    partners: list[int | None],
    a: Sequence[Array],
    b: Sequence[Array],
    differing: Sequence[int],
    tolerance: float,
) -> list[int | None]:
    """Return the partners with those changed of nodes that have none, or one that differs.

    `a` and `b` are the values of both graphs; `differing` are the nodes of the first whose pairs
    differ. The new partner has the same value, up to `tolerance` times its largest number, and no
    partner with the same value yet.
    """
    found = list(partners)
    free = set(range(len(b))) - {j for j in partners if j is not None}
    free |= {j for i in differing if (j := partners[i]) is not None}
    by_shape: defaultdict[Shape, list[tuple[float, int]]] = defaultdict(list)
    for j in free:
        by_shape[b[j].shape].append((_size(b[j]), j))
    for candidates in by_shape.values():
        candidates.sort()
    for i in sorted({*differing, *(i for i, j in enumerate(partners) if j is None)}):
        size, candidates = _size(a[i]), by_shape[a[i].shape]
        start = bisect_left(candidates, (size * (1 - tolerance), -1))
        for place in range(start, len(candidates)):
            other, j = candidates[place]
            if other > size * (1 + tolerance):
                break
            if j in free and a[i].size > 1 and _is_equal(a[i], b[j], tolerance):
                for k in differing:
                    if found[k] == j:
                        found[k] = None
                found[i] = j
                free.discard(j)
                break
    return found


def _size(array: Array) -> float:
    """Return the sum of the sizes of all numbers, equal for equal arrays but for rounding."""
    total = float(np.abs(array, dtype=np.float64).sum())
    return total if np.isfinite(total) else 0.0


def _is_equal(x: Array, y: Array, tolerance: float) -> bool:
    scale = float(np.abs(x).max(initial=0.0))
    return bool((np.abs(x - y) <= tolerance * scale).all())


def unmatched(partners: Sequence[int | None], b: Graph) -> tuple[list[int], list[int]]:
    """Return the nodes of either graph that have no partner."""
    taken = set(partners)
    return (
        [i for i, partner in enumerate(partners) if partner is None],
        [j for j in range(len(b)) if j not in taken],
    )
