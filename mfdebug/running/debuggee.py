"""The debugger's handle on a recorded program: poll it, run it to a pass, ask about a node."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Ring
from mfdebug.recording.program_output import Output
from mfdebug.recording.records import ShouldStop
from mfdebug.running.freed_memory import keep_freed_memory
from mfdebug.running.intake import Intake, Sink
from miniflow.errors import MiniflowError

# Seconds between two polls of the program: from short, while an answer is expected, to long.
POLL_INTERVAL = 0.0005
MAX_POLL_INTERVAL = 0.01
# Bytes read at once after which a program that runs freely is polled again soon.
MANY_BYTES = 2**18
# Seconds that an interrupted program has to reach the end of a pass.
REST_SECONDS = 0.5


class Debuggee:
    """A program whose recorder writes into `ring`.

    Its output is read from the descriptor `reading`, if that is not None.
    """

    def __init__(self, ring: Ring, sink: Sink, reading: int | None) -> None:
        self.ring = ring
        self.intake = Intake(ring, sink)
        self.output = Output()
        # Whether the program has ended and all its records were read; its exit status.
        self.ended = False
        self.status: int | None = None
        self._sink = sink
        self._reading = reading
        # The app polls while it quits, and its worker may poll at the same time.
        self._lock = threading.Lock()
        # Whether the debugger quits, so that `run_to` is to return.
        self._quitting = False
        self._closed = False
        keep_freed_memory()
        if reading is not None:
            os.set_blocking(reading, False)

    def has_exited(self) -> bool:
        """Whether the program has ended."""
        raise NotImplementedError

    def kill(self) -> None:
        """Let the program continue alone; end it if it was started for the debugger."""
        raise NotImplementedError

    # Running -----------------------------------------------------------------------------------

    def poll(self) -> bool:
        """Read the available records and output; return whether there were any."""
        with self._lock:
            if self._closed:
                return False
            over = not self.ended and self.has_exited()
            found = self.intake.read_all()
            found = self._read_output() or found
            if over:
                self._finish()
            elif not found:
                self._sink.flush_if_due()
            return found

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        """Run the program until pass `number` is complete, it ends, or it calls `set_trace`.

        Once `should_stop` returns True, the program is to wait at the end of the current pass, or
        of the next one if that is not kept whole; if it does not reach that soon, it keeps running.
        If the recorder has failed, nothing is waited for: the program runs on, unrecorded.
        """
        if self.over or self.intake.complete >= number:
            return
        # It may wait in the middle of that pass, until it notices that it is resumed.
        begun, traced_before = self.intake.count > number, self.traced_at
        if begun or not self._waits_at(number):
            self.ring.set_word(words.STOP_AT, number)
            self.ring.set_word(words.RESUMED, self.ring.word(words.RESUMED) + 1)
        delay, deadline = POLL_INTERVAL, 0.0
        rests_at = 0
        while not (self.over or self._quitting or self._waits_at_end_of(number, begun=begun)):
            if self.traced_at not in (None, traced_before):
                break
            if self.poll():
                delay = POLL_INTERVAL
            else:
                time.sleep(delay)
                delay = min(1.2 * delay, MAX_POLL_INTERVAL)
            if deadline:
                if time.monotonic() > deadline:
                    break
                if self._waits_at(rests_at):
                    self.poll()
                    if rests_at or self.intake.whole:
                        break
                    # The pass after it is waited for from its beginning, so that it is kept whole.
                    rests_at = self.intake.count
                    self.ring.set_word(words.STOP_AT, rests_at)
                    self.ring.set_word(words.RESUMED, self.ring.word(words.RESUMED) + 1)
                    deadline = time.monotonic() + REST_SECONDS
            elif should_stop is not None and should_stop():
                self.ring.set_word(words.STOP_AT, 0)
                deadline = time.monotonic() + REST_SECONDS
        self.poll()
        with self._lock:
            if not self._closed and self._sink.publish():
                # The pass can be shown before it is committed.
                threading.Thread(target=self._flush, name="flush", daemon=True).start()

    def run_freely(self) -> None:
        """Run the program to its end; nobody looks where it wants to be shown."""
        self.ring.set_word(words.STOP_AT, words.NEVER)
        delay = POLL_INTERVAL
        while not self.ended:
            if self.traced_at is not None:
                self.ring.set_word(words.RESUMED, self.ring.word(words.RESUMED) + 1)
            taken = self.ring.word(words.TAKEN)
            found = self.poll()
            # A program with small passes has one for each of our polls, however often we poll, and
            # each takes time from it on cores that they share: the ring has room for many.
            few = not found or 0 < self.ring.word(words.TAKEN) - taken < MANY_BYTES
            delay = min(1.2 * delay, MAX_POLL_INTERVAL) if few else POLL_INTERVAL
            time.sleep(delay)

    def detach(self) -> None:
        """Let the program run on unwatched, from the end of a pass on."""
        self.ring.set_word(words.DETACHED, 1)
        self.ring.set_word(words.STOP_AT, words.NEVER)
        self.ring.set_word(words.RESUMED, self.ring.word(words.RESUMED) + 1)
        deadline = time.monotonic() + REST_SECONDS
        while not (self.ring.word(words.SUSPENDED) or self.ended):
            self.poll()
            time.sleep(POLL_INTERVAL)
            if time.monotonic() > deadline:
                # It has not come to the end of a pass yet.
                break

    def attach(self) -> None:
        """Watch the program again from its next pass on, at whose end it waits."""
        self.ring.set_word(words.STOP_AT, 0)
        self.ring.set_word(words.DETACHED, 0)

    def _flush(self) -> None:
        # The next call reports that the file cannot be written.
        with self._lock, contextlib.suppress(MiniflowError):
            if not self._closed:
                self._sink.flush()

    def _waits_at_end_of(self, number: int, *, begun: bool) -> bool:
        return self._waits_at(number) and (not begun or self.intake.complete >= number)

    def _waits_at(self, number: int) -> bool:
        return self.ring.word(words.WAITS_AT) > number

    @property
    def waits_after(self) -> int | None:
        """The pass at whose end the program waits, or None."""
        waits = self.ring.word(words.WAITS_AT)
        return waits - 1 if waits and not self.ended else None

    @property
    def traced_at(self) -> int | None:
        """The pass at whose end the program waits because it has called `set_trace`, or None."""
        waits = self.waits_after
        return waits if waits is not None and self.ring.word(words.TRACED_AT) == waits + 1 else None

    def ask(self, question: bytes) -> bytes:
        """Ask about a node of the pass after which the program waits.

        Returns the answer, empty if there is none.
        """
        answer = Path(f"{self.ring.sidecar}.answer")
        asked = Path(f"{self.ring.sidecar}.ask")
        try:
            asked.write_bytes(question)
            number = self.ring.word(words.ASKED) + 1
            self.ring.set_word(words.ASKED, number)
            while self.ring.word(words.ANSWERED) != number and not self.over:
                self.poll()
                time.sleep(POLL_INTERVAL)
            return answer.read_bytes() if answer.exists() else b""
        finally:
            asked.unlink(missing_ok=True)
            answer.unlink(missing_ok=True)

    def _read_output(self) -> bool:
        """Read the output of the program; return whether there was any."""
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
            self._sink.output(self.intake.count - 1, "stdout", data)
        return found

    def _close_reading(self) -> None:
        if self._reading is not None:
            os.close(self._reading)
            self._reading = None

    # The end -----------------------------------------------------------------------------------

    def pass_output_to(self, show: Callable[[str], object]) -> None:
        """Call `show` with the output kept so far, then with each new piece.

        Nothing between is lost, although a worker may be reading output at the same time.
        """
        with self._lock:
            kept = self.output
            if kept.dropped:
                show(f"... {kept.dropped} earlier lines are not kept\n")
            show("\n".join([*kept.lines, kept.unfinished]))
            kept.on_text = show

    def close(self) -> None:
        """Stop reading: the sink is closed next."""
        with self._lock:
            self._closed = True

    def _finish(self) -> None:
        """Record how the program has ended."""
        self.ended = True
        self._close_reading()
        self._sink.end(self.status, self.ending)
        self._sink.flush()

    @property
    def over(self) -> bool:
        """Whether there will be no further pass: the program has ended, or its recorder failed."""
        return self.ended or bool(self.intake.problem)

    @property
    def ending(self) -> str:
        """Why there will be no further pass, as a message; empty while there may be one."""
        if not self.ended or self.intake.problem:
            return self.intake.problem and f"recording stopped: {self.intake.problem}"
        if self.intake.error:
            return f"the program ended: {self.intake.error}"
        return self._exit_message()

    def _exit_message(self) -> str:
        return "the program has ended" if self.intake.over else "the program was killed"

    @property
    def failed(self) -> bool:
        """Whether the program has ended with an error or a non-zero status."""
        return bool(self.status) or bool(self.intake.error)
