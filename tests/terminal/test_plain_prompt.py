"""The line prompt in a real terminal: its keys, and the session that it keeps."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping

import pytest

from mfdebug.cli.prompt import PROMPT
from tests.support.pty_app import PtyApp
from tests.support.sizes import some
from tests.terminal.line_prompt import (
    DEADLINE,
    DUMB,
    XTERM,
    Start,
    ask,
    piped,
    prompts,
    told,
    wait_until_typed,
)


@pytest.fixture
def start() -> Iterator[Start]:
    with prompts() as start:
        yield start


# At the prompt --------------------------------------------------------------------------------


@pytest.mark.parametrize("env", [DUMB, XTERM])
def test_arrow_up_repeats_the_last_line_and_tab_completes(
    start: Start, env: Mapping[str, str | None]
) -> None:
    app = start("xor", "--plain", env=env, columns=100)
    assert ask(app, "print moment") == ["moment = 0"]
    assert ask(app, "print lr") == ["lr = 2"]
    app.press("up")
    wait_until_typed(app, "print lr")
    app.press("up")
    wait_until_typed(app, "print moment")
    app.press("down")
    wait_until_typed(app, "print lr")
    assert ask(app, "")[-1] == "lr = 2"
    assert_a_line_that_failed_can_be_fetched_and_put_right(app)
    assert_tab_completes_commands_and_names(app)


def assert_a_line_that_failed_can_be_fetched_and_put_right(app: PtyApp) -> None:
    ask(app, "print lrr")
    app.press("up")
    wait_until_typed(app, "print lrr")
    app.press("backspace")
    wait_until_typed(app, "print lr")
    assert "lr = 2" in ask(app, "")


def assert_tab_completes_commands_and_names(app: PtyApp) -> None:
    app.send(b"reve\t")
    wait_until_typed(app, "reverse-continue")
    app.press("ctrl+u")
    app.send(b"pri\tco\t")
    wait_until_typed(app, "print cost")
    assert "cost = not computed" not in ask(app, "[]")
    app.send(b"set l\t")
    wait_until_typed(app, "set l")
    app.send(b"\t\t")
    app.wait_for("set lr")
    app.wait_for("set l1")


def test_ctrl_c_at_the_prompt_runs_nothing_and_ends_nothing(start: Start) -> None:
    app = start("wx")
    for half in ("", "sgd 3", "quit"):
        since = len(app.output)
        app.send(half.encode())
        wait_until_typed(app, half)
        app.send(b"\x03")
        end = time.monotonic() + DEADLINE
        while b"\n" not in app.output[since:]:
            assert time.monotonic() < end
            app.settle(first=0.2)
        assert "Traceback" not in "\n".join(told(app, since))
    assert ask(app, "print moment") == ["moment = 0"]
    app.press("ctrl+d")
    assert app.wait() == 0


def test_ctrl_c_in_a_long_run_ends_the_run_alone(start: Start) -> None:
    app = start("wx")
    since = len(app.output)
    app.send(b"sgd 999999999\r")
    # Ctrl+C lets a terminal forget what has been typed and was not read yet.
    app.wait_for_bytes(b"sgd 999999999")
    end = time.monotonic() + DEADLINE
    while not app.output[since:].endswith(PROMPT.encode()):
        # Until it has begun, Ctrl+C begins a new line; then it ends the run.
        assert time.monotonic() < end
        app.send(b"\x03")
        app.settle(first=0.3)
    assert "Traceback" not in app.output.decode()
    assert ask(app, "print w")[0].startswith("w = ")
    app.press("ctrl+d")
    assert app.wait() == 0


# Leaving and coming back ----------------------------------------------------------------------


@pytest.mark.parametrize("leave", some(["quit", "ctrl+d", "hangup"], 2))
def test_a_session_that_was_left_is_offered_again(start: Start, leave: str) -> None:
    app = start("wx")
    assert "resume" not in app.output.decode()
    for line in ("sgd 2", "set w = 0.1", "break if cost > 1e9", "watch w"):
        ask(app, line)
    stand = [ask(app, line) for line in ("print moment", "print w", "stops", "watch")]
    if leave == "quit":
        app.send(b"quit\r")
    elif leave == "ctrl+d":
        app.press("ctrl+d")
    else:
        app.signal(signal.SIGHUP)
    app.wait()
    again = start("wx")
    assert "\r\nresume continues the last session\r\n" in again.output.decode()
    assert ask(again, "print w") == ["w = 5"]
    back = ask(again, "resume")
    assert back[:3] == ["session restored", "SGD step 1", "update 1 of 1"]
    assert [ask(again, line) for line in ("print moment", "print w", "stops", "watch")] == stand


def test_a_session_in_which_nothing_was_done_is_not_offered(start: Start) -> None:
    app = start("wx")
    ask(app, "print w")
    app.send(b"quit\r")
    assert app.wait() == 0
    assert "resume" not in start("wx").output.decode()


@pytest.mark.slow
def test_commands_from_a_pipe_leave_a_person_s_session_alone(start: Start) -> None:
    app = start("wx")
    ask(app, "step 3")
    app.send(b"quit\r")
    app.wait()
    assert piped("wx", "--plain", stdin="sgd 7\nquit\n").returncode == 0
    done = piped("wx", "--plain", stdin="resume\nprint moment\n")
    assert done.returncode == 0
    assert done.stdout.endswith("moment = 3\n")
