"""The surroundings of a box, for a graph with too many boxes even when it is folded."""

from __future__ import annotations

from collections.abc import Sequence

from mfdebug.core.circuit.boxes import Parts
from mfdebug.core.circuit.cells import plain
from mfdebug.core.circuit.folds.excerpt import excerpt
from mfdebug.core.circuit.folds.folding import Folding

HOPS = 2
MOST_BOXES = 30
# A gate with more inputs shows so many of them.
MOST_INPUTS = 12
# Inputs and consumers of a box that are looked at.
_INPUTS, _CONSUMERS = 8, 4


def neighbourhood(folding: Folding, centre: int) -> Parts:
    """Return the boxes within two hops of a group: at most 30, named entries and exits included.

    It takes time by the neighbourhood, not by the graph.
    """
    found = {centre: None}
    ring = [centre]
    for _ in range(HOPS):
        beside = dict.fromkeys(other for number in ring for other in _beside(folding, number))
        ring = [number for number in beside if number not in found]
        found.update(dict.fromkeys(ring))
    inside = [*found][:MOST_BOXES]
    border = _Border(folding, inside)
    while len(inside) > 1 and len(inside) + border.size(set(inside)) > MOST_BOXES:
        inside.pop()

    def exit_name(groups: list[int]) -> str:
        first = plain(folding.groups[groups[0]].key)
        return first if len(groups) == 1 else f"{first} and {len(groups) - 1:,} more"

    return excerpt(folding, inside, exit_name=exit_name, most_inputs=MOST_INPUTS)


def _beside(folding: Folding, number: int) -> list[int]:
    """Return some of the groups that a group takes, and that take it."""
    found = [folding.group_of[node] for node in folding.inputs(number)[:_INPUTS]]
    for node in folding.outputs(number):
        found += folding.users(node)[:_CONSUMERS]
        if len(found) > MOST_BOXES:
            break
    return found


class _Border:
    """How many entries and exits a neighbourhood has, whichever of its groups are inside."""

    def __init__(self, folding: Folding, groups: Sequence[int]) -> None:
        group_of = folding.group_of
        # The inputs of each group with their groups; the groups that use each of its outputs.
        self._inputs = {g: [(i, group_of[i]) for i in folding.inputs(g)] for g in groups}
        self._users = {g: [set(folding.users(node)) for node in folding.outputs(g)] for g in groups}

    def size(self, inside: set[int]) -> int:
        """Return how many there are if these groups are inside."""
        entries: set[int] = set()
        exits = 0
        for number in inside:
            outside = [i for i, group in self._inputs[number] if group not in inside]
            # What is beyond the first inputs is one entry.
            entries.update(outside[:MOST_INPUTS])
            exits += sum(not users <= inside for users in self._users[number])
        return len(entries) + exits
