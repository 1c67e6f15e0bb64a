"""`set_trace` and `debug` in a program without a debugger: they start one and wait for it."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from types import FrameType
from typing import Any

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.recorder import Recorder
from mfdebug.debuggee.ring import new_ring
from mfdebug.debuggee.start import FOLDER, record, recorder_here
from mfdebug.debuggee.terminal import new_terminal

# Escape sequences that reset every terminal mode an app may have set.
_RESET_MODES = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[0m"


# What can be done in a notebook instead.
NO_TERMINAL = """\
mfdebug needs a terminal, and a notebook has none. Record the passes instead:

    with mfdebug.watching("run.mfrun") as run:
        loss = ...
        loss.backward()

`run` at the end of a cell then draws the graph. Step through it in a terminal:  mfdebug run.mfrun
or here, one command at a time:

    from mfdebug.opening.runs import open_run
    session = open_run("run.mfrun")
    print(session.run("step").text)
"""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook.

    Its streams may be those of the terminal that started the server.
    """
    return "ipykernel" in sys.modules and hasattr(sys.stdout, "pub_thread")


def stop_at_next_pass() -> None:
    """Stop at the end of the next pass, in the running debugger or in a new one.

    In a notebook, say what to do instead.
    """
    recorder = recorder_here()
    if recorder is None and in_notebook():
        sys.stdout.write(NO_TERMINAL)
        return
    if recorder is None:
        recorder = _Debugger().recorder
    recorder.trace()


def show_below(result: Any, frame: FrameType) -> bool:
    """Show what a result of an engine was computed from, and wait; return whether it is one.

    The variables of the frame name what it was computed from. A debugger is started if there is
    none; in a notebook it says what to do instead.
    """
    recorder = recorder_here()
    if recorder is None and in_notebook():
        sys.stdout.write(NO_TERMINAL)
        return True
    if recorder is None:
        recorder = _Debugger().recorder
    recorder.traced = True
    if any(show(result, frame) for show in recorder.showing):
        return True
    recorder.traced = False
    return False


class _Debugger:
    """A debugger in a process of its own, started when the first pass is complete."""

    def __init__(self) -> None:
        self._ring = new_ring(nameless=False)
        self._ring.peer_ended = self._has_ended
        self._ring.set_word(words.STOP_AT, words.NEVER)
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = self._reading = -1
        self._attributes: list[Any] = []
        self._saved: dict[int, int] = {}
        # Runs after the recorder has written how the program ends.
        atexit.register(self._wait_for_end)
        self.recorder: Recorder = record(self._ring, existing=True)

    def _has_ended(self) -> bool:
        """Start the debugger if it is not running yet; return whether it has ended."""
        if self._process is None:
            self._process = self._start()
            if self._terminal < 0:
                # At the prompt, Ctrl+C is for the debugger; in the app it is a key.
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if self._process.poll() is None:
            return False
        self._restore()
        self.recorder.detach()
        return True

    def _start(self) -> subprocess.Popen[bytes]:
        before = os.environ.get("PYTHONPATH")
        # The program may have imported us through a path of its own.
        paths = os.pathsep.join(filter(None, [FOLDER, before]))
        environment = {**os.environ, "PYTHONPATH": paths}
        name = Path(sys.argv[0] or "program").stem
        command = [sys.executable, "-m", "mfdebug", "--attach", self._ring.path]
        self._terminal = _open_terminal()
        if self._terminal < 0:
            return subprocess.Popen([*command, "-1", name, "--plain"], env=environment)
        self._attributes = termios.tcgetattr(self._terminal)
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
        """Redirect terminal output to the debugger; return the descriptor that it reads."""
        ours, theirs = new_terminal()
        for stream in (1, 2):
            if os.isatty(stream):
                self._saved[stream] = os.dup(stream)
                os.dup2(theirs, stream)
        os.close(theirs)
        # Stays open here too: without a reader, a print of the program would fail.
        self._reading = ours
        return ours

    def _restore(self) -> None:
        """Restore the terminal and Ctrl+C to their state before the debugger."""
        if self._terminal < 0:
            signal.sigtimedwait([signal.SIGINT], 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for stream, saved in self._saved.items():
            os.dup2(saved, stream)
            os.close(saved)
        self._saved = {}
        if self._terminal >= 0:
            if self._process is not None and self._process.returncode:
                # It crashed: its terminal modes are still set.
                os.write(self._terminal, _RESET_MODES)
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._attributes)
            self._show_rest()
            os.close(self._terminal)
            self._terminal = -1
        self._ring.unlink()

    def _show_rest(self) -> None:
        """Show the last output, which the debugger has not read."""
        os.set_blocking(self._reading, False)
        with contextlib.suppress(OSError):
            while rest := os.read(self._reading, 2**16):
                os.write(self._terminal, rest)
        os.close(self._reading)

    def _wait_for_end(self) -> None:
        """At the end of the program, wait until the user quits the debugger."""
        if self._process is None or self._process.poll() is not None:
            self._ring.unlink()
            return
        self._process.wait()
        self._restore()


def _open_terminal() -> int:
    """Return a descriptor of the controlling terminal, or -1 without an interactive one."""
    if not any(map(os.isatty, (0, 1, 2))) or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return -1
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return -1
