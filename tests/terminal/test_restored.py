"""However the app ends, the terminal is as it was, and what was done is kept."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mfdebug.tui.app import MAX_FRAMES
from tests.support import warm_start
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp
from tests.support.sizes import pick, some

COMMAND = [sys.executable, "-m", "mfdebug"]
CRASHING = [sys.executable, "-m", "tests.terminal.crashing"]
IN_256_COLOURS = {"TERM": "xterm-256color", "COLORTERM": None}
LEFT = b"\x1b[?1049l"

Start = Callable[..., PtyApp]


@pytest.fixture
def start() -> Iterator[Start]:
    apps: list[PtyApp] = []

    def run(command: list[str], *, ready: str = "press s to begin", **options: Any) -> PtyApp:
        apps.append(PtyApp(command, env=IN_256_COLOURS, **options))
        if ready:
            apps[-1].wait_for(ready)
        return apps[-1]

    yield run
    for app in apps:
        app.close()


def resumed(line: str) -> str:
    """Return what a line answers where the last session was left."""
    command = [*COMMAND, "--resume", "--batch", "-c", line]
    answered: str = warm_start.run(command, text=True, check=True, cwd=ROOT).stdout
    return answered.splitlines()[-1]


WAYS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, "q", "\x11", ":quit\r"]


def test_every_way_to_end_restores_the_terminal_and_keeps_the_session(start: Start) -> None:
    ways = pick(WAYS, [signal.SIGTERM, "q", ":quit\r"])
    for steps, ended_by in enumerate(ways, start=1):
        # Each finds what the one before has left.
        greeting = "press s to begin" if steps == 1 else f"left at moment {steps - 1}"
        app = start([*COMMAND, "xor"], ready=greeting)
        app.press(*"s" * steps)
        if isinstance(ended_by, signal.Signals):
            app.signal(ended_by)
            assert app.wait() == -ended_by
        else:
            app.send(ended_by.encode())
            assert app.wait() == 0, ended_by
        assert app.not_restored() == []
        assert "Traceback" not in app.output.decode()
    assert resumed("print moment") == f"moment = {len(ways)}"


ENDING = [
    signal.Signals[name]
    for name in (
        *("SIGHUP", "SIGINT", "SIGQUIT", "SIGTRAP", "SIGABRT", "SIGUSR1", "SIGUSR2", "SIGALRM"),
        *("SIGTERM", "SIGSTKFLT", "SIGXCPU", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSYS"),
        "SIGRTMIN",
    )
    if name in signal.Signals.__members__
    # By default it does nothing elsewhere.
    and (name != "SIGIO" or sys.platform == "linux")
]


def handled(process: int) -> set[int]:
    """Return the signals that a process has handlers for: all, where nobody can say."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return set(ENDING)
    (mask,) = re.findall(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE)
    return {number for number in signal.valid_signals() if int(mask, 16) >> (number - 1) & 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "ready"), [([], "press s to begin"), (["--plain"], "(mfdebug)")]
)
def test_every_signal_that_ends_a_process_restores_the_terminal_first(
    start: Start, options: list[str], ready: str
) -> None:
    # At the prompt Ctrl+C begins a new line.
    numbers = [number for number in ENDING if not options or number != signal.SIGINT]
    apps = {number: start([*COMMAND, "wx", *options], ready="") for number in some(numbers, 3)}
    for number, app in apps.items():
        app.wait_for(ready)
        assert set(numbers) <= handled(app.process.pid)
        app.signal(number)
    ended = {number: (app.wait(), app.not_restored()) for number, app in apps.items()}
    assert ended == {number: (-number, []) for number in apps}


@pytest.mark.slow
def test_a_signal_that_was_ignored_stays_ignored(start: Start) -> None:
    app = start(["sh", "-c", f"trap '' HUP USR1; exec {shlex.join(COMMAND)} wx"])
    for number in (signal.SIGHUP, signal.SIGUSR1):
        app.signal(number)
    app.press("s")
    app.wait_for("moment 1")
    app.send(b"q")
    assert app.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_after_the_app_a_signal_ends_the_process_as_before_it(number: signal.Signals) -> None:
    program = (
        "import asyncio, signal, sys\n"
        "from mfdebug.signals import call_at_ending_signals\n"
        "loop = asyncio.new_event_loop()\n"
        "call_at_ending_signals(loop, print)\n"
        "loop.close()\n"
        f"signal.raise_signal({int(number)})\n"
        "print('still here')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-number, b"")


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", some([signal.SIGINT, signal.SIGTERM], 1))
def test_a_signal_in_the_middle_of_a_long_run_ends_it(
    start: Start, ended_by: signal.Signals
) -> None:
    app = start([*COMMAND, "digits"])
    app.send(b"999999t")
    app.wait_for("any key stops", idle=False)
    app.signal(ended_by)
    assert app.wait() == -ended_by
    assert app.not_restored() == []


@pytest.mark.slow
def test_a_crash_is_told_after_the_screen_is_left(start: Start) -> None:
    for where in pick(("widget", "key", "thread", "input"), ("widget", "thread")):
        # All but the first find what the one before has kept.
        greeting = "press s to begin" if where == "widget" else "left at moment 4"
        app = start([*CRASHING, where, "xor"], ready=greeting)
        if where == "thread":
            app.send(b"t")
        else:
            app.press(*"sss", first=5.0)
            app.press("s")
            if where != "widget":
                app.send(b"l")
        assert app.wait() == 1, where
        assert app.not_restored() == []
        last = bytes(app.output).rpartition(LEFT)[2].decode()
        assert "mfdebug crashed; this is a bug in mfdebug:" in last
        assert "ZeroDivisionError: a panel fell off the wall" in last
        assert "Your session is saved: mfdebug --resume continues it." in last
        assert "in fail" in last
        # Where it went wrong, not all that led there.
        assert last.count('  File "') <= MAX_FRAMES
    assert resumed("print moment") == "moment = 4"


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_first_screen_is_made(start: Start, ended_by: signal.Signals) -> None:
    for _ in range(pick(2, 1)):
        app = start([*COMMAND, "xor"], ready="", warm=False)
        app.wait_for_bytes(b"\x1b[?1049h")
        app.signal(ended_by)
        assert app.wait() == -ended_by
        assert app.not_restored() == []
        assert "Traceback" not in app.output.decode()
        assert "went wrong" not in app.output.decode()


def test_an_interrupt_while_it_loads_has_no_traceback(start: Start) -> None:
    app = start([sys.executable, "-X", "importtime", *COMMAND[1:], "xor"], ready="")
    app.wait_for_bytes(b"mfdebug.cli.main")
    app.signal(signal.SIGINT)
    assert app.wait() == -signal.SIGINT
    assert "Traceback" not in app.output.decode()
    assert app.not_restored() == []


@pytest.mark.slow
def test_a_service_manager_ends_it_with_two_signals(start: Start) -> None:
    app = start([*COMMAND, "xor"])
    app.press("s")
    for number in (signal.SIGTERM, signal.SIGCONT):
        app.signal(number)
    assert app.wait() == -signal.SIGTERM
    assert app.not_restored() == []


@pytest.mark.slow
def test_a_crash_at_the_start_is_told_too(start: Start) -> None:
    app = start([*CRASHING, "mount", "xor"], ready="")
    assert app.wait() == 1
    assert app.not_restored() == []
    last = bytes(app.output).rpartition(LEFT)[2].decode()
    assert "ZeroDivisionError: a panel fell off the wall" in last
    assert "kept" not in last


@pytest.mark.slow
def test_a_terminal_that_is_gone_ends_it(start: Start) -> None:
    app = start([*COMMAND, "xor"])
    app.press(*"ss")
    app.hang_up()
    assert app.process.wait(20) != 0
    assert resumed("print moment") == "moment = 2"
