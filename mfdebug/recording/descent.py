"""Whether an input follows its gradient: evidence of training where no rate explains the changes.

A trained input goes downhill, in most entries and pass after pass. Data may do so by chance.
"""

from __future__ import annotations

import numpy as np

from mfdebug.recording.rates import Change
from miniflow.ops.base import Array

# Without a rate, an input is trained if so many entries, and such a share, went downhill.
MIN_ENTRIES, MIN_SHARE = 8, 0.8
# The usual momentum coefficient.
MOMENTUM = 0.9


class Descent:
    """The directions in which inputs have moved, over the passes that were examined."""

    def __init__(self) -> None:
        self._averages: dict[int, Array] = {}
        self._moved: dict[int, Array] = {}
        # Counts of entries that kept their direction, and of entries that reversed it.
        self._kept: dict[int, tuple[int, int]] = {}
        # Counts of entries that went downhill, and of entries that moved otherwise.
        self._followed: dict[tuple[int, str], tuple[int, int]] = {}

    def follows_gradient(self, node: int, change: Change) -> bool:
        """Whether an input follows its gradient, judging by this pass and earlier ones."""
        if change.gradient is None or change.whole:
            return False
        with np.errstate(all="ignore"):
            moved = np.asarray(change.after - change.before, np.float64).reshape(-1)
            slope = np.asarray(change.gradient, np.float64).reshape(-1)
            # Momentum and related rules follow a decaying average of gradients.
            average = self._averages.get(node, np.zeros(0))
            average = slope if average.shape != slope.shape else MOMENTUM * average + slope
            self._averages[node] = average
            directions = {"now": moved * slope, "average": moved * average}
        steady = self._keeps_direction(node, moved)
        found = False
        for name, signs in directions.items():
            # A change without a gradient may be weight decay, but is more often data.
            down = int(np.count_nonzero(signs < 0))
            others = int(np.count_nonzero(moved)) - down
            before = self._followed.get((node, name), (0, 0))
            down, others = down + before[0], others + before[1]
            self._followed[node, name] = down, others
            found = found or (down >= MIN_ENTRIES and down >= MIN_SHARE * (down + others))
        return found and steady

    def _keeps_direction(self, node: int, moved: Array) -> bool:
        """Whether an input kept its direction between passes more often than it reversed it.

        Redrawn labels fall where they were high: that is downhill, but back and forth.
        """
        before = self._moved.get(node, np.zeros(0))
        self._moved[node] = moved
        kept, turned = self._kept.get(node, (0, 0))
        if before.shape == moved.shape:
            kept += int(np.count_nonzero(before * moved > 0))
            turned += int(np.count_nonzero(before * moved < 0))
        self._kept[node] = kept, turned
        return kept >= MIN_ENTRIES and kept > turned
