"""mfdebug with the line prompt, in a terminal or between pipes: its lines, and its answers."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from mfdebug.cli.prompt import PROMPT
from tests.support import warm_start
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp

COMMAND = [sys.executable, "-m", "mfdebug"]
DUMB = {"TERM": "dumb", "COLORTERM": None}
XTERM = {"TERM": "xterm-256color", "COLORTERM": None}
DEADLINE = 20.0
# Box drawing, blocks, and the dots of braille, of which curves are drawn.
DRAWN = [*map(chr, range(0x2500, 0x25A0)), *map(chr, range(0x2800, 0x2900))]

Start = Callable[..., PtyApp]


@contextmanager
def prompts() -> Iterator[Start]:
    """Yield what starts it in a terminal wide enough for every line, and waits for the prompt."""
    apps: list[PtyApp] = []

    def run(*arguments: str, **options: Any) -> PtyApp:
        apps.append(PtyApp([*COMMAND, *arguments], **{"env": DUMB, "columns": 400, **options}))
        told(apps[-1], 0)
        return apps[-1]

    try:
        yield run
    finally:
        for app in apps:
            app.close()


def told(app: PtyApp, since: int) -> list[str]:
    """Wait until it prompts again; return the lines sent since there were so many bytes."""
    end = time.monotonic() + DEADLINE
    while not app.output[since:].endswith(PROMPT.encode()):
        assert time.monotonic() < end, f"no prompt:\n{app.text}"
        assert app.process.poll() is None, f"it has ended:\n{app.text}"
        app.settle(first=0.2)
    return app.output[since:].decode().replace("\r\n", "\n").splitlines()[:-1]


def ask(app: PtyApp, line: str) -> list[str]:
    """Type a line at the prompt and return the lines of the answer."""
    since = len(app.output)
    app.send(f"{line}\r".encode())
    end = time.monotonic() + DEADLINE
    while b"\n" not in app.output[since:]:
        assert time.monotonic() < end, f"no answer:\n{app.text}"
        app.settle(first=0.2)
    return told(app, since)[1:]


def typed(app: PtyApp) -> str:
    """Return what stands at the prompt, typed or completed."""
    return app.text.rstrip().splitlines()[-1].removeprefix(PROMPT.rstrip()).strip()


def wait_until_typed(app: PtyApp, wanted: str) -> None:
    end = time.monotonic() + DEADLINE
    while typed(app) != wanted:
        assert time.monotonic() < end, f"{typed(app)!r} stands there, not {wanted!r}"
        app.settle(first=0.2)


def environment(**changes: str) -> Mapping[str, str]:
    """Return the environment of a user, who has not asked Python for unbuffered output."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def piped(*arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    done = warm_start.run(
        [*COMMAND, *arguments],
        stdin.encode() if isinstance(stdin, str) else stdin,
        cwd=ROOT,
        env=environment(TERM="xterm-256color"),
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def read_line(stream: IO[bytes] | int, seconds: float = DEADLINE) -> bytes:
    """Return the next line, or what there is of it when the time is over."""
    descriptor = stream if isinstance(stream, int) else stream.fileno()
    end, got = time.monotonic() + seconds, b""
    while not got.endswith(b"\n") and (left := end - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            if not (byte := os.read(descriptor, 1)):
                break
            got += byte
    return got


def assert_plain(text: str) -> None:
    """Assert that it is what a screen reader can read out."""
    assert not set(text) & set(DRAWN)
    controls = {character for character in text if ord(character) < 32 or ord(character) == 127}
    assert controls <= {"\n"}
