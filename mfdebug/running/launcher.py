"""Starts a program to be debugged, as the interpreter alone would run it, and ends it."""

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
from mfdebug.running.debuggee import LOOK_AT_MOST_EVERY, LOOK_EVERY, Debuggee
from mfdebug.running.intake import Sink
from mfdebug.signals import EndedBySignal
from miniflow.errors import FileError
from miniflow.files.paths import check_ordinary

BOOTSTRAP = Path(words.__file__).parent / "bootstrap"
# Seconds that a program has, once it was told to end.
TO_END = 0.3
# What Linux calls the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

# Where the program's output goes: where ours goes; to us, through a pipe; or through a terminal.
Streams = Literal["inherited", "piped", "on a terminal"]


class Program(Debuggee):
    """A program in a process of its own.

    It runs as `python NAME ARGUMENTS` would, and waits at the end of pass `stop_at`. Raises
    `FileError` where it cannot be started.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        sink: Sink,
        *,
        streams: Streams,
        stop_at: int = words.NEVER,
        interruptible: bool = True,
    ) -> None:
        """`interruptible`: Ctrl+C on a terminal that it shares with us is for the program too."""
        self._interruptible = interruptible
        ring = new_ring(nameless=True)
        ring.set_word(words.STOP_AT, stop_at)
        self._own_session = streams == "on a terminal"
        try:
            reading = self._start([sys.executable, name, *arguments], ring, streams)
        except BaseException:
            ring.unlink()
            raise
        super().__init__(ring, sink, reading)

    def _start(self, command: list[str], ring: Ring, streams: Streams) -> int | None:
        """Start the process; return the descriptor of what it prints, if that comes to us."""
        environment = dict(os.environ)
        before = environment.get("PYTHONPATH")
        if before is not None:
            environment["MFDEBUG_PYTHONPATH"] = before
        # An empty PYTHONPATH is the same as none; joined, it would be the working folder.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BOOTSTRAP), before]))
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
                preexec_fn=_prepared(interruptible=self._interruptible),
                **options,  # type: ignore[call-overload]
            )
        except OSError as error:
            raise FileError(error.strerror or "it cannot be started", where=command[0]) from None
        finally:
            if reading is not None:
                os.close(theirs)
        return reading

    def is_gone(self) -> bool:
        """Whether the process of the program has ended."""
        return self._process.poll() is not None

    def _finish(self) -> None:
        self.status = self._process.wait()
        self.ring.unlink()
        super()._finish()

    def _how_it_ended(self) -> str:
        assert self.status is not None
        if self.status < 0:
            return f"the program was ended by {_signal_name(-self.status)}"
        if self.status:
            return f"the program ended: it left with status {self.status}"
        return "the program has ended"

    def kill(self) -> None:
        """End the program, wherever it is and whatever it does."""
        self._leaving = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.look()
            if self.ended:
                return
            with contextlib.suppress(ProcessLookupError):
                if self._own_session:
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)
            until = time.monotonic() + TO_END
            while not self.ended and time.monotonic() < until:
                # It may be writing what it noted: it must not wait for room.
                self.look()
                time.sleep(LOOK_EVERY)
        if not self.ended:
            self._process.wait()
            self.look()

    def wait_and_repeat(self) -> int:
        """Let the program run to its end; end by the signal that ended it, or return its status."""
        self.ring.set_word(words.STOP_AT, words.NEVER)
        nap = LOOK_EVERY
        while not self.ended:
            nap = LOOK_EVERY if self.look() else min(1.2 * nap, LOOK_AT_MOST_EVERY)
            time.sleep(nap)
        assert self.status is not None
        if self.status < 0:
            raise EndedBySignal(-self.status)
        return self.status


def check_program(name: str) -> None:
    """Raise `FileError` where there is no program."""
    path = Path(name)
    check_ordinary(path, name)
    if not path.exists():
        raise FileError("there is no such program", where=name)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _prepared(*, interruptible: bool) -> Callable[[], None]:
    """Return what a child calls before it becomes the program.

    It is ended when this process is, where the system can do that.
    """
    prctl = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if not interruptible:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    return prepare
