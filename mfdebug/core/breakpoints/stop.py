"""A stop, a hit of it, and the lines that report hits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.timeline import Moment

if TYPE_CHECKING:
    from mfdebug.core.breakpoints.finding import Finding
    from mfdebug.core.breakpoints.triggers import Trigger


class LastHit(Struct, frozen=True):
    """The last moment at which a stop has stopped a run, in the graph of a debugger."""

    debugger: Debugger
    moment: Moment

    def number_in(self, debugger: Debugger) -> int | None:
        """Return the moment's number; None in another graph, or if the moment is there no more.

        The numbers of a program's moments change when more of its passes is known.
        """
        if debugger is not self.debugger:
            return None
        position = debugger.timeline.position_of(self.moment.phase, self.moment.node)
        if position is None:
            return None
        return debugger.timeline.start_of(self.moment.sgd_step) + position


class Stop(Struct):
    """A stop, with the command line that sets it; the next `ignored` hits do not stop the run."""

    number: int
    line: str
    trigger: Trigger
    temporary: bool = False
    enabled: bool = True
    ignored: int = 0
    hits: int = 0
    last_hit: LastHit | None = None


class Hit(Struct, frozen=True):
    """A stop that is met, and why."""

    stop: Stop
    finding: Finding


def hit_lines(hits: Iterable[Hit]) -> list[str]:
    """Return one line per reason, with the numbers of all stops that were met for it.

    `stop 1: nan: ...`, `stops 1 and 9: nan: ...`; for stops with different command lines these are
    included: `stops 1 and 9 (break nan, break nan at q): nan: ...`.
    """
    by_reason: dict[str, list[Stop]] = {}
    for hit in hits:
        by_reason.setdefault(hit.finding.words, []).append(hit.stop)
    lines = []
    for words, stops in by_reason.items():
        *most, last = [str(stop.number) for stop in stops]
        numbers = f"stops {', '.join(most)} and {last}" if most else f"stop {last}"
        set_by = list(dict.fromkeys(stop.line for stop in stops))
        note = f" ({', '.join(set_by)})" if len(set_by) > 1 else ""
        lines.append(f"{numbers}{note}: {words}")
    return lines
