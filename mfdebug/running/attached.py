"""The debugger that a program has started on its terminal: the program is there already."""

from __future__ import annotations

import os
import time

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Ring
from mfdebug.running.debuggee import LOOK_AT_MOST_EVERY, Debuggee
from mfdebug.running.intake import Sink

# Seconds after which a program that was let go on has left the place where it waited.
TO_GO_ON = 0.05


class Attached(Debuggee):
    """The program that has started this process, and goes on when it has ended.

    What it prints comes from the descriptor `reading`, if that is not negative.
    """

    def __init__(self, ring: str, reading: int, sink: Sink) -> None:
        self._program = os.getppid()
        mapped = Ring(ring, ring)
        # Without a name it is gone when both sides are, however they end.
        mapped.unlink()
        super().__init__(mapped, sink, None if reading < 0 else reading)

    def is_gone(self) -> bool:
        """Whether the program has come to its end, or its process is gone."""
        return self.taker.over or os.getppid() != self._program

    def kill(self) -> None:
        """Leave the program, which goes on alone when this process has ended."""
        self._leaving = True
        self.look()
        # It waits at the end of a pass, and there finds us gone.
        self.ring.set_word(words.STOP_AT, 0)

    def see_off(self) -> None:
        """Take what the program prints, until it waits or has ended."""
        # It may just be about to go on.
        time.sleep(TO_GO_ON)
        while not (self.ended or self.waits_after is not None):
            if not self.look():
                time.sleep(LOOK_AT_MOST_EVERY)
        self.look()
