"""Which structures are one line of time: the same graph under the cost, however it was walked.

Every node that the cost depends on is reached from the cost by following inputs in their order, so
a walk from the cost numbers them in one way only: two graphs are the same if their walks are. That
is exact, twins without a name and shared inputs included, and linear in nodes and edges.

Nodes that the cost does not depend on do not tell lines apart. They are found again by their class,
name and inputs, as far as the line has them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from mfdebug.recording.records import RecordedNode, Structure

_Key = tuple[str, bool, str, tuple[int, ...]]


def inputs_first(nodes: Sequence[RecordedNode]) -> list[int]:
    """Return the numbers of all nodes, each after its inputs; `ValueError` if there is a circle."""
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
        raise ValueError("nodes that depend on themselves")
    return order


def walk(nodes: Sequence[RecordedNode], cost: int) -> list[int]:
    """Return the nodes that the cost depends on, as they are met on a walk from it."""
    order: list[int] = []
    met = bytearray(len(nodes))
    ahead = [cost]
    while ahead:
        i = ahead.pop()
        if not met[i]:
            met[i] = 1
            order.append(i)
            ahead.extend(reversed(nodes[i].inbound))
    return order


def fingerprint(nodes: Sequence[RecordedNode], order: Sequence[int]) -> bytes:
    """Return what all graphs have in common that are the same as this one, walked in `order`."""
    place = {i: k for k, i in enumerate(order)}
    form = [
        (node.kind, node.ours, node.name, [place[source] for source in node.inbound])
        for node in (nodes[i] for i in order)
    ]
    return blake2b(msgspec.msgpack.encode(form), digest_size=16).digest()


class Line:
    """The nodes of a line, numbered as in its first structure, and how a pass goes through them."""

    def __init__(self, structure: Structure, order: list[int]) -> None:
        self.structure = structure
        self.order = order
        self.both = bool(structure.forward and structure.backward)

    def mapping(self, structure: Structure) -> list[int]:
        """Return for each node of a structure of this line its number here, -1 if it has none."""
        return self._place(structure, None)

    def adopt(self, structure: Structure) -> None:
        """Take over the order of the calls of a structure, and the nodes that were not here."""
        added: list[RecordedNode] = []
        mapping = self._place(structure, added)
        self.structure = Structure(
            (*self.structure.nodes, *added),
            tuple(mapping[i] for i in structure.forward),
            tuple(mapping[i] for i in structure.backward),
            self.structure.cost,
        )
        self.both = True

    def _place(self, structure: Structure, added: list[RecordedNode] | None) -> list[int]:
        """Return the mapping; nodes that are not here go to `added`, unless that is None."""
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
    """The lines of a run, in the order in which their first structures came."""

    def __init__(self) -> None:
        self.all: list[Line] = []
        self._by_fingerprint: dict[bytes, int] = {}

    def add(self, structure: Structure) -> tuple[int, bool]:
        """Return the line of a structure, and whether that was there and is another now."""
        order = walk(structure.nodes, structure.cost)
        number = self._by_fingerprint.setdefault(fingerprint(structure.nodes, order), len(self.all))
        if number == len(self.all):
            self.all.append(Line(structure, order))
        elif not self.all[number].both and structure.forward and structure.backward:
            self.all[number].adopt(structure)
            return number, True
        return number, False
