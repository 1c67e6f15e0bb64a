"""Which moments a page shows: those of one pass, and the ends of others, never too many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger

# The ends of so many passes, and so many moments of one pass.
MOST_PASSES, MOST_MOMENTS = 40, 240
# The passes of a graph that stands at its start; it has no end.
FIRST_PASSES = 20
# Numbers that are read for a page: of all nodes at all moments, and of all their entries.
MOST_READINGS, MOST_ENTRIES = 200_000, 10**9


class PageMoments(Struct, frozen=True):
    """The moments of a page, in order; `passes` of `known` passes are shown by their ends.

    `pass_shown` is the one whose moments are shown: `moments` of `length` of them.
    """

    chosen: tuple[int, ...]
    pass_shown: int
    moments: int
    length: int
    passes: int
    known: int


def page_moments(debugger: Debugger) -> PageMoments:
    """Return the moments of a page: every one of the present pass, and the ends of other passes.

    Of a program's run, of all its passes; of a graph, of those up to the present one, and of the
    first ones from its start. Of long passes, and of large graphs, evenly spaced ones.
    """
    cursor, timeline = debugger.cursor, debugger.timeline
    present = debugger.sgd_step
    known = cursor.passes_run or present + 1
    if cursor.passes_run is None and debugger.moment == 0 and cursor.has_steps:
        known = FIRST_PASSES
    most = _most(debugger)
    length = cursor.last_position(present)
    start = timeline.start_of(present)
    positions = evenly(length, max(2, min(MOST_MOMENTS, most - most // 4)))
    passes = evenly(known, max(2, min(MOST_PASSES, most // 4)))
    ends = [timeline.start_of(step) + cursor.last_position(step) for step in passes]
    inside = [start + position + 1 for position in positions]
    first = [0] if present == 0 else []
    chosen = sorted({*first, *inside, *ends})
    return PageMoments(tuple(chosen), present, len(inside), length, len(ends), known)


def _most(debugger: Debugger) -> int:
    """Return at how many moments all nodes can be read."""
    entries = sum(math.prod(shape) for shape in debugger.plan.shapes)
    return min(MOST_READINGS // len(debugger.graph), MOST_ENTRIES // max(1, 2 * entries))


def evenly(count: int, most: int) -> Sequence[int]:
    """Return up to `most` of the numbers from 0 to below `count`, with the first and the last."""
    if count <= most:
        return range(count)
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
