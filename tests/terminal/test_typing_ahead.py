"""Keys sent in one go, as a script or a slow line does, mean what they mean one by one."""

from __future__ import annotations

import sys

import pytest

from tests.support.pty_app import PtyApp

CASES = [
    (b"ss", 2),
    (b":sgd 3\rs", 64),
    (b":sgd 3\rss", 65),
    (b":sgd 3\r:sgd 2\r", 105),
    (b"xqs3s", 4),
    (b"?\x1b", 0),
    (b":set lr = 0.123\r:sgd 3\r", 63),
]


@pytest.mark.slow
def test_keys_are_handled_one_after_the_other() -> None:
    with PtyApp([sys.executable, "-m", "mfdebug", "xor"]) as app:
        app.wait_for("press s to begin")
        for keys, moment in CASES:
            app.send(keys)
            app.settle()
            app.wait_for(f"moment {moment} ")
            app.send(b":goto start\r")
            app.wait_for("moment 0 ")
        assert "lr 0.123" in app.text
