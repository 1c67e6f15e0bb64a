"""Passes as mfdebug has recorded them against what an independent recorder has kept."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from miniflow.ops.base import Array
from tests.program.compare import PassSeen, same, short


def kept(path: Path) -> dict[str, Any]:
    """Return what the independent recorder has written."""
    found: dict[str, Any] = pickle.loads(path.read_bytes())
    return found


def array(bits: Any) -> Array | None:
    """Return dtype, shape and bytes as an array."""
    if bits is None:
        return None
    dtype, shape, data = bits
    return np.frombuffer(data, dtype).reshape(shape)


def results_of(held: dict[str, Any], starts: list[Any]) -> list[int]:
    """Return the results that some tensors depend on, in the order in which they were made."""
    found: set[int] = set()
    new = [start[1] for start in starts if start[0] == "result"]
    while new:
        result = new.pop()
        if result not in found:
            found.add(result)
            sources = held["calls"][held["results"][result]["call"]]["sources"]
            new += [source[1] for source in sources if source[0] == "result"]
    return sorted(found)


# Names of results whose functions were not seen.
UNSEEN = ("hidden", "overwritten")


class Compared:
    """What differs in one pass; `after` has the trained leaves when the next pass began."""

    def __init__(self, held: dict[str, Any], at: int, seen: PassSeen) -> None:
        self.held = held
        self.expected = held["passes"][at]
        self.seen = seen
        self.node_of: dict[int, int] = {}
        self.leaf_of: dict[int, int] = {}
        self.trained: set[int] = set()
        self.numbers = 0

    def differences(self) -> Iterator[str]:
        held, seen = self.held, self.seen
        right = results_of(held, self.expected["starts"])
        # A function with several results has a node of its own before theirs.
        several = {
            source
            for i, kind in enumerate(seen.kinds)
            if kind == "result"
            for source in seen.inbound[i]
        }
        nodes = [
            i
            for i, kind in enumerate(seen.kinds)
            if seen.inbound[i] and kind != "costs" and i not in several
        ]
        if len(nodes) != len(right):
            names = [held["calls"][held["results"][r]["call"]]["name"] for r in right]
            kinds = [seen.kinds[i] for i in nodes]
            yield f"{len(right)} results, seen {len(nodes)}: {names}, {kinds}"
            return
        for result, node in zip(right, nodes, strict=True):
            self.node_of[result] = node
            yield from self._result(result, node)
        places: dict[int, Any] = {n: ("result", r) for r, n in self.node_of.items()}
        places |= {n: ("leaf", leaf) for leaf, n in self.leaf_of.items()}
        for result in right:
            if self._name(result) not in UNSEEN:
                yield from self._sent(result, self.node_of[result], places)
        yield from self._sent_to(places)
        for leaf, grad in self.expected["grads"].items():
            node = self.leaf_of.get(leaf, -1)
            if node >= 0:
                yield from self._same("grad of leaf", node, array(grad), self._gradient(node))

    def _name(self, result: int) -> str:
        return str(self.held["calls"][self.held["results"][result]["call"]]["name"])

    def _call_node(self, node: int) -> int:
        return self.seen.inbound[node][0] if self.seen.kinds[node] == "result" else node

    def _result(self, result: int, node: int) -> Iterator[str]:
        held, seen = self.held, self.seen
        call = held["calls"][held["results"][result]["call"]]
        of_call = self._call_node(node)
        if call["name"] not in (*UNSEEN, seen.kinds[of_call].strip("_")):
            yield f"{call['name']}, seen {seen.kinds[of_call]}"
        value = array(held["results"][result]["value"])
        yield from self._same("value", node, value, seen.values.get(node))
        gradient = array(self.expected["gradients"].get(result))
        if self.expected["error"] and self._gradient(node) is None:
            # What has arrived where backward has failed need not be known.
            gradient = None
        yield from self._same("gradient", node, gradient, self._gradient(node))
        if call["name"] in UNSEEN:
            return
        nodes = seen.inbound[of_call]
        for source, there in zip(call["sources"], nodes, strict=False):
            if source[0] == "leaf":
                self.leaf_of[source[1]] = there
                if source[3]:
                    self.trained.add(source[1])
                yield from self._same("argument", there, array(source[2]), seen.values.get(there))
            elif self.node_of.get(source[1]) != there:
                yield f"{call['name']} takes {self.node_of.get(source[1])}, seen {there}"
        if len(call["sources"]) > len(nodes):
            yield f"{call['name']} takes {len(call['sources'])} tensors, seen {len(nodes)}"

    def _sent(self, result: int, node: int, places: dict[int, Any]) -> Iterator[str]:
        seen, of_call = self.seen, self._call_node(node)
        number = self.held["results"][result]["call"]
        for index, source in enumerate(seen.inbound[of_call]):
            if seen.inbound[of_call].index(source) != index or source not in places:
                continue
            right = array(self.expected["edges"].get((number, places[source])))
            sent = seen.sent.get((of_call, index))
            yield from self._same(f"sent to {source} by", of_call, right, sent)

    def _sent_to(self, places: dict[int, Any]) -> Iterator[str]:
        """Compare all that is sent to each node, whoever is said to send it.

        Two nodes that stand for what was not seen may share it.
        """
        seen = self.seen
        for target, place in places.items():
            # One result of a function may be computed from another one: that is not sent to it.
            own = self.held["results"][place[1]]["call"] if place[0] == "result" else -1
            edges = self.expected["edges"].items()
            rights = [bits[2] for (call, to), bits in edges if to == place and call != own]
            sent = [a.tobytes() for (n, i), a in seen.sent.items() if seen.inbound[n][i] == target]
            self.numbers += len(rights)
            if sorted(rights) != sorted(sent):
                yield f"sent to {seen.kinds[target]} {target}: {len(rights)}, seen {len(sent)}"

    def leaf_differences(self) -> Iterator[str]:
        """Compare only parameters and their gradients: what is in between was not seen."""
        for leaf, grad in self.expected["grads"].items():
            value = array(self.expected["held"][leaf])
            nodes = [
                i for i, seen in self.seen.inputs.items() if value is not None and same(seen, value)
            ]
            for node in nodes[:1]:
                self.leaf_of[leaf] = node
                self.trained.add(leaf)
                yield from self._same("grad of leaf", node, array(grad), self._gradient(node))
            if not nodes:
                yield f"a leaf of {self.seen.line} was not seen"

    def _gradient(self, node: int) -> Array | None:
        """Return the gradient of a node: its own, or the one contribution that there is."""
        seen = self.seen
        if node in seen.own:
            return seen.own[node]
        sent = [a for (n, index), a in seen.sent.items() if seen.inbound[n][index] == node]
        return sent[0] if len(sent) == 1 else None

    def _same(self, what: str, node: int, right: Array | None, seen: Array | None) -> Iterator[str]:
        name = f"{what} {self.seen.kinds[node]} {node}"
        self.numbers += 1
        if right is None or seen is None:
            if right is not seen:
                words = ["none" if a is None else short(a) for a in (right, seen)]
                yield f"{name}: {words[0]}, seen {words[1]}"
        elif not same(right, seen):
            yield f"{name}: {short(right)}, seen {short(seen)}"


def differences(
    held: dict[str, Any], seen: list[PassSeen], *, leaves_only: bool = False
) -> tuple[list[str], int]:
    """Return what differs, a sentence each, and how many numbers were compared."""
    found: list[str] = []
    # What has raised forward has no run of the engine.
    seen = [
        seen_pass
        for seen_pass in seen
        if seen_pass.fault is None or seen_pass.fault[0] != "forward"
    ]
    if len(held["passes"]) != len(seen):
        found.append(f"{len(held['passes'])} passes, {len(seen)} seen")
    compared = [
        Compared(held, i, seen_pass) for i, seen_pass in enumerate(seen[: len(held["passes"])])
    ]
    for at, comparison in enumerate(compared):
        words = comparison.leaf_differences() if leaves_only else comparison.differences()
        found += [f"pass {at}: {each}" for each in words]
    for at, comparison in enumerate(compared):
        for leaf in comparison.trained:
            node = comparison.leaf_of[leaf]
            told = comparison.seen.after.get(node)
            later = compared[at + 1 :]
            again = [other for other in later if leaf in other.leaf_of]
            here = [other for other in again if other.seen.line == comparison.seen.line]
            rights = [other.seen.inputs[other.leaf_of[leaf]] for other in (*again[:1], *here[:1])]
            if not any(other.trained == comparison.trained for other in here):
                rights.append(array(held["end"][leaf]))
            if leaf in held["passes"][at]["stepped"]:
                rights.append(array(held["passes"][at]["stepped"][leaf]))
            # Another tensor may have taken its place.
            if (node in comparison.seen.others and not here) or (told is None and not here):
                # It is said to be another's; or the program had freed it before it ended.
                continue
            if rights and (told is None or not any(same(told, right) for right in rights)):
                found.append(f"pass {at}: {node} afterwards {rights}, seen {told}")
    return found, sum(comparison.numbers for comparison in compared)
