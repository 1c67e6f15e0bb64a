"""Some nodes of a plan as a function from the values of their sources to the last node's value."""

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

    `failed`: the last evaluation raised an error, as for class numbers that are not integers; its
    value is NaN. `work` is the cost of an evaluation, in numbers computed and copied; each input of
    a node costs one call, which takes as long as `CALL` numbers.
    """

    CALL = 200
    ROUNDINGS = 4  # How often `noise` perturbs the values.

    def __init__(self, plan: Plan, sources: list[int], run: list[int]) -> None:
        self._plan = plan
        self._run = run
        self.base = {source: np.array(plan.value(source)) for source in sources}
        self._original = {node: np.array(plan.value(node)) for node in run}
        self._end = run[-1] if run else sources[0]
        self.failed = False
        numbers = sum(
            value.size for values in (self.base, self._original) for value in values.values()
        )
        calls = sum(len(plan.graph.inbound[node]) for node in run)
        self.work = numbers + self.CALL * calls

    def at(self, moved: Mapping[int, Array]) -> Array:
        """Return the value with these sources moved and all others at their own values."""
        plan = self._plan
        for source, value in moved.items():
            plan.set_value(source, value)
        self.failed = False
        try:
            for node in self._run:
                plan.forward(node)
            return np.array(plan.value(self._end))
        except MiniflowError:
            self.failed = True
            return np.full(plan.shapes[self._end], np.nan)
        finally:
            for source in moved:
                plan.set_value(source, self.base[source])

    def noise(self, upstream: Array) -> float:
        """Return how far Σ upstream · value moves if the last digits of all its operands change.

        A sum of large numbers that cancel has an error that its own size does not show.
        """
        rng = np.random.default_rng(0)

        def perturb(node: int) -> None:
            value = self._plan.value(node)
            # Class numbers and other small integers are exact.
            if not (np.abs(value) < 2**31).all() or (value != np.rint(value)).any():
                digits = rng.choice([-4.0, 0.0, 4.0], value.shape)
                self._plan.set_value(node, value * (1 + digits * EPSILON))

        before = self._original.get(self._end, self.base.get(self._end))
        moved = [0.0]
        with np.errstate(all="ignore"), contextlib.suppress(MiniflowError):
            for _ in range(self.ROUNDINGS):
                for source, value in self.base.items():
                    self._plan.set_value(source, value)
                    perturb(source)
                for node in self._run:
                    self._plan.forward(node)
                    perturb(node)
                change = (upstream * (self._plan.value(self._end) - before))[upstream != 0]
                moved.append(abs(float(change.sum())))
        for source, value in self.base.items():
            self._plan.set_value(source, value)
        return float(np.max(moved))

    def find_nondeterministic(self, own: set[int], times: int) -> int | None:
        """Return the first node whose value differs between equal evaluations, or None.

        Only a node in the lesson's style, one of `own`, can change: it draws random numbers, or
        counts its calls.
        """
        if own.isdisjoint(self._run):
            return None
        try:
            for _ in range(times):
                for node in self._run:
                    self._plan.forward(node)
                    value = self._plan.value(node)
                    if node in own and not np.array_equal(
                        value, self._original[node], equal_nan=True
                    ):
                        return node
        finally:
            self.restore()
        return None

    def restore(self) -> None:
        """Restore the values of the nodes."""
        for node, value in self._original.items():
            self._plan.set_value(node, value)


class Move:
    """The value of a function with one entry of a source moved; each result is cached."""

    def __init__(self, function: Function, source: int, index: tuple[int, ...]) -> None:
        self._function, self._source, self.index = function, source, index
        self.x = float(function.base[source][index])
        self._values: dict[float, Array] = {}
        self._failures = 0

    def __call__(self, x: float) -> Array:
        """Return the value with the entry at x."""
        if x not in self._values:
            moved = self._function.base[self._source].copy()
            moved[self.index] = x
            self._values[x] = self._function.at({self._source: moved})
            self._failures += self._function.failed
        return self._values[x]

    def noise(self, upstream: Array) -> float:
        """Return the rounding noise of Σ upstream · value (`Function.noise`)."""
        return self._function.noise(upstream)

    @property
    def finite(self) -> bool:
        """Whether all sources are finite at their own values: 0 × infinity is not an error."""
        return all(np.isfinite(value).all() for value in self._function.base.values())

    @property
    def failed(self) -> bool:
        """Whether every evaluation raised an error."""
        return 0 < self._failures == len(self._values)
