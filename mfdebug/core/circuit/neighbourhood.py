"""The surroundings of a box, for a graph with too many boxes even when it is folded."""

from __future__ import annotations

from mfdebug.core.circuit.boxes import Parts
from mfdebug.core.circuit.cells import plain
from mfdebug.core.circuit.excerpt import excerpt
from mfdebug.core.circuit.folding import Folding

HOPS = 2
MOST_BOXES = 30
# A gate with more inputs shows so many of them.
MOST_INPUTS = 12
# Inputs and consumers of a box that are looked at.
_INPUTS, _CONSUMERS = 8, 4


def neighbourhood(folding: Folding, centre: int) -> Parts:
    """Return the boxes within two hops of a group: at most 30, and named entries and exits.

    It takes time by the neighbourhood, not by the graph.
    """
    inside = {centre}
    ring = [centre]
    for _ in range(HOPS):
        grown: list[int] = []
        for number in ring:
            for other in _beside(folding, number):
                fits = len(folding.inputs(other)) <= MOST_INPUTS
                if other not in inside and len(inside) < MOST_BOXES and fits:
                    inside.add(other)
                    grown.append(other)
        ring = grown

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
