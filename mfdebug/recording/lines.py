"""Which structures form one line of time: those with the same graph below the cost.

Every node that the cost depends on is reached from the cost by following inputs in order, so a walk
from the cost numbers them in a unique way: two graphs are the same if their walks are. This is
exact, also for identical nameless nodes and shared inputs, and linear in nodes and edges.

Nodes that the cost does not depend on do not distinguish lines. They are matched by class, name and
inputs, if the line has them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from mfdebug.recording.records import RecordedNode, Structure

_Key = tuple[str, bool, str, tuple[int, ...]]


def inputs_first(nodes: Sequence[RecordedNode]) -> list[int]:
    """Return the numbers of all nodes, each after its inputs; raise `ValueError` on a cycle."""
    if all(source < i for i, node in enumerate(nodes) for source in node.inbound):
        return list(range(len(nodes)))
    missing = [len(node.inbound) for node in nodes]
    consumers: list[list[int]] = [[] for _ in nodes]
    for i, node in enumerate(nodes):
        for source in node.inbound:
            consumers[source].append(i)
    order = [i for i, count in enumerate(missing) if not count]
    for i in order:
        for consumer in consumers[i]:
            missing[consumer] -= 1
            if not missing[consumer]:
                order.append(consumer)
    if len(order) < len(nodes):
        raise ValueError("the nodes have a cycle")
    return order


def walk(nodes: Sequence[RecordedNode], cost: int) -> list[int]:
    """Return the nodes that the cost depends on, in depth-first order from the cost."""
    order: list[int] = []
    visited = bytearray(len(nodes))
    stack = [cost]
    while stack:
        i = stack.pop()
        if not visited[i]:
            visited[i] = 1
            order.append(i)
            stack.extend(reversed(nodes[i].inbound))
    return order


def fingerprint(nodes: Sequence[RecordedNode], order: Sequence[int]) -> bytes:
    """Return a hash that is equal for equal graphs; `order` is the walk of this one."""
    position = {i: k for k, i in enumerate(order)}
    form = [
        (node.kind, node.ours, node.name, [position[source] for source in node.inbound])
        for node in (nodes[i] for i in order)
    ]
    return blake2b(msgspec.msgpack.encode(form), digest_size=16).digest()


class Line:
    """The nodes of a line, numbered as in its first structure, and the order of the calls."""

    def __init__(self, structure: Structure, order: list[int]) -> None:
        self.structure = structure
        self.order = order
        self.both = bool(structure.forward and structure.backward)

    def mapping(self, structure: Structure) -> list[int]:
        """Return the number in this line of each node of a structure, -1 if it has none."""
        return self._match(structure, None)

    def adopt(self, structure: Structure) -> None:
        """Take over the call order of a structure, and add the nodes that the line lacks."""
        added: list[RecordedNode] = []
        mapping = self._match(structure, added)
        self.structure = Structure(
            (*self.structure.nodes, *added),
            tuple(mapping[i] for i in structure.forward),
            tuple(mapping[i] for i in structure.backward),
            self.structure.cost,
        )
        self.both = True

    def _match(self, structure: Structure, added: list[RecordedNode] | None) -> list[int]:
        """Return the mapping; append missing nodes to `added`, unless that is None."""
        nodes, ours = structure.nodes, self.structure.nodes
        mapping = [-1] * len(nodes)
        for i, here in zip(walk(nodes, structure.cost), self.order, strict=True):
            mapping[i] = here
        if len(self.order) == len(nodes):
            return mapping
        free: dict[_Key, deque[int]] = defaultdict(deque)
        reaches_cost = set(self.order)
        for i in inputs_first(ours):
            if i not in reaches_cost:
                free[_key(ours[i], ours[i].inbound)].append(i)
        for i in inputs_first(nodes):
            if mapping[i] >= 0:
                continue
            node = nodes[i]
            inbound = tuple(mapping[source] for source in node.inbound)
            if -1 in inbound:
                continue
            if candidates := free.get(_key(node, inbound)):
                mapping[i] = candidates.popleft()
            elif added is not None:
                mapping[i] = len(ours) + len(added)
                added.append(msgspec.structs.replace(node, inbound=inbound))
        return mapping


def _key(node: RecordedNode, inbound: tuple[int, ...]) -> _Key:
    return node.kind, node.ours, node.name, inbound


class Lines:
    """The lines of a run, in the order of their first structures."""

    def __init__(self) -> None:
        self.all: list[Line] = []
        self._by_fingerprint: dict[bytes, int] = {}

    def add(self, structure: Structure) -> tuple[int, bool]:
        """Return the line of a structure, and whether an existing line was changed."""
        order = walk(structure.nodes, structure.cost)
        number = self._by_fingerprint.setdefault(fingerprint(structure.nodes, order), len(self.all))
        if number == len(self.all):
            self.all.append(Line(structure, order))
        elif not self.all[number].both and structure.forward and structure.backward:
            self.all[number].adopt(structure)
            return number, True
        return number, False
