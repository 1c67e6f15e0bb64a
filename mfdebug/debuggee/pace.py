"""How much of a running program is written down: passes whole as long as that takes little time.

Watching a pass whole takes a multiple of the program's own time. While nobody waits for a pass,
such passes are rationed: they take `SHARE` of the time of the others, after a first `BURST`.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

# Seconds that watching may take at first, so that short programs are kept whole.
BURST = 1.0
# Seconds that it may take for each second of the program's own.
SHARE = 0.2
# Kinds of passes whose times are remembered.
MAX_KINDS = 1000


class Pace:
    """Decides, after each pass, whether the next one is watched whole."""

    def __init__(self) -> None:
        self.whole = True
        self._credit = BURST
        self._last = time.perf_counter()
        # Of each kind of pass: seconds when it was not watched.
        self._alone: dict[Hashable, float] = {}
        # The kind at which watching began: it goes on until that comes again, which shows
        # all passes of a step of the program.
        self._first: Hashable = None

    def ended(self, kind: Hashable) -> None:
        """Note the end of a pass."""
        seconds = time.perf_counter() - self._last
        alone = self._alone.get(kind)
        if not self.whole:
            self._credit = min(BURST, self._credit + SHARE * seconds)
            if len(self._alone) >= MAX_KINDS:
                self._alone.clear()
            # A pass may be held up by anything: the estimate rises slowly.
            self._alone[kind] = seconds if alone is None else min(seconds, 1.1 * alone)
            self.whole = self._credit > 0
            self._first = kind if self.whole else None
            return
        self._credit -= seconds / 2 if alone is None else max(0.0, seconds - alone)
        self.whole = self._credit > 0 or (self._first is not None and kind != self._first)

    def start(self) -> None:
        """Start to measure the next pass."""
        self._last = time.perf_counter()
