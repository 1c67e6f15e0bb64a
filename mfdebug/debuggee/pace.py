"""How much of a running program is written down: passes whole as long as that takes little time.

Watching a pass whole takes a multiple of the program's own time. While nobody waits for a pass,
such passes are rationed: they take `SHARE` of the program's time, after a first `BURST`.
"""

from __future__ import annotations

from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

# Seconds that watching may take at first, so that short programs are kept whole.
BURST = 1.0
# Seconds that it may take for each second of the program's own.
SHARE = 0.25


class Pace:
    """Decides, after each pass, whether the next one is watched whole.

    `spent` are the seconds that watching took since the last pass; the taps add to it.
    """

    def __init__(self) -> None:
        self.whole = True
        self.spent = 0.0
        self._credit = BURST
        self._last = self._entered = perf_counter()
        # The kind at which watching began: it goes on until that comes again, which shows
        # all passes of a step of the program.
        self._first: Hashable = None

    def enter(self) -> None:
        """Start to count the time that watching takes."""
        self._entered = perf_counter()

    def leave(self) -> None:
        """Count the time since `enter`."""
        self.spent += perf_counter() - self._entered

    def ended(self, kind: Hashable) -> None:
        """Note the end of a pass, before the program may have to wait."""
        self.leave()
        own = max(0.0, perf_counter() - self._last - self.spent)
        self._credit = min(BURST, self._credit + SHARE * own) - self.spent
        if self.whole:
            self.whole = self._credit > 0 or (self._first is not None and kind != self._first)
        else:
            self.whole = self._credit > 0
            self._first = kind if self.whole else None

    def start(self) -> None:
        """Start to measure the next pass."""
        self.spent = 0.0
        self._last = self._entered = perf_counter()
