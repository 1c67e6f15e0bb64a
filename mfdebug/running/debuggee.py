"""A program that is recorded, as its debugger sees it: it waits, is let go on, is asked."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Ring
from mfdebug.recording.program_output import Output
from mfdebug.recording.records import Impatience
from mfdebug.running.intake import Sink, Taker
from miniflow.errors import MiniflowError

# Seconds between two looks at the program: short while an answer is awaited.
LOOK_EVERY = 0.0005
LOOK_AT_MOST_EVERY = 0.01
# Seconds that a program has to come to the end of a pass, once nobody wants to wait longer.
TO_COME_TO_REST = 0.5


class Debuggee:
    """A program whose recorder writes into `ring`.

    What it prints is read from the descriptor `reading`, if it comes to us.
    """

    def __init__(self, ring: Ring, sink: Sink, reading: int | None) -> None:
        self.ring = ring
        self.taker = Taker(ring, sink)
        self.output = Output()
        # Whether the program has ended, and all that it left was taken; and with which status.
        self.ended = False
        self.status: int | None = None
        self._sink = sink
        self._reading = reading
        # The app looks while it leaves, and its worker may look at the same time.
        self._looking = threading.Lock()
        self._leaving = False
        self._closed = False
        if reading is not None:
            os.set_blocking(reading, False)

    def is_gone(self) -> bool:
        """Whether the process of the program has ended."""
        raise NotImplementedError

    def kill(self) -> None:
        """Leave the program; end it, if it was started for the debugger."""
        raise NotImplementedError

    # Going on ----------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take what there is by now; return whether there was anything."""
        with self._looking:
            if self._closed:
                return False
            over = not self.ended and self.is_gone()
            found = self.taker.take()
            found = self._read() or found
            if over:
                self._finish()
            elif not found:
                self._sink.keep_due()
            return found

    def go_on(self, number: int, impatience: Impatience | None = None) -> None:
        """Let the program run until pass `number` is complete, it ends, or calls `set_trace`.

        When `impatience` returns True it is to wait at the end of the pass that runs now; if it
        comes to none it goes on by itself.
        """
        if self.ended or self.taker.complete >= number:
            return
        traced_before = self.traced_at
        self.ring.set_word(words.STOP_AT, number)
        self.ring.set_word(words.RESUMED, self.ring.word(words.RESUMED) + 1)
        nap, given_up = LOOK_EVERY, 0.0
        while not (self.ended or self._leaving or self._waits_at(number)):
            if self.traced_at not in (None, traced_before):
                break
            if self.look():
                nap = LOOK_EVERY
            else:
                time.sleep(nap)
                nap = min(1.2 * nap, LOOK_AT_MOST_EVERY)
            if given_up:
                if time.monotonic() > given_up or self._waits_at(0):
                    break
            elif impatience is not None and impatience():
                self.ring.set_word(words.STOP_AT, 0)
                given_up = time.monotonic() + TO_COME_TO_REST
        self.look()
        with self._looking:
            if not self._closed and self._sink.show():
                # Nobody who looks at the pass has to wait until it is kept.
                threading.Thread(target=self._keep, name="keep", daemon=True).start()

    def _keep(self) -> None:
        # What cannot be written is said at the next call.
        with self._looking, contextlib.suppress(MiniflowError):
            if not self._closed:
                self._sink.flush()

    def _waits_at(self, number: int) -> bool:
        return self.ring.word(words.WAITS_AT) > number

    @property
    def waits_after(self) -> int | None:
        """The pass at whose end the program stands still, if it does."""
        waits = self.ring.word(words.WAITS_AT)
        return waits - 1 if waits and not self.ended else None

    @property
    def traced_at(self) -> int | None:
        """The pass at whose end the program waits because it has called `set_trace`."""
        waits = self.waits_after
        return waits if waits is not None and self.ring.word(words.TRACED_AT) == waits + 1 else None

    def ask(self, question: bytes) -> bytes:
        """Ask about a node of the pass that the program waits after; return its answer, if any."""
        answer = Path(f"{self.ring.sidecar}.answer")
        asked = Path(f"{self.ring.sidecar}.ask")
        try:
            asked.write_bytes(question)
            number = self.ring.word(words.ASKED) + 1
            self.ring.set_word(words.ASKED, number)
            while self.ring.word(words.ANSWERED) != number and not self.ended:
                self.look()
                time.sleep(LOOK_EVERY)
            return answer.read_bytes() if answer.exists() else b""
        finally:
            asked.unlink(missing_ok=True)
            answer.unlink(missing_ok=True)

    def _read(self) -> bool:
        """Read what the program has printed, where that comes to us."""
        found = False
        while self._reading is not None:
            try:
                data = os.read(self._reading, 2**16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._close_reading()
                break
            found = True
            self.output.take(data)
            self._sink.output(self.taker.count - 1, "stdout", data)
        return found

    def _close_reading(self) -> None:
        if self._reading is not None:
            os.close(self._reading)
            self._reading = None

    # The end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Take nothing more: the sink is closed next."""
        with self._looking:
            self._closed = True

    def _finish(self) -> None:
        """Know how the program ended, once it has."""
        self.ended = True
        self._close_reading()
        self._sink.end(self.status, self.ending)
        self._sink.flush()

    @property
    def ending(self) -> str:
        """Why there will be no further pass, in words; empty while there may be."""
        if not self.ended:
            return self.taker.problem and f"nothing more is recorded: {self.taker.problem}"
        if self.taker.error:
            return f"the program ended: {self.taker.error}"
        return self._how_it_ended()

    def _how_it_ended(self) -> str:
        return "the program has ended" if self.taker.over else "the program was ended"

    @property
    def failed(self) -> bool:
        """Whether it ended as a program does that has failed."""
        return bool(self.status) or bool(self.taker.error)
