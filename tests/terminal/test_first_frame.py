"""The first screen is sent once, complete, and what it does not show is loaded after it."""

from __future__ import annotations

import sys

import pytest

from tests.support.pty_app import PtyApp

COMMAND = [sys.executable, "-m", "mfdebug", "xor"]


def test_the_first_screen_is_sent_once_and_complete() -> None:
    with PtyApp(COMMAND) as app:
        app.wait_for("press s to begin")
        for shown in ("─ node ─", "━ order ━", "Exclusive or", "press s to begin"):
            assert app.output.count(shown.encode()) == 1, shown
        app.press("s")
        assert "moment 1 " in app.text
        app.press("q")
        assert app.wait() == 0


@pytest.mark.slow
def test_keys_typed_before_the_app_has_the_terminal_meet_its_prompt() -> None:
    with PtyApp(COMMAND) as app:
        # The terminal makes a line feed of this Enter.
        app.send(b":watch W1.grad\r")
        app.wait_for("1 W1.grad not computed yet")
        app.press("q")
        assert app.wait() == 0


@pytest.mark.slow
def test_keys_typed_before_the_first_screen_meet_its_prompt() -> None:
    with PtyApp(COMMAND) as app:
        app.wait_for_bytes(b"\x1b[?1049h")
        app.send(b":watch W1.grad\r2s")
        app.wait_for("W1.grad")
        app.wait_for("moment 2 ")
