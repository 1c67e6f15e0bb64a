"""Ctrl+Z and fg, in a real shell."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.pty_app import SHELL, PtyApp

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None, reason="needs bash: apt-get install bash"
)


@pytest.fixture
def shell() -> Iterator[PtyApp]:
    env = {"TERM": "xterm-256color", "COLORTERM": None, "PS1": "shell> "}
    with PtyApp(SHELL, env=env) as app:
        app.wait_for("shell>")
        yield app


def type_line(app: PtyApp, line: str) -> None:
    app.send(f"{line}\r".encode())


def asked(app: PtyApp, question: str, answer: str) -> None:
    """Ask the shell something, whose answer is not in the question."""
    type_line(app, question)
    app.wait_for(answer)


def wait_to_show(app: PtyApp, shown: str) -> None:
    """Wait for a screen that has been there before; parts of it may never have gone."""
    end = time.monotonic() + 20
    while app.text != shown:
        assert time.monotonic() < end, app.text
        app.settle(first=0.2)
    app.settle(first=0.3, idle=0.3)
    assert app.text == shown


def job_of(shell: PtyApp) -> int:
    """Return the process that the shell has started."""
    command = ["pgrep", "-P", str(shell.process.pid)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def step_to(shell: PtyApp, *moments: int) -> None:
    """One reader of the keys, not two: each key is one step."""
    for moment in moments:
        shell.press("s")
        shell.wait_for(f"moment {moment} ")


def assert_left_and_back(shell: PtyApp) -> None:
    shown = shell.text
    since = len(shell.output)
    shell.press("ctrl+z")
    shell.wait_for("Stopped")
    assert b"\x1b[?1049l" in shell.output[since:]
    assert b"\x1b[?25h" in shell.output[since:]
    asked(shell, "echo $((40 + 2))", "42")
    asked(shell, "stty -a | grep -c -w -e icanon -e echo", "1")
    # What the terminal answers to the last frame is not typed into the shell.
    assert "R" not in shell.text.rpartition("42")[2].replace("ROOT", "")
    type_line(shell, "fg")
    wait_to_show(shell, shown)


def assert_back_from_a_stop_by_someone_else(shell: PtyApp, job: int) -> None:
    shown = shell.text
    # What no program notices: it finds the terminal as the shell has left it.
    os.kill(job, signal.SIGSTOP)
    shell.wait_for("Stopped")
    asked(shell, "echo $((40 + 2))", "42")
    # In the background it may not draw, and stops again.
    type_line(shell, "bg")
    asked(shell, "echo $((40 + 3))", "43")
    type_line(shell, "fg")
    wait_to_show(shell, shown)


def assert_left_while_a_key_is_held_down(shell: PtyApp) -> None:
    shell.send(b"s" * 30 + b"\x1a")
    shell.wait_for("Stopped")
    asked(shell, "echo $((40 + 2))", "42")
    type_line(shell, "fg")
    shell.wait_for("next:")
    shell.press("ctrl+l")
    shell.wait_for("moment 42 ")


@pytest.mark.slow
def test_to_the_shell_and_back_in_every_way(shell: PtyApp) -> None:
    type_line(shell, f"{sys.executable} -m mfdebug xor")
    shell.wait_for("press s to begin")
    job = job_of(shell)
    for moment in (1, 2, 3):
        # Continued without having been stopped.
        os.kill(job, signal.SIGCONT)
        step_to(shell, moment)
    for moment in (4, 6):
        step_to(shell, moment, moment + 1)
        assert_left_and_back(shell)
    assert_back_from_a_stop_by_someone_else(shell, job)
    step_to(shell, 8, 9, 10, 11, 12)
    assert_left_while_a_key_is_held_down(shell)
    shell.send(b"q")
    shell.wait_for("shell>")
    asked(shell, "echo status $?", "status 0")
    asked(shell, "stty -a | grep -c -w -e icanon -e echo", "1")
