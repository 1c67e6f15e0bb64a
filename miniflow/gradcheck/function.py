"""Some nodes of a plan as a function: of the values of their sources, to the value of the last."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import numpy as np

from miniflow.errors import MiniflowError
from miniflow.gradcheck.differences import EPSILON
from miniflow.ops.base import Array
from miniflow.plans.base import Plan


class Function:
    """The nodes `run`, in topological order, evaluated at other values of `sources`.

    `refused`: the last evaluation raised an error, as one at class numbers that are no integers
    does; its value is NaN. `work` is the time that an evaluation takes, in numbers: it computes
    and copies as many, and each input of a node costs a call, which takes as long as `CALL`.
    """

    CALL = 200
    ROUNDED = 4  # How often `noise` rounds anew.

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

    def noise(self, upstream: Array) -> float:
        """Return how far Σ upstream · value moves if all that it is computed from is rounded anew.

        A sum of large numbers that cancel has an error that its own size does not show.
        """
        rng = np.random.default_rng(0)

        def round_anew(node: int) -> None:
            value = self._plan.value(node)
            # Class numbers, and other small integers, are exact.
            if not (np.abs(value) < 2**31).all() or (value != np.rint(value)).any():
                digits = rng.choice([-4.0, 0.0, 4.0], value.shape)
                self._plan.set_value(node, value * (1 + digits * EPSILON))

        before = self._kept.get(self._end, self.base.get(self._end))
        moved = [0.0]
        with np.errstate(all="ignore"), contextlib.suppress(MiniflowError):
            for _ in range(self.ROUNDED):
                for source, value in self.base.items():
                    self._plan.set_value(source, value)
                    round_anew(source)
                for node in self._run:
                    self._plan.forward(node)
                    round_anew(node)
                change = (upstream * (self._plan.value(self._end) - before))[upstream != 0]
                moved.append(abs(float(change.sum())))
        for source, value in self.base.items():
            self._plan.set_value(source, value)
        return float(np.max(moved))

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


class Move:
    """The value of a function with one entry of a source moved; each move is evaluated once."""

    def __init__(self, function: Function, source: int, index: tuple[int, ...]) -> None:
        self._function, self._source, self.index = function, source, index
        self.x = float(function.base[source][index])
        self._values: dict[float, Array] = {}
        self._refused = 0

    def __call__(self, x: float) -> Array:
        """Return the value with the entry at x."""
        if x not in self._values:
            moved = self._function.base[self._source].copy()
            moved[self.index] = x
            self._values[x] = self._function.at({self._source: moved})
            self._refused += self._function.refused
        return self._values[x]

    def noise(self, upstream: Array) -> float:
        """Return what rounding can do to the value, in all."""
        return self._function.noise(upstream)

    @property
    def finite(self) -> bool:
        """Whether all sources are finite where they stand: 0 times infinity is no mistake."""
        return all(np.isfinite(value).all() for value in self._function.base.values())

    @property
    def refused(self) -> bool:
        """Whether no move of the entry could be evaluated."""
        return 0 < self._refused == len(self._values)
