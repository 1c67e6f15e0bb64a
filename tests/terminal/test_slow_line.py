"""On a slow line (64 kbit/s, 300 ms there and back) the screen is never far behind the keys."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator

import pytest

from tests.terminal.slow_line import SlowApp

COMMAND = [sys.executable, "-m", "mfdebug"]
IN_256_COLOURS = {"TERM": "xterm-256color", "COLORTERM": None}
KEYS_A_SECOND = 30
SECONDS = 4.0
# What is shown is at most so many seconds behind the last key; a busy machine is given a little.
BEHIND, LENIENCE = 1.0, 0.3


@pytest.fixture
def app() -> Iterator[SlowApp]:
    with SlowApp([*COMMAND, "xor"], env=IN_256_COLOURS) as app:
        app.wait_for("press s to begin")
        yield app


def moment(app: SlowApp) -> int:
    # In the middle of a frame the number may be half drawn.
    found = re.search(r"SGD step \d+ .* moment (\d+) ", app.text)
    return int(found[1]) if found else 0


def hold(app: SlowApp, key: str) -> list[tuple[float, int, int]]:
    """Hold a key down; return at which times which moment was shown, and what was on its way."""
    seen: list[tuple[float, int, int]] = []
    began = time.monotonic()
    pressed = 0
    while (now := time.monotonic() - began) < SECONDS:
        while pressed < now * KEYS_A_SECOND:
            app.send(key.encode())
            pressed += 1
        app._read(0.01)
        shown = max(moment(app), seen[-1][1] if seen else 0)
        seen.append((now, shown, app.queued))
    return seen


def test_a_key_that_is_held_down_is_followed_within_a_second(app: SlowApp) -> None:
    seen = hold(app, "s")
    let_go = time.monotonic()
    last = int(SECONDS * KEYS_A_SECOND)
    while moment(app) < last - 1:
        app._read(0.01)
        assert time.monotonic() - let_go < BEHIND + LENIENCE, app.text
    for now, shown, queued in seen:
        assert shown >= (now - BEHIND - LENIENCE) * KEYS_A_SECOND - 1
        # One frame, never more.
        assert queued <= 2500
    # And it is a moving picture, not one at the end.
    assert len({shown for _, shown, _ in seen}) >= 6


def test_q_works_at_once_while_a_key_is_held_down(app: SlowApp) -> None:
    hold(app, "s")
    app.send(b"q")
    pressed = time.monotonic()
    assert app.wait() == 0
    assert time.monotonic() - pressed < BEHIND + 2 * LENIENCE
    assert app.not_restored() == []
    # No answer of the terminal is left to be typed into the shell.
    assert app.left_in_line() == b""
