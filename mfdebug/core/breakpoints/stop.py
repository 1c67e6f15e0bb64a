"""A stop, a hit of it, and the lines that report hits."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mfdebug.core.breakpoints.finding import Finding
from mfdebug.core.breakpoints.parser import triggers
from mfdebug.core.breakpoints.triggers import AtPositions, Trigger
from mfdebug.core.timeline.debugger import Debugger
from miniflow.errors import MiniflowError


class Stop(Struct):
    """A stop, with the command line that sets it; the next `ignored` hits do not stop the run."""

    number: int
    line: str
    trigger: Trigger
    temporary: bool = False
    enabled: bool = True
    ignored: int = 0
    hits: int = 0

    @property
    def fixed_positions(self) -> frozenset[int] | None:
        """The positions of each SGD step at which it is always met; None if a test decides."""
        trigger = self.trigger
        if isinstance(trigger, AtPositions) and trigger.condition is None:
            return trigger.positions
        return None


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


def trigger_of(debugger: Debugger, line: str) -> Trigger | None:
    """Return the trigger of a command line; None if the graph lacks what it names."""
    try:
        ((_, trigger),) = triggers(debugger, line.partition(" ")[2])
    except MiniflowError:
        return None
    return trigger
