"""Starts a program for debugging, as the plain interpreter would run it, and ends it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Ring, new_ring
from mfdebug.debuggee.terminal import new_terminal
from mfdebug.running.debuggee import POLL_INTERVAL, Debuggee
from mfdebug.running.intake import Sink
from mfdebug.running.runnable import Runnable
from mfdebug.signals import EndedBySignal
from miniflow.errors import FileError

BOOTSTRAP = Path(words.__file__).parent / "bootstrap"
# Seconds that a program has to exit after a signal.
EXIT_SECONDS = 0.3
# The option of Linux's prctl that sets the signal a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

# Where the program's output goes: where ours goes, or to us through a pipe or a terminal.
Streams = Literal["inherited", "piped", "on a terminal"]


class Program(Debuggee):
    """A program in a process of its own.

    It runs as with `python NAME ARGUMENTS`, or `python -m`, and waits at the end of pass `stop_at`.
    Raises `FileError` if it cannot be started.
    """

    def __init__(
        self,
        runs: Runnable,
        arguments: Sequence[str],
        sink: Sink,
        *,
        streams: Streams,
        stop_at: int = words.NEVER,
        every: int = 0,
        interruptible: bool = True,
    ) -> None:
        """`interruptible`: Ctrl+C on a shared terminal interrupts the program, too.

        `every`: how many passes apart those are that are kept whole while nobody waits for one; 0
        means as many as there is time for.
        """
        self._interruptible = interruptible
        ring = new_ring(nameless=True)
        ring.set_word(words.STOP_AT, stop_at)
        ring.set_word(words.EVERY, every)
        self._own_session = streams == "on a terminal"
        try:
            reading = self._start([sys.executable, *runs.words, *arguments], ring, streams)
        except BaseException:
            ring.unlink()
            raise
        super().__init__(ring, sink, reading)

    def _start(self, command: list[str], ring: Ring, streams: Streams) -> int | None:
        """Start the process; return the descriptor of its output, or None if inherited."""
        environment = dict(os.environ)
        python_path = environment.get("PYTHONPATH")
        if python_path is not None:
            environment["MFDEBUG_PYTHONPATH"] = python_path
        # An empty PYTHONPATH means none; as a joined item it would mean the current folder.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BOOTSTRAP), python_path]))
        environment["MFDEBUG_RECORD"] = f"{os.getpid()}\n{ring.path}\n{ring.sidecar}"
        reading: int | None = None
        options: dict[str, object] = {}
        if streams == "piped":
            reading, theirs = os.pipe()
            options = {"stdout": theirs}
        elif streams == "on a terminal":
            reading, theirs = new_terminal()
            options = {
                "stdin": subprocess.DEVNULL,
                "stdout": theirs,
                "stderr": theirs,
                # Ctrl+C is for the debugger.
                "start_new_session": True,
            }
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                env=environment,
                preexec_fn=_child_setup(interruptible=self._interruptible),
                **options,  # type: ignore[call-overload]
            )
        except OSError as error:
            raise FileError(error.strerror or "cannot be started", where=command[0]) from None
        finally:
            if reading is not None:
                os.close(theirs)
        return reading

    def has_exited(self) -> bool:
        """Whether the process of the program has ended."""
        return self._process.poll() is not None

    def _finish(self) -> None:
        self.status = self._process.wait()
        self.ring.unlink()
        super()._finish()

    def _exit_message(self) -> str:
        assert self.status is not None
        if self.status < 0:
            return f"the program was killed by {_signal_name(-self.status)}"
        if self.status:
            return f"the program ended with status {self.status}"
        return "the program has ended"

    def kill(self) -> None:
        """End the program, whatever it is doing."""
        self._quitting = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.poll()
            if self.ended:
                return
            with contextlib.suppress(ProcessLookupError):
                if self._own_session:
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)
            deadline = time.monotonic() + EXIT_SECONDS
            while not self.ended and time.monotonic() < deadline:
                # It may be writing records: keep reading, so that it does not wait for room.
                self.poll()
                time.sleep(POLL_INTERVAL)
        if not self.ended:
            self._process.wait()
            self.poll()

    def run_to_end(self) -> int:
        """Run the program to its end and return its status; raise `EndedBySignal` if killed."""
        self.run_freely()
        assert self.status is not None
        if self.status < 0:
            raise EndedBySignal(-self.status)
        return self.status


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _child_setup(*, interruptible: bool) -> Callable[[], None]:
    """Return the function that the child calls before it becomes the program.

    On Linux, the child is killed when this process ends.
    """
    prctl = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if not interruptible:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    return prepare
