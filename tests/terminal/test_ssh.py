"""Through a real ssh: what the line carries, and that a line that drops loses nothing."""

from __future__ import annotations

import os
import signal
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import sshd, warm_start
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp, wait_until_kept
from tests.support.sizes import pick, quick, some

pytestmark = pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing() or "-")
# ssh tells the other end TERM, and no more.
ENVIRONMENT = {"TERM": "xterm-256color", "COLORTERM": None}

LogIn = Callable[..., PtyApp]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("far-state")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, state: Path) -> Iterator[sshd.Sshd]:
    there = {
        "LANG": "C.UTF-8",
        "XDG_STATE_HOME": str(state),
        "MFDEBUG_CONFIG": "",
        "PYTHONPATH": str(ROOT),
    }
    started = sshd.Sshd(tmp_path_factory.mktemp("sshd"), there)
    yield started
    started.close()


@pytest.fixture
def log_in(server: sshd.Sshd, state: Path) -> Iterator[LogIn]:
    apps: list[PtyApp] = []
    for left in state.rglob("*.session"):
        left.unlink()

    def run(*arguments: str, ready: str = "press s to begin") -> PtyApp:
        apps.append(PtyApp(server.command(*arguments), env=ENVIRONMENT))
        apps[-1].wait_for(ready, timeout=40)
        return apps[-1]

    yield run
    for app in apps:
        app.close()


def printed(state: Path, *lines: str) -> str:
    """Return what lines print where the session was left."""
    commands = [part for line in lines for part in ("-c", line)]
    command = [sys.executable, "-m", "mfdebug", "--resume", "--batch", *commands]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(state)}
    answered: str = warm_start.run(command, text=True, check=True, cwd=ROOT, env=environment).stdout
    return answered


@pytest.mark.slow
@pytest.mark.parametrize("graph", some(["wx", "xor"], 1))
def test_the_line_carries_little(log_in: LogIn, graph: str) -> None:
    app = log_in(graph)
    assert len(app.output) <= 25_000
    app.press("s", idle=0.15)
    sent = sorted(len(app.press("s", idle=0.15)) for _ in range(pick(30, 16)))
    assert statistics.median(sent) <= 1200
    # At a new phase both halves of the node panel change.
    assert sent[int(0.95 * len(sent))] <= 2300
    assert app.settle(first=1.5) == b""
    app.press("P", "+", "+")
    since = len(app.output)
    played = app.wait_for_moments(pick(6, 3))
    # It plays 4 moments a second, over a line of 8000 bytes a second.
    assert (len(app.output) - since) / played <= 2000
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []


@pytest.mark.parametrize("dropped", quick(["here", "there"], 1))
def test_a_line_that_drops_is_taken_up_again(
    log_in: LogIn, server: sshd.Sshd, state: Path, dropped: str
) -> None:
    app = log_in("xor")
    app.press("3", "t", idle=0.15)
    app.send(b":set lr = 0.123\r")
    app.wait_for("0.123")
    app.press(*"sssss", idle=0.15)
    app.wait_for("68 ")
    wait_until_kept(state, "goto 68")
    if dropped == "here":
        os.kill(app.process.pid, signal.SIGKILL)
        app.process.wait(10)
    else:
        for number in server.sessions():
            os.kill(number, signal.SIGKILL)
        assert app.wait() == 255
    before = printed(state, "print W1", "print lr", "print moment")
    assert before.endswith("lr = 0.123\nmoment = 68\n")
    again = log_in("xor", ready="R resumes there")
    again.press("R", idle=0.3)
    again.wait_for("68 ")
    again.wait_for("0.123")
    again.press("S", "s", idle=0.15)
    again.send(b"q")
    assert again.wait() == 0
    assert again.not_restored() == []
    assert printed(state, "print W1", "print lr", "print moment") == before


@pytest.mark.slow
def test_a_drop_in_the_middle_of_held_keys_loses_at_most_the_last_second(
    log_in: LogIn, state: Path
) -> None:
    app = log_in("xor")
    for _ in range(60):
        app.send(b"s")
        app.settle(first=0.02, idle=0.01)
    app.wait_for("60 ")
    os.kill(app.process.pid, signal.SIGKILL)
    app.process.wait(10)
    # The app ends by itself when its terminal is gone, and keeps what it has.
    wait_until_kept(state, "goto 60")
    assert "moment = 60" in printed(state, "print moment")


@pytest.mark.slow
def test_a_demo_over_ssh(log_in: LogIn) -> None:
    app = log_in("demo", "five-to-two", ready="space starts")
    app.press("space", "space", idle=0.15)
    app.wait_for("2/22")
    app.press("B", idle=0.15)
    app.wait_for("1/22")
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []
