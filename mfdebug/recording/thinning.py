"""Which passes keep their numbers when a run has become too large to keep them all.

The newest keep them all; of older ones every 2nd does, then every 4th, and so on. What is kept
follows from three numbers, so that nothing has to be noted for each pass, and thinning goes on a
few passes at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

# Passes that are looked at in one go.
CHUNK = 64
_MOST = 1 << 41


class Thinning(Struct, frozen=True, forbid_unknown_fields=True):
    """Of the passes below `until` those whose turn is a multiple of `stride` are kept.

    Below `swept` it is twice the stride already.
    """

    stride: Annotated[int, Meta(ge=1, le=_MOST)] = 1
    swept: Annotated[int, Meta(ge=0, le=_MOST)] = 0
    until: Annotated[int, Meta(ge=0, le=_MOST)] = 0

    def keeps(self, number: int, turn: int) -> bool:
        """Whether a pass is kept; `turn` counts the passes over its structure."""
        if number >= self.until:
            return True
        return turn % (2 * self.stride if number < self.swept else self.stride) == 0

    def is_within(self, other: Thinning) -> bool:
        """Whether all is kept here that `other` keeps."""
        most = 2 * self.stride if self.swept else self.stride
        return self.until <= other.until and other.stride % most == 0


class Step(NamedTuple):
    """A step of thinning: how it stands after it, the passes looked at, and with which stride."""

    thinning: Thinning
    passes: range
    stride: int


class StoredRows:
    """The bytes that each pass has in one table, and how far that is thinned."""

    def __init__(self) -> None:
        self.thinning = Thinning()
        self.sizes = array("q")
        self.total = 0
        # Of those below `until`.
        self.old = 0

    def put(self, number: int, size: int) -> None:
        """Note the size of a pass, a new one or one that replaces another."""
        if number == len(self.sizes):
            self.sizes.append(0)
        change = size - self.sizes[number]
        self.sizes[number] = size
        self.total += change
        if number < self.thinning.until:
            self.old += change

    def next_step(self, end: int) -> Step | None:
        """Return what to thin next below pass `end`, or None if there is nothing more.

        While the older half is the lighter one, newer passes are thinned as it is; else the older
        are thinned once more.
        """
        now = self.thinning
        if now.until < end and not now.swept and 2 * self.old <= self.total:
            stop = min(end, now.until + CHUNK)
            return Step(Thinning(now.stride, 0, stop), range(now.until, stop), now.stride)
        if not now.until or now.stride > len(self.sizes):
            return None
        stop = min(now.until, now.swept + CHUNK)
        after = Thinning(now.stride, stop, now.until)
        if stop == now.until:
            after = Thinning(2 * now.stride, 0, now.until)
        return Step(after, range(now.swept, stop), 2 * now.stride)

    def take(self, step: Step, turns: Sequence[int]) -> list[int]:
        """Take a step; return the passes whose bytes are dropped."""
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
