"""The costs of branches that were left: for curves beside the present one.

A branch's costs are kept as they were computed when the branch was left. Nothing is computed for
them, so a curve may end before the present one does.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from mfdebug.core.timeline.edits import Edit

# A branch is identified by its tuple of edits, the same object as in `Debugger.branches`.
Branch = tuple[Edit, ...]
# Bytes of costs kept, two million SGD steps: the branches that were left first are dropped.
MEMORY = 16 * 2**20


class LeftBranch(NamedTuple):
    """Costs of another branch: `costs[k]` is that of SGD step k.

    `fork` is the first SGD step in which it may differ from the present branch.
    """

    number: int
    costs: array[float]
    fork: int

    def differs(self, present: array[float]) -> bool:
        """Whether it has a cost that is not one of the present branch, and so a curve."""
        own = self.costs[self.fork :]
        return own != present[self.fork : self.fork + len(own)]


class BranchCosts:
    """The costs of branches that were left, within `memory` bytes."""

    def __init__(self, memory: int = MEMORY) -> None:
        self.memory = memory
        # By identity: edits hold arrays, which have no equality. The tuple is kept with its costs,
        # so that no other tuple gets its id.
        self._kept: dict[int, tuple[Branch, array[float]]] = {}
        # How often costs were kept: a curve is drawn again when it has changed.
        self.kept = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """The memory used by costs."""
        return sum(len(costs) * costs.itemsize for _, costs in self._kept.values())

    def keep(self, branch: Branch, costs: array[float]) -> None:
        """Keep a copy of the costs of a branch that is left, if more of them are known now."""
        _, known = self._kept.pop(id(branch), (branch, array("d")))
        self.kept += 1
        best = costs[:] if len(costs) > len(known) else known
        if len(best):
            self._kept[id(branch)] = branch, best
        while self.bytes > self.memory:
            del self._kept[next(iter(self._kept))]

    def of(self, branch: Branch) -> array[float]:
        """Return the costs of a branch when it was left; empty if none are kept."""
        return self._kept.get(id(branch), (branch, array("d")))[1]

    def others(
        self, branches: Iterable[Branch], present: Branch, step_length: int
    ) -> list[LeftBranch]:
        """Return the costs kept of `branches` other than the present one, in their order.

        `step_length` is the number of moments of an SGD step.
        """
        found = []
        for number, branch in enumerate(branches):
            costs = self.of(branch)
            if branch is not present and len(costs):
                fork = fork_after(branch, present) or 0
                found.append(LeftBranch(number, costs, fork // step_length))
        return found


def fork_after(a: Branch, b: Branch) -> int | None:
    """Return the moment after which two branches may differ, or None if they are the same."""
    same = 0
    for one, other in zip(a, b, strict=False):
        if one is not other:
            break
        same += 1
    return min((edit.after for edit in (*a[same:], *b[same:])), default=None)
