"""Some nodes of a plan as a function: of the values of their sources, to the value of the last."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from miniflow.errors import MiniflowError
from miniflow.ops.base import Array
from miniflow.plan import Plan


class Function:
    """The nodes `run`, in topological order, evaluated at other values of `sources`.

    `refused`: the last evaluation raised an error, as one at class numbers that are no integers
    does; its value is NaN. `work` is the time that an evaluation takes, in numbers: it computes
    and copies as many, and each input of a node costs a call, which takes as long as `CALL`.
    """

    CALL = 200

    def __init__(self, plan: Plan, sources: list[int], run: list[int]) -> None:
        self._plan = plan
        self._run = run
        self.base = {source: np.array(plan.value(source)) for source in sources}
        self._kept = {node: np.array(plan.value(node)) for node in run}
        self._end = run[-1] if run else sources[0]
        self.refused = False
        numbers = sum(value.size for held in (self.base, self._kept) for value in held.values())
        calls = sum(len(plan.graph.inbound[node]) for node in run)
        self.work = numbers + self.CALL * calls

    def at(self, moved: Mapping[int, Array]) -> Array:
        """Return the value with these sources moved, all others where they stand."""
        plan = self._plan
        for source, value in moved.items():
            plan.set_value(source, value)
        self.refused = False
        try:
            for node in self._run:
                plan.forward(node)
            return np.array(plan.value(self._end))
        except MiniflowError:
            self.refused = True
            return np.full(plan.shapes[self._end], np.nan)
        finally:
            for source in moved:
                plan.set_value(source, self.base[source])

    def unsteady(self, own: set[int], times: int) -> int | None:
        """Return the first node whose value changes though no source moves, None if none does.

        Only a node in the lesson's style, one of `own`, can: it draws random numbers, or counts.
        """
        if own.isdisjoint(self._run):
            return None
        try:
            for _ in range(times):
                for node in self._run:
                    self._plan.forward(node)
                    value = self._plan.value(node)
                    if node in own and not np.array_equal(value, self._kept[node], equal_nan=True):
                        return node
        finally:
            self.restore()
        return None

    def restore(self) -> None:
        """Put the values of the nodes back."""
        for node, value in self._kept.items():
            self._plan.set_value(node, value)
