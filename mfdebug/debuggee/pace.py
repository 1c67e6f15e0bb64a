"""How much of a running program is written down: passes whole as long as that takes little time.

Watching a pass whole takes a multiple of the program's own time. While nobody waits for a pass,
such passes are rationed: they take a share of the program's time, after a first `BURST`.
"""

from __future__ import annotations

from time import perf_counter

# Seconds that watching may take at first, so that short programs are kept whole.
BURST = 1.0
# Seconds that it may take for each second of the program's own.
SHARE = 0.1
# Passes that are watched at most until the kind comes again with which watching began.
MAX_CYCLE = 8
# Kinds of passes that are remembered.
MAX_KINDS = 2000
# What watching takes, as a multiple of what is measured while it is done: the calls that torch
# makes to us are not. The first guess, and the most that is believed when passes have been timed
# without it.
FACTOR, MAX_FACTOR = 2.0, 5.0
# How fast the average of a pass's own time follows.
_WEIGHT = 1 / 8


class Pace:
    """Decides, after each pass, whether the next one is watched whole.

    `spent` are the seconds that watching took since the last pass; the taps add to it. `asked`: the
    pass is watched because the debugger waits for it, so it costs nothing here.
    """

    def __init__(self) -> None:
        self.whole = True
        self.asked = False
        self.spent = 0.0
        # Passes since the last call of `start` whose ends were not noted here.
        self.unseen = 0
        self._credit = BURST
        self._last = self._entered = perf_counter()
        # Seconds that a pass of a kind takes when nothing is watched.
        self._own: dict[int, float] = {}
        # Whether the pass before this one was watched: what it has left to do falls into this one.
        self._after_whole = True
        # The kind at which watching began: it goes on until that comes again, which shows
        # all passes of a step of the program; and the passes since.
        self._first = -1
        self._cycle = 0

    def ask(self) -> None:
        """Have the pass that starts here watched, for nothing."""
        self.whole = self.asked = True
        self.start()

    def enter(self) -> None:
        """Start to count the time that watching takes."""
        self._entered = perf_counter()

    def leave(self) -> None:
        """Count the time since `enter`."""
        self.spent += perf_counter() - self._entered

    @property
    def in_debt(self) -> bool:
        """Whether no time is left for watching."""
        return self._credit <= 0

    def own(self, kind: int) -> float:
        """Return the seconds that a pass of a kind takes when nothing is watched, 0 if unknown."""
        return self._own.get(kind, 0.0)

    def rest(self, kind: int) -> float:
        """Return how many passes of a kind will end before one is watched."""
        own = self.own(kind)
        return 0.0 if own <= 0 else -self._credit / (SHARE * own)

    def ended(self, kind: int) -> None:
        """Note the end of a pass, before the program may have to wait."""
        now = perf_counter()
        elapsed = (now - self._last) / (1 + self.unseen)
        own = self._own.get(kind)
        self.spent += now - self._entered
        if self.whole or self._after_whole:
            extra = FACTOR * self.spent if own is None else elapsed - own
            taken = min(max(self.spent, min(extra, MAX_FACTOR * self.spent)), elapsed)
            elapsed -= taken
            if not self.asked:
                self._credit -= taken
        elif own is None:
            if len(self._own) >= MAX_KINDS:
                self._own.clear()
            self._own[kind] = elapsed
        else:
            self._own[kind] = own + (min(elapsed, 2 * own) - own) * _WEIGHT
        if own is not None:
            # A program that waits, as for a line to read, gets nothing for that.
            elapsed = min(elapsed, 4 * own)
        earned = SHARE * elapsed * (1 + self.unseen)
        self._credit = min(BURST, self._credit + earned)
        self._after_whole = self.whole
        affordable = self._credit > 0
        if self.whole:
            self._cycle += 1
            in_cycle = self._first >= 0 and kind != self._first and self._cycle < MAX_CYCLE
            self.whole = affordable or in_cycle
        elif affordable:
            self.whole, self._first, self._cycle = True, kind, 0

    def start(self) -> None:
        """Start to measure the next pass."""
        self.spent = 0.0
        self.unseen = 0
        self._last = self._entered = perf_counter()
