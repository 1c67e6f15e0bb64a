"""Random keys and sizes through the app in a real pseudo-terminal."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.support.pty_app import KEYS, PtyApp

GRAPHS = ("xor", "wx", "digits", "diamond", "log-nan", "vanishing", "circuit-a", "softmax")
# In one process; then another begins.
KEYS_A_PROCESS = 500
# What people type, and what they do not. Not `q` nor Ctrl+Q, which leave, nor Ctrl+Z.
LETTERS = "sSnNtTcCubBwpyxkedfgLlmhi?:/+-=.,;0123456789PRMDFX \r\t"
NAMED = [key for key in KEYS if key not in ("ctrl+q", "ctrl+z", "ctrl+d")]
LINES = ("sgd 5", "goto 3", "watch cost", "break nan", "why cost", "set lr = 0.1", "zzz", "find x")
# What is sent when the screen is left.
LEFT = b"\x1b[?1049l"
SIZES = ((80, 24), (120, 40), (200, 50), (60, 20), (40, 10), (30, 5), (81, 23))


def soak(keys: int, seed: int = 0) -> list[str]:
    """Send so many keys; return what to tell. Raises `AssertionError` with what was pressed."""
    random = Random(f"{seed}")
    sent = resizes = processes = 0
    begun = time.monotonic()
    slowest = 0.0
    while sent < keys:
        graph = random.choice(GRAPHS)
        processes += 1
        pressed: list[str] = []
        with tempfile.TemporaryDirectory() as state:
            command = [sys.executable, "-m", "mfdebug", graph]
            with PtyApp(command, env={"XDG_STATE_HOME": state}, cwd=Path(state)) as app:
                app.wait_for("press s to begin")
                try:
                    for _ in range(min(KEYS_A_PROCESS, keys - sent)):
                        what = _press(random, app, pressed)
                        sent += 1
                        resizes += what == "resize"
                        _check_alive(app, pressed)
                    slowest = max(slowest, _answers(app, pressed))
                    app.send(b"\x11")
                    assert app.wait() == 0
                    assert app.not_restored() == []
                except AssertionError as error:
                    told = " ".join(pressed[-60:])
                    problem = f"{graph}, after {told}:\n{error}\n{app.text}"
                    if LEFT in app.output:
                        last = bytes(app.output).rpartition(LEFT)[2].decode(errors="replace")
                        problem = f"{problem}\n{last[:2000]}"
                    raise AssertionError(problem) from error
    return [
        f"{sent:,} keys, {resizes} of them new sizes, in {processes} processes and "
        f"{time.monotonic() - begun:.0f} s",
        f"the slowest answer to Escape at the end of a process took {slowest:.2f} s",
    ]


def _press(random: Random, app: PtyApp, pressed: list[str]) -> str:
    what = random.randrange(100)
    if what < 3:
        columns, rows = random.choice(SIZES)
        pressed.append(f"[{columns}x{rows}]")
        app.set_size(columns, rows)
        app.settle(first=0.3, idle=0.02)
        return "resize"
    if what < 8:
        keys = ":" + random.choice(LINES) + "\r"
    elif what < 70:
        keys = random.choice(LETTERS)
    else:
        name = random.choice(NAMED)
        keys = KEYS[name]
    pressed.append(repr(keys))
    app.send(keys.encode())
    app.settle(first=0.05, idle=0.01)
    return "key"


def _check_alive(app: PtyApp, pressed: list[str]) -> None:
    assert app.process.poll() is None, "it has ended"
    assert "Traceback" not in app.text
    if len(pressed) % 25 == 0:
        # A frame may be on its way: what counts is that one comes.
        end = time.monotonic() + 10
        while len(app.text.split()) < 3:
            assert time.monotonic() < end, "the screen is blank"
            app.settle(first=0.2)


def _answers(app: PtyApp, pressed: list[str]) -> float:
    """Return how long it takes until the debugger itself is there again, whatever was open."""
    begun = time.monotonic()
    app.set_size(80, 24)
    while "s step S back" not in app.text.rpartition("\n")[2]:
        assert time.monotonic() - begun < 20, "it does not return to its first screen"
        pressed.append("Escape")
        app.send(b"\x1b")
        app.settle(first=0.5, idle=0.1)
    return time.monotonic() - begun
