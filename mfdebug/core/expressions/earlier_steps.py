"""The SGD steps before those of a trace, as far as stops look back.

`prev(x)` refers to the previous step, and every batch of steps starts a new trace. Without the
steps before it, the first step of every batch would have to be replayed moment by moment.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.expressions.functions import Rows
from mfdebug.core.timeline.edits import Edit
from miniflow.plans.trace import Trace

Kind = Literal["value", "before", "gradient"]


class TraceTooShort(Exception):  # noqa: N818 - not an error, only not known
    """The requested step is before the start of the trace."""


class NoEarlierStep(TraceTooShort):
    """The requested step is before the start of the run."""


class Lookback(Struct, frozen=True):
    """How many SGD steps back a stop looks, and which nodes' values and gradients it needs."""

    steps: int = 0
    values: frozenset[int] = frozenset()
    gradients: frozenset[int] = frozenset()

    def joined(self, other: Lookback) -> Lookback:
        """Return the union of both."""
        return Lookback(
            max(self.steps, other.steps),
            self.values | other.values,
            self.gradients | other.gradients,
        )


class EarlierSteps:
    """Copies of the rows of some nodes in consecutive SGD steps, starting with step `first`.

    The copies are valid only with the same `edits` in force. `full` is that of the trace that they
    are from.
    """

    def __init__(
        self,
        edits: tuple[Edit, ...] = (),
        first: int = 0,
        steps: int = 0,
        rows: dict[tuple[Kind, int], Rows] | None = None,
        *,
        full: bool = False,
    ) -> None:
        self.edits = edits
        self.first = first
        self.steps = steps
        self.full = full
        self._rows = rows or {}

    def rows(self, kind: Kind, node: int) -> Rows:
        """Return the rows of a node; raise `TraceTooShort` if they were not copied."""
        if (kind, node) not in self._rows:
            raise TraceTooShort
        return self._rows[kind, node]

    def before(
        self, sgd_step: int, steps: int, edits: tuple[Edit, ...], *, full: bool
    ) -> EarlierSteps:
        """Return the copies of up to `steps` SGD steps right before `sgd_step`."""
        end = sgd_step - self.first
        start = max(0, end - steps)
        if edits is not self.edits or full != self.full or not 0 < end <= self.steps:
            return EarlierSteps(edits, sgd_step, full=full)
        rows = {key: array[start:end] for key, array in self._rows.items()}
        return EarlierSteps(edits, self.first + start, end - start, rows, full=full)

    def extended(self, trace: Trace, lookback: Lookback, trained: set[int]) -> EarlierSteps:
        """Return these steps followed by those of the trace right after them."""
        kinds: dict[tuple[Kind, int], Rows] = {}
        for node in lookback.values:
            kinds["value", node] = trace.value(node)
            if node in trained:
                kinds["before", node] = trace.before(node)
        for node in lookback.gradients:
            kinds["gradient", node] = trace.gradient(node)
        if not self.steps or not kinds.keys() <= self._rows.keys():
            copies = {key: array.copy() for key, array in kinds.items()}
            return EarlierSteps(self.edits, trace.first, trace.steps, copies, full=trace.full)
        rows = {key: np.concatenate([self._rows[key], array]) for key, array in kinds.items()}
        return EarlierSteps(self.edits, self.first, self.steps + trace.steps, rows, full=trace.full)
