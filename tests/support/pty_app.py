"""A program in a real pseudo-terminal: what it sends, what that looks like, what it leaves behind.

Bytes sent for a key, an exit status and a terminal that is usable afterwards cannot be seen
through Textual's own test pilot: it renders to nothing. So here nothing is replaced: a child
process, a controlling terminal of a given size, and pyte as the screen at the other end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

from tests.support import warm_start
from tests.support.paths import ROOT

# Frames come at most 60 a second, so 80 ms of silence is five frames without one.
IDLE = 0.08

KEYS = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "backspace": "\x7f",
    "space": " ",
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}

# What a terminal with synchronized output answers when it is asked.
SYNCHRONIZED = {b"\x1b[?2026$p": b"\x1b[?2026;2$y"}

_PRIVATE_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_KITTY_KEYBOARD = re.compile(rb"\x1b\[([<>])\d*u")
# pyte prints the tails of sequences that it does not know.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][\d;]*[A-Za-z]|\x1b\[\?[\d;]*\$p")
_UNFINISHED = re.compile(rb"\x1b(\[[\d;?<>=$]*)?$")


# A shell with job control, and nothing of the user's own.
SHELL = ["bash", "--norc", "--noprofile", "-i"]


class PtyApp:
    """`command` running in a terminal of `columns` x `rows`; use it in a `with` statement."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str | None] | None = None,
        cwd: Path = ROOT,
        answers: Mapping[bytes, bytes] | None = None,
        warm: bool = True,
    ) -> None:
        """Start `command`; `env` is laid over a small modern environment, None unsets.

        `warm`: an `mfdebug` may be started warm (`warm_start.py`).
        """
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        self._unseen = b""
        self._answers = dict(answers or {})
        self._master, self._slave = os.openpty()
        # Where the cursor is, what it is: a terminal answers when it is asked.
        self.screen.write_process_input = lambda answer: os.write(self._master, answer.encode())
        self._set_size(columns, rows)
        self._before = termios.tcgetattr(self._slave)
        self.process = warm_start.Popen(
            [str(part) for part in command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=_environment(env or {}),
            cwd=cwd,
            terminal=True,
            warm=warm,
        )

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> PtyApp:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the program, if it still runs, and give the terminal back."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for descriptor in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    # What comes out ----------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The screen's text, without blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def _read(self, timeout: float) -> bytes:
        if not select.select([self._master], [], [], max(0.0, timeout))[0]:
            return b""
        return self.arrived(os.read(self._master, 1 << 16))

    def arrived(self, data: bytes) -> bytes:
        """Show what has come out; return it."""
        self.output += data
        for query, answer in self._answers.items():
            for _ in range(data.count(query)):
                os.write(self._master, answer)
        # A sequence split between two reads must not be cut for the filter.
        pending = self._unseen + data
        rest = _UNFINISHED.search(pending)
        cut = rest.start() if rest else len(pending)
        self._unseen = pending[cut:]
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", pending[:cut]))
        return data

    def settle(self, first: float = 2.0, idle: float = IDLE, longest: float = 20.0) -> bytes:
        """Wait up to `first` seconds for output, then until none has come for `idle`.

        A screen that follows a running program is never idle: after `longest` seconds of
        output this returns all the same.
        """
        got = bytearray(self._read(first))
        end = time.monotonic() + longest
        if got:
            while (data := self._read(idle)) and time.monotonic() < end:
                got += data
            got += data
        return bytes(got)

    def rest(self, timeout: float = 20.0) -> None:
        """Wait until the output is idle and no thread of the process is at work."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if not self.settle(first=0.2, idle=0.2, longest=left) and not self._at_work:
                break

    @property
    def _at_work(self) -> bool:
        """Whether a thread of the process runs, or waits for a processor of a busy machine."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        # Without a /proc nothing is known, and a thread may end meanwhile.
        with contextlib.suppress(OSError):
            for thread in tasks.iterdir():
                if (thread / "stat").read_text().rpartition(")")[2].split()[0] == "R":
                    return True
        return False

    def wait_for(self, wanted: str, timeout: float = 20.0, *, idle: bool = True) -> None:
        """Wait until `wanted` is on the screen and, unless told otherwise, the output is idle."""
        end = time.monotonic() + timeout
        while wanted not in self.text:
            if (left := end - time.monotonic()) <= 0 or self.process.poll() is not None:
                self._read(0.0)
                if wanted not in self.text:
                    raise AssertionError(f"{wanted!r} is not on the screen:\n{self.text}")
            self._read(min(left, 0.2))
        if idle:
            self.rest(end - time.monotonic())

    def wait_for_bytes(self, wanted: bytes, timeout: float = 20.0) -> None:
        """Wait until `wanted` has been sent, and not a moment longer."""
        end = time.monotonic() + timeout
        while wanted not in self.output:
            assert time.monotonic() < end, self.text
            assert self.process.poll() is None, self.text
            self._read(0.005)

    @property
    def moment(self) -> int:
        """The moment that the status line shows, 0 if none can be read."""
        # A narrow line is shortened.
        found = re.search(r"step \d+ .* (?:moment|at) (\d+) ", self.text)
        return int(found[1]) if found else 0

    def wait_for_moments(self, count: int, timeout: float = 60.0) -> int:
        """Wait until the app has gone so many moments on; return how many it has gone."""
        end, begun = time.monotonic() + timeout, self.moment
        while self.moment < begun + count:
            assert time.monotonic() < end, self.text
            self._read(0.05)
        return self.moment - begun

    # What goes in ------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send raw bytes, as a terminal or a person pasting would."""
        os.write(self._master, data)

    def press(self, *keys: str, first: float = 2.0, idle: float = IDLE) -> bytes:
        """Press keys one by one; return the bytes that were sent in answer to all of them."""
        got = bytearray()
        for key in keys:
            self.send(KEYS.get(key, key).encode())
            got += self.settle(first, idle)
            # On a busy machine the answer may be late; one to a key that starts a run has no end.
            patience = time.monotonic() + 2.0
            while self._at_work and time.monotonic() < patience:
                got += self.settle(idle, idle)
        return bytes(got)

    def resize(self, columns: int, rows: int) -> bytes:
        """Give the terminal another size, which sends SIGWINCH; return the answer."""
        self.set_size(columns, rows)
        return self.settle()

    def set_size(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and do not wait for the answer."""
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def hang_up(self) -> None:
        """Be gone, as a terminal window that is closed, or a line that drops."""
        for descriptor in (self._master, self._slave):
            os.close(descriptor)

    def signal(self, number: int) -> None:
        """Send a signal to the program and its children."""
        os.killpg(self.process.pid, number)

    # What is left ------------------------------------------------------------------------

    def wait(self, timeout: float = 20.0) -> int:
        """Wait for the end, reading on so that the program cannot block; the exit status."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"still running after {timeout} s:\n{self.text}")
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    def not_restored(self) -> list[str]:
        """Say what the program left switched on in the terminal: nothing, if it is well."""
        left = []
        if termios.tcgetattr(self._slave) != self._before:
            left.append("termios settings differ")
        modes: dict[int, bool] = {25: True, 7: True}
        for numbers, switch in _PRIVATE_MODE.findall(self.output):
            for number in numbers.split(b";"):
                modes[int(number)] = switch == b"h"
        left += [f"cursor hidden (mode {25})"] * (not modes.pop(25))
        left += [f"no line wrap (mode {7})"] * (not modes.pop(7))
        left += [f"mode {number} on" for number, on in sorted(modes.items()) if on]
        depth = sum(1 if way == b">" else -1 for way in _KITTY_KEYBOARD.findall(self.output))
        left += [f"kitty keyboard depth {depth}"] * (depth > 0)
        return left


def wait_until_kept(state: Path, line: str, timeout: float = 60.0) -> None:
    """Wait until a session under `state` has been written that holds `line`."""
    end = time.monotonic() + timeout
    while not any(line in path.read_text() for path in state.glob("mfdebug/sessions/*.session")):
        assert time.monotonic() < end, f"{line!r} is not kept"
        time.sleep(0.02)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "XDG_STATE_HOME": os.environ.get("XDG_STATE_HOME"),
        "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME"),
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        **changes,
    }
    return {key: value for key, value in merged.items() if value is not None}
