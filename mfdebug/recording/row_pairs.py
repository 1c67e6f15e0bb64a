"""Which rows of two structures are the same: of two runs of a program, whatever their order is.

A program may sort its nodes by their addresses, so two runs of it may call the same graph in
another order: nodes are compared by their class, their name and what they are computed from.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct

from mfdebug.recording.lines import fingerprint, inputs_first, walk
from mfdebug.recording.records import RecordedNode, Structure


class FirstRows(Struct, frozen=True):
    """The first row that only `a` has and the first that only `b` has, as nodes; None if none."""

    a: int | None
    b: int | None


class RowPairs(Struct, frozen=True):
    """`partner[i]` is the node of the other structure that is node i of this one.

    `first` are the first rows that differ, None if both structures are the same.
    """

    partner: dict[int, int]
    first: FirstRows | None


def row_pairs(a: Structure, b: Structure) -> RowPairs:
    """Return the pairs of nodes, and the first rows in call order that have no partner."""
    keys = _keys(a.nodes), _keys(b.nodes)
    walks = walk(a.nodes, a.cost), walk(b.nodes, b.cost)
    same = fingerprint(a.nodes, walks[0]) == fingerprint(b.nodes, walks[1])
    partner = dict(zip(*walks, strict=True)) if same else {}
    free: dict[bytes, deque[int]] = defaultdict(deque)
    taken = set(partner.values())
    for j in inputs_first(b.nodes):
        if j not in taken:
            free[keys[1][j]].append(j)
    counts = Counter(keys[0]), Counter(keys[1])
    for i in inputs_first(a.nodes):
        key = keys[0][i]
        # Of twins nobody knows which is which, unless all of them are pairs.
        if i not in partner and free[key] and counts[0][key] == counts[1][key]:
            partner[i] = free[key].popleft()
    if same:
        return RowPairs(partner, None)
    return RowPairs(partner, FirstRows(_first(a, *keys), _first(b, *reversed(keys))))


def _keys(nodes: Sequence[RecordedNode]) -> list[bytes]:
    """Return a hash of each node that is equal for nodes that are computed in the same way."""
    keys = [b""] * len(nodes)
    for i in inputs_first(nodes):
        node = nodes[i]
        form = node.kind, node.ours, node.name, [keys[source] for source in node.inbound]
        keys[i] = blake2b(msgspec.msgpack.encode(form), digest_size=16).digest()
    return keys


def rows(structure: Structure) -> Iterator[int]:
    """Yield the nodes in the order of time: inputs, then the calls, then what was not called."""
    yield from dict.fromkeys(
        [
            *(i for i, node in enumerate(structure.nodes) if not node.inbound),
            *structure.forward,
            *inputs_first(structure.nodes),
        ]
    )


def _first(structure: Structure, own: Sequence[bytes], others: Sequence[bytes]) -> int | None:
    """Return the first row that the other structure has not, or not as often."""
    left = Counter(others)
    for i in sorted(rows(structure), key=lambda i: not structure.nodes[i].inbound):
        left[own[i]] -= 1
        if left[own[i]] < 0:
            return i
    return None


def setting_differences(a: RecordedNode, b: RecordedNode) -> list[tuple[str, str, str]]:
    """Return the settings of two nodes that differ: the name and both values as text."""
    first, second = _settings(a), _settings(b)
    names = dict.fromkeys([*first, *second])
    found = [(name, first.get(name, "none"), second.get(name, "none")) for name in names]
    return [row for row in found if row[1] != row[2]]


def _settings(node: RecordedNode) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in node.attributes.items():
        if node.engine and name == "arguments" and isinstance(value, tuple):
            found |= {f"argument {k + 1}": _text(given) for k, given in enumerate(value)}
        elif node.engine and name == "options" and isinstance(value, tuple):
            pairs = [pair for pair in value if isinstance(pair, tuple) and len(pair) == 2]
            found |= {str(option): _text(given) for option, given in pairs}
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    # Texts begin with "=" there, sources with "@".
    return value.removeprefix("=") if isinstance(value, str) else repr(value)
