"""The SGD steps before those of a trace, as far as stops look back at them.

`prev(x)` asks for the step before, and a trace begins anew with each stretch of steps. Without what
came before, nothing would be known of its first step, which would have to be gone through moment by
moment, stretch after stretch.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.expressions.operators import Rows
from mfdebug.core.timeline.cursor import Edit
from miniflow.plans.trace import Trace

Kind = Literal["value", "before", "gradient"]


class TraceTooShort(Exception):  # noqa: N818 - it is no error, only not known
    """What is asked for happened before the trace begins."""


class NoStepBefore(TraceTooShort):
    """What is asked for would have happened before the run began."""


class Lookback(Struct, frozen=True):
    """How many SGD steps back a stop looks, and at which nodes' values and gradients."""

    steps: int = 0
    values: frozenset[int] = frozenset()
    gradients: frozenset[int] = frozenset()

    def joined(self, other: Lookback) -> Lookback:
        """Return what both look back at together."""
        return Lookback(
            max(self.steps, other.steps),
            self.values | other.values,
            self.gradients | other.gradients,
        )


class Past:
    """Copies of what was looked at in SGD steps in a row, from number `first` on.

    `edits` are those in force: what is known of a step holds only with them. `full` is as of the
    trace that it is from.
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
        """Return the rows of a node; raises `TraceTooShort` where it was not looked at."""
        if (kind, node) not in self._rows:
            raise TraceTooShort
        return self._rows[kind, node]

    def until(self, sgd_step: int, steps: int, edits: tuple[Edit, ...], *, full: bool) -> Past:
        """Return what is known of up to so many SGD steps right before a certain one."""
        end = sgd_step - self.first
        begin = max(0, end - steps)
        if edits is not self.edits or full != self.full or not 0 < end <= self.steps:
            return Past(edits, sgd_step, full=full)
        rows = {key: array[begin:end] for key, array in self._rows.items()}
        return Past(edits, self.first + begin, end - begin, rows, full=full)

    def and_then(self, trace: Trace, lookback: Lookback, trained: set[int]) -> Past:
        """Return this together with what a trace that follows right on it has of some nodes."""
        kinds: dict[tuple[Kind, int], Rows] = {}
        for node in lookback.values:
            kinds["value", node] = trace.value(node)
            if node in trained:
                kinds["before", node] = trace.before(node)
        for node in lookback.gradients:
            kinds["gradient", node] = trace.gradient(node)
        if not self.steps or not kinds.keys() <= self._rows.keys():
            copies = {key: array.copy() for key, array in kinds.items()}
            return Past(self.edits, trace.first, trace.steps, copies, full=trace.full)
        rows = {key: np.concatenate([self._rows[key], array]) for key, array in kinds.items()}
        return Past(self.edits, self.first, self.steps + trace.steps, rows, full=trace.full)
