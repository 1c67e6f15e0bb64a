"""Leaving in every way there is loses nothing: the next start comes back to the same bits."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm_start
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp, wait_until_kept
from tests.support.sizes import some

COMMAND = [sys.executable, "-m", "mfdebug"]
IN_256_COLOURS = {"TERM": "xterm-256color", "COLORTERM": None}

Start = Callable[..., PtyApp]


@pytest.fixture
def start() -> Iterator[Start]:
    apps: list[PtyApp] = []

    def run(*arguments: str, ready: str, **options: Any) -> PtyApp:
        options.setdefault("env", IN_256_COLOURS)
        apps.append(PtyApp([*COMMAND, *arguments], **options))
        apps[-1].wait_for(ready)
        return apps[-1]

    yield run
    for app in apps:
        app.close()


def printed(*lines: str, resume: bool = True) -> str:
    """Return the output of a batch run that resumes the session."""
    commands = [part for line in lines for part in ("-c", line)]
    begin = ["--resume"] if resume else ["xor"]
    command = [*COMMAND, *begin, "--batch", *commands]
    answered: str = warm_start.run(command, text=True, check=True, cwd=ROOT).stdout
    return answered


ASKED = ["print W1", "print W1.grad", "print lr", "stops", "watch", "branches"]
BY_HAND = ["sgd 3", "set lr = 0.123", "step 7", "break l1", "watch cost"]


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", some(["SIGKILL", "SIGHUP", "SIGTERM", "q"], 2))
def test_the_app_comes_back_after(start: Start, ended_by: str) -> None:
    app = start("xor", ready="press s to begin")
    app.press("3", "t")
    for line in BY_HAND[1:]:
        app.send(f":{line}\r".encode())
        app.settle()
    if ended_by == "q":
        app.send(b"q")
    else:
        # The last thing that was asked for: what is kept earlier is not yet all.
        wait_until_kept(Path(os.environ["XDG_STATE_HOME"]), "watch cost")
        app.signal(signal.Signals[ended_by])
    app.wait()
    there = printed(*ASKED)
    straight = printed(*BY_HAND, *ASKED, resume=False)
    assert there.startswith("session restored")
    assert there[there.index("W1 =") :] == straight[straight.index("W1 =") :]
    again = start("xor", ready="R resumes there")
    again.press("R")
    again.wait_for("moment 70")
    assert "set lr = 0.123" not in again.text


def test_the_line_prompt_comes_back_too(start: Start) -> None:
    plain = start("xor", "--plain", ready="(mfdebug)")
    for line in ["sgd 2", "set W1[0,0] = 0.5", "step 3"]:
        plain.send(f"{line}\r".encode())
        plain.settle()
    plain.signal(signal.SIGKILL)
    plain.wait()
    again = start("--resume", "--plain", ready="moment 45")
    again.wait_for("(mfdebug)")
    again.send(b"print W1[0,0]\r")
    again.wait_for("W1[0,0] = 0.5")


@pytest.mark.slow
def test_the_line_prompt_has_history_and_completion(start: Start) -> None:
    first = start("xor", "--plain", ready="(mfdebug)")
    first.send(b"pri\tW\t1[0,0]\r")
    first.wait_for("print W1[0,0]")
    first.wait_for("W1[0,0] = -0.4")
    first.send(b"quit\r")
    assert first.wait() == 0
    second = start("xor", "--plain", ready="(mfdebug)")
    second.press("up", "up")
    assert second.text.rstrip().endswith("(mfdebug) print W1[0,0]")


@pytest.mark.slow
def test_ctrl_c_begins_a_new_line_and_ctrl_d_leaves(start: Start) -> None:
    plain = start("xor", "--plain", ready="(mfdebug)")
    plain.press("s", "t", "ctrl+c")
    plain.send(b"print lr\r")
    plain.wait_for("lr = 2")
    plain.press("ctrl+d")
    assert plain.wait() == 0
    assert plain.not_restored() == []


@pytest.mark.slow
def test_a_damaged_session_is_refused(start: Start) -> None:
    plain = start("xor", "--plain", ready="(mfdebug)")
    plain.send(b"sgd\rquit\r")
    plain.wait()
    (path,) = Path(os.environ["XDG_STATE_HOME"]).glob("mfdebug/sessions/*.session")
    path.write_text(path.read_text().replace("goto 21", "goto 22"))
    command = [*COMMAND, "xor", "--resume", "--batch", "-c", "step"]
    done = warm_start.run(command, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "line 6: the checksum does not match" in done.stderr
