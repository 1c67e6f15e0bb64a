"""The line prompt through pipes: each line is answered, the exit status counts errors."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT
from tests.terminal.line_prompt import (
    COMMAND,
    DEADLINE,
    assert_plain,
    environment,
    piped,
    read_line,
)


@pytest.fixture
def pipes() -> Iterator[subprocess.Popen[bytes]]:
    """A session with pipes at both ends, in which an error has just been told."""
    running = subprocess.Popen(
        [*COMMAND, "wx", "--plain"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
    )
    assert running.stderr is not None
    say(running, "xyzzy")
    assert read_line(running.stderr).startswith(b"xyzzy: ")
    yield running
    running.kill()
    running.communicate()


def say(running: subprocess.Popen[bytes], line: str) -> None:
    assert running.stdin is not None
    running.stdin.write(f"{line}\n".encode())
    running.stdin.flush()


@pytest.mark.parametrize(
    ("stdin", "status", "last"),
    [
        ("", 0, None),
        ("\n   \n# a remark\nprint w\r\nquit\r\nxyzzy\n", 0, "w = 5"),
        ("xyzzy\n", 1, None),
        ("xyzzy\nprint w", 1, "w = 5"),
        ("print w\nxyzzy\nquit\n", 1, "w = 5"),
    ],
)
def test_commands_from_a_pipe_end_with_the_right_status(
    stdin: str, status: int, last: str | None
) -> None:
    done = piped("wx", "--plain", stdin=stdin)
    assert done.returncode == status
    assert done.stdout.splitlines()[-1:] == ([] if last is None else [last])
    assert done.stderr == ("xyzzy: there is no command 'xyzzy' (see: help)\n" if status else "")


def test_commands_of_the_command_line_come_first_and_count_too() -> None:
    done = piped("wx", "--plain", "-c", "set w = 3", "-c", "xyzzy", stdin="print w\n")
    assert done.returncode == 1
    assert done.stdout.endswith("w = 3\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.json", "--plain"], "there is no such file"),
        (["--plain"], "name a graph file"),
        (["wx", "--plain", "--resume"], "no saved session of wx"),
    ],
)
def test_what_cannot_be_opened_is_status_2(arguments: list[str], problem: str) -> None:
    done = piped(*arguments, stdin="print w\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr


def test_bytes_that_are_no_text_are_an_error_of_their_line() -> None:
    done = piped("wx", "--plain", stdin=b"print \xff\xfe\nprint w\n")
    assert (done.returncode, done.stdout) == (1, "w = 5\n")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_whoever_stops_reading_gets_no_traceback() -> None:
    done = subprocess.run(
        f"yes 'print w' | head -20000 | {sys.executable} -m mfdebug wx --plain | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert (done.stdout, done.stderr) == ("w = 5\n", "")


@pytest.mark.slow
def test_through_pipes_each_line_is_answered_before_the_next_is_written(
    pipes: subprocess.Popen[bytes],
) -> None:
    assert pipes.stdout is not None
    say(pipes, "print w")
    assert read_line(pipes.stdout, seconds=4.0) == b"w = 5\n"
    say(pipes, "print lr")
    assert read_line(pipes.stdout, seconds=4.0) == b"lr = 0.001\n"


@pytest.mark.slow
def test_an_interrupt_while_it_waits_for_a_pipe_is_no_traceback(
    pipes: subprocess.Popen[bytes],
) -> None:
    # One that comes before it waits is that of a command that has just ended.
    for _ in range(4):
        pipes.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            pipes.wait(0.5)
            break
    _, errors = pipes.communicate(timeout=DEADLINE)
    assert b"Traceback" not in errors


def test_escape_sequences_in_a_line_do_not_reach_the_terminal() -> None:
    done = piped("wx", "--plain", stdin="print \x1b[2J\x1b]0;gone\x07\n")
    assert done.returncode == 1
    assert_plain(done.stderr)
