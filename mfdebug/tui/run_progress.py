"""The progress of a run in the background: where it is, how fast, and how long it will take."""

from __future__ import annotations

import math

from msgspec import Struct

from mfdebug.tui.terminal.text_fitting import fit

# Columns of the command line, and of the bar.
LINE, LONGEST_BAR, SHORTEST_BAR = 24, 24, 8
# Below this part of the way, or of a second, an estimate of the time left says nothing.
LEAST = 0.005
# Columns of the time left: the bar must not change its length as numbers do.
TIME = len("119 min left")
STOPS = "   any key stops"


class RunProgress(Struct, frozen=True):
    """A run of `line`, `seconds` after its start, in SGD steps from the start of the timeline.

    `aim` is where it goes; None if that is not known.
    """

    line: str
    start: float
    reached: float
    aim: float | None
    seconds: float

    @property
    def part(self) -> float | None:
        """The part of the way that is done, from 0 to 1, or None."""
        if self.aim is None or not self.start <= self.reached <= self.aim or self.aim <= self.start:
            return None
        return (self.reached - self.start) / (self.aim - self.start)

    @property
    def left(self) -> float | None:
        """The seconds that are left at the speed so far, or None."""
        if self.part is None or self.part < LEAST or self.seconds < LEAST:
            return None
        return self.seconds * (1 - self.part) / self.part

    @property
    def speed(self) -> float | None:
        """The SGD steps per second so far, or None."""
        forward = self.reached > self.start and self.seconds >= LEAST
        return (self.reached - self.start) / self.seconds if forward else None

    def words(self, width: int) -> str:
        """Return one line of at most `width` columns, with a bar if the aim is known."""
        line = fit(self.line, min(LINE, len(self.line)))
        reached = f"{math.floor(self.reached):,}"
        if self.part is None or self.aim is None:
            rate = "" if self.speed is None else f"  {_short(self.speed)} steps a second"
            return f"{line}  SGD step {reached}{rate}{STOPS}"
        step = f"SGD step {reached:>{len(f'{math.floor(self.aim):,}')}}"
        time = "" if self.left is None else f"{time_text(self.left)} left"
        after = f" {math.floor(100 * self.part):3d} %  {step}{time:>{TIME}}{STOPS}"
        room = min(LONGEST_BAR, width - len(line) - 2 - len(after))
        bar = _bar(self.part, room) if room >= SHORTEST_BAR else ""
        return f"{line}  {bar}{after}"


def time_text(seconds: float) -> str:
    """Return a duration in its largest unit: `12 s`, `3 min`, `2 h`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{math.ceil(seconds)} s"


def _bar(part: float, width: int) -> str:
    """Return a bar that differs in form, as there may be no colours."""
    done = round(part * width)
    return "━" * done + "─" * (width - done)


def _short(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
