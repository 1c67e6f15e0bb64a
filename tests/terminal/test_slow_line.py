"""On a slow line the screen is never far behind the keys: one frame is on its way at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sizes import pick
from tests.terminal.held_line import HeldApp

# However slow the machine is, no answer is given up.
PATIENT = "import sys, mfdebug.tui.terminal.pacing as pacing; pacing.MAX_WAIT = 3600.0; "
COMMAND = [sys.executable, "-c", PATIENT + "from mfdebug.cli.main import main; sys.exit(main())"]
IN_256_COLOURS = {"TERM": "xterm-256color", "COLORTERM": None}
# Keys that arrive while nothing gets through, and the bytes of a frame.
KEYS, FRAME = 60, 2500


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    return tmp_path / "transcript.txt"


@pytest.fixture
def app(transcript: Path) -> Iterator[HeldApp]:
    command = [*COMMAND, "xor", "-c", f"transcript {transcript}"]
    with HeldApp(command, env=IN_256_COLOURS) as app:
        app.wait_for("transcript off ends it")
        yield app


def wait_for_steps(app: HeldApp, transcript: Path, steps: int) -> None:
    """Wait until the program has carried out so many steps, whatever the screen shows."""
    end = time.monotonic() + 60
    while transcript.read_text().count("\nstep") < steps:
        assert time.monotonic() < end, transcript.read_text()[-500:]
        app._read(0.01)


@pytest.mark.slow
def test_a_key_that_is_held_down_is_one_frame_when_the_line_lets_it_through(
    app: HeldApp, transcript: Path
) -> None:
    for held_down in range(1, pick(5, 3)):
        app.hold()
        app.send(b"s" * KEYS)
        wait_for_steps(app, transcript, held_down * KEYS)
        app.settle(first=0.0)
        assert app.held is not None
        # One frame is on its way, never more.
        assert 0 < len(app.held) <= FRAME
        since = len(app.output)
        app.let_go()
        app.wait_for(f"moment {held_down * KEYS} ")
        # Its answer lets the next one through, which shows all that has happened; a panel that gets
        # another height there is drawn once more.
        assert app.frames(since) <= 4
        assert len(app.output) - since <= 3 * FRAME
        assert app.moment == held_down * KEYS
    app.send(b"q")
    assert app.wait() == 0
    # No answer of the terminal is left to be typed into the shell.
    assert app.left_in_line() == b""


def test_q_works_while_nothing_gets_through(app: HeldApp) -> None:
    app.hold()
    app.send(b"s" * KEYS + b"q")
    assert app.wait() == 0
    app.let_go()
    assert app.not_restored() == []
