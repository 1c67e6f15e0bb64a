"""`set_trace` and `debug` in a program that no debugger has started: it starts one, and waits."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import mfdebug
from mfdebug.debuggee import ring as words
from mfdebug.debuggee.recorder import Recorder
from mfdebug.debuggee.ring import new_ring
from mfdebug.debuggee.start import record, recorder_here
from mfdebug.debuggee.terminal import new_terminal

# What leaves every mode that an app may have left a terminal in.
_RESTORE = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[0m"


def stop_at_next_pass() -> None:
    """Stop at the end of the next pass: in the debugger that is there, or in a new one."""
    recorder = recorder_here()
    if recorder is None:
        recorder = _Debugger().recorder
    recorder.traced = True


class _Debugger:
    """A debugger in a process of its own, started when the first pass is complete."""

    def __init__(self) -> None:
        self._ring = new_ring(nameless=False)
        self._ring.gone = self._is_gone
        self._ring.set_word(words.STOP_AT, words.NEVER)
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = self._reading = -1
        self._modes: list[Any] = []
        self._kept: dict[int, int] = {}
        # It runs after the recorder has written how the program ends.
        atexit.register(self._see_out)
        self.recorder: Recorder = record(self._ring, made_already=True)

    def _is_gone(self) -> bool:
        """Start the debugger, if it does not run yet; return whether it has ended."""
        if self._process is None:
            self._process = self._start()
            if self._terminal < 0:
                # At a prompt Ctrl+C is for the debugger; on the screen of the app it is a key.
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if self._process.poll() is None:
            return False
        self._put_back()
        self.recorder.leave()
        return True

    def _start(self) -> subprocess.Popen[bytes]:
        home = str(Path(mfdebug.__file__ or "").parents[1])
        before = os.environ.get("PYTHONPATH")
        # The program may have found us where its own path led.
        paths = os.pathsep.join(filter(None, [home, before]))
        environment = {**os.environ, "PYTHONPATH": paths}
        name = Path(sys.argv[0] or "program").stem
        command = [sys.executable, "-m", "mfdebug", "--attach", self._ring.path]
        self._terminal = _open_terminal()
        if self._terminal < 0:
            return subprocess.Popen([*command, "-1", name, "--plain"], env=environment)
        self._modes = termios.tcgetattr(self._terminal)
        reading = self._take_output()
        return subprocess.Popen(
            [*command, str(reading), name],
            env=environment,
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            pass_fds=(reading,),
        )

    def _take_output(self) -> int:
        """Let the debugger have what would be printed into its screen; return where it reads."""
        ours, theirs = new_terminal()
        for stream in (1, 2):
            if os.isatty(stream):
                self._kept[stream] = os.dup(stream)
                os.dup2(theirs, stream)
        os.close(theirs)
        # Kept here too: without a reader a print of the program would fail.
        self._reading = ours
        return ours

    def _put_back(self) -> None:
        """Have the terminal, and Ctrl+C, as they were before the debugger."""
        if self._terminal < 0:
            signal.sigtimedwait([signal.SIGINT], 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for stream, kept in self._kept.items():
            os.dup2(kept, stream)
            os.close(kept)
        self._kept = {}
        if self._terminal >= 0:
            if self._process is not None and self._process.returncode:
                # It died: what it has set is still set.
                os.write(self._terminal, _RESTORE)
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._modes)
            self._show_rest()
            os.close(self._terminal)
            self._terminal = -1
        self._ring.forget()

    def _show_rest(self) -> None:
        """Show what was printed last, and nobody has read."""
        os.set_blocking(self._reading, False)
        with contextlib.suppress(OSError):
            while rest := os.read(self._reading, 2**16):
                os.write(self._terminal, rest)
        os.close(self._reading)

    def _see_out(self) -> None:
        """At the end of the program: wait until the debugger has been left."""
        if self._process is None or self._process.poll() is not None:
            self._ring.forget()
            return
        self._process.wait()
        self._put_back()


def _open_terminal() -> int:
    """Return a descriptor of the terminal that a person sits at, or -1."""
    if not any(map(os.isatty, (0, 1, 2))) or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return -1
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return -1
