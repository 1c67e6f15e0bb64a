"""The bars of a run of repeated blocks: how its values and gradients grow or fade."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mfdebug.core.circuit.boxes import Box
from mfdebug.core.circuit.drawing.readings import WAITING, Readings
from mfdebug.core.circuit.layout.columns import MOST_BARS
from mfdebug.core.format.numbers import BARS


def shown_blocks(box: Box, active: int | None) -> list[int]:
    """Return the numbers of the blocks that have a bar: at most 24, with the active one."""
    count = len(box.units)
    shown = min(count, MOST_BARS)
    picked = [place * (count - 1) // max(1, shown - 1) for place in range(shown)]
    if active is not None and active not in picked:
        nearest = min(range(shown), key=lambda place: abs(picked[place] - active))
        picked[nearest] = active
    return picked


def block_of(box: Box, node: int | None) -> int | None:
    """Return the number of the block that a node is in."""
    return next((number for number, unit in enumerate(box.units) if node in unit), None)


def bars(box: Box, blocks: Sequence[int], readings: Readings, *, gradient: bool) -> str:
    """Return a bar for the last node of each block, on a logarithmic scale of at least a decade.

    An exact 0 is blank, a block without a number `∙`, one that is not finite `!`.
    """
    sizes = [readings.size(box.units[block][-1], gradient=gradient) for block in blocks]
    powers = [math.log10(size) for size in sizes if size and math.isfinite(size)]
    high = max(powers, default=0.0)
    low = min(min(powers, default=0.0), high - 1)

    def bar(size: float | None) -> str:
        if size is None:
            return WAITING
        if not math.isfinite(size):
            return "!"
        if not size:
            return " "
        return BARS[round((math.log10(size) - low) / (high - low) * (len(BARS) - 1))]

    return "".join(map(bar, sizes))
