"""The debugger that a program has started on its terminal: the program is there already."""

from __future__ import annotations

import os

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.control import Debuggee
from mfdebug.debuggee.ring import Ring
from mfdebug.debuggee.taking import Sink


class Attached(Debuggee):
    """The program that has started this process, and goes on when it has ended.

    What it prints comes from the descriptor `reading`, if that is not negative.
    """

    def __init__(self, ring: str, reading: int, sink: Sink) -> None:
        self._program = os.getppid()
        mapped = Ring(ring)
        # Without a name it is gone when both sides are, however they end.
        os.unlink(ring)
        super().__init__(mapped, sink, None if reading < 0 else reading)

    def is_gone(self) -> bool:
        """Whether the program has come to its end, or its process is gone."""
        return self.taker.over or os.getppid() != self._program

    def kill(self) -> None:
        """Leave the program, which goes on alone."""
        self._leaving = True
        self.look()
        self.ring.set_word(words.STOP_AT, words.NEVER)
