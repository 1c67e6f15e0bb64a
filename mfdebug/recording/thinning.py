"""Which passes keep their numbers once a run is too large to keep all of them.

The newest passes keep theirs; of older ones every 2nd does, then every 4th, and so on. Three
numbers determine what is kept, so nothing is stored per pass, and thinning advances a few passes at
a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

# Passes processed in one step.
CHUNK = 64
_MOST = 1 << 41


class Thinning(Struct, frozen=True, forbid_unknown_fields=True):
    """Below pass `until`, those whose turn is a multiple of `stride` are kept.

    Below `swept`, the stride is already doubled.
    """

    stride: Annotated[int, Meta(ge=1, le=_MOST)] = 1
    swept: Annotated[int, Meta(ge=0, le=_MOST)] = 0
    until: Annotated[int, Meta(ge=0, le=_MOST)] = 0

    def keeps(self, number: int, turn: int) -> bool:
        """Whether a pass is kept; `turn` is its number among the passes over its structure."""
        if number >= self.until:
            return True
        return turn % (2 * self.stride if number < self.swept else self.stride) == 0

    def is_within(self, other: Thinning) -> bool:
        """Whether this keeps everything that `other` keeps."""
        most = 2 * self.stride if self.swept else self.stride
        return self.until <= other.until and other.stride % most == 0


class Step(NamedTuple):
    """A step of thinning: the state after it, the passes that it covers, and their stride."""

    thinning: Thinning
    passes: range
    stride: int


class StoredRows:
    """The size of each pass in one table, and how far the table is thinned."""

    def __init__(self) -> None:
        self.thinning = Thinning()
        self.sizes = array("q")
        self.total = 0
        # The total of the passes below `until`.
        self.old = 0

    def put(self, number: int, size: int) -> None:
        """Set the size of a pass, which may be new or replace another."""
        if number == len(self.sizes):
            self.sizes.append(0)
        change = size - self.sizes[number]
        self.sizes[number] = size
        self.total += change
        if number < self.thinning.until:
            self.old += change

    def next_step(self, end: int) -> Step | None:
        """Return the next step below pass `end`, or None if nothing is left to thin.

        While the thinned part is at most half of the total, more passes are thinned with the same
        stride; otherwise the thinned part is thinned again.
        """
        state = self.thinning
        if state.until < end and not state.swept and 2 * self.old <= self.total:
            stop = min(end, state.until + CHUNK)
            return Step(Thinning(state.stride, 0, stop), range(state.until, stop), state.stride)
        if not state.until or state.stride > len(self.sizes):
            return None
        stop = min(state.until, state.swept + CHUNK)
        after = Thinning(state.stride, stop, state.until)
        if stop == state.until:
            after = Thinning(2 * state.stride, 0, state.until)
        return Step(after, range(state.swept, stop), 2 * state.stride)

    def apply(self, step: Step, turns: Sequence[int]) -> list[int]:
        """Apply a step; return the passes whose bytes are dropped."""
        newer = step.thinning.until > self.thinning.until
        self.thinning = step.thinning
        dropped = []
        for number in step.passes:
            size = self.sizes[number]
            if newer:
                self.old += size
            if size and turns[number] % step.stride:
                self.put(number, 0)
                dropped.append(number)
        return dropped
