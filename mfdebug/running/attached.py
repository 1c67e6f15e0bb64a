"""The debugger's side when the program itself has started the debugger (`set_trace`)."""

from __future__ import annotations

import os
import time

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Ring
from mfdebug.running.debuggee import MAX_POLL_INTERVAL, Debuggee
from mfdebug.running.intake import Sink

# Seconds after which a resumed program no longer reports that it waits.
RESUME_SECONDS = 0.05


class Attached(Debuggee):
    """The program that has started this process, and continues when this process ends.

    Its output is read from the descriptor `reading`, unless that is negative. `program` is its
    process, if it has said so: it may have ended before this one could ask who its parent is.
    """

    def __init__(self, ring: str, reading: int, sink: Sink, program: int | None = None) -> None:
        self._program = os.getppid() if program is None else program
        mapped = Ring(ring, ring)
        # Without a name it vanishes with both sides, however they end.
        mapped.unlink()
        super().__init__(mapped, sink, None if reading < 0 else reading)

    def has_exited(self) -> bool:
        """Whether the program has reported its end, or its process has ended."""
        return self.intake.over or os.getppid() != self._program

    def kill(self) -> None:
        """Let the program continue alone, as soon as this process has ended."""
        self._quitting = True
        self.poll()
        # It waits at the end of a pass, where it notices that this process has ended.
        self.ring.set_word(words.STOP_AT, 0)

    def drain(self) -> None:
        """Read the program's output until it waits again or has ended."""
        # It may just be about to continue.
        time.sleep(RESUME_SECONDS)
        while not (self.over or self.waits_after is not None):
            if not self.poll():
                time.sleep(MAX_POLL_INTERVAL)
        self.poll()
