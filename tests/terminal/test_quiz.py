"""`mfdebug quiz`: played in a real terminal, and line by line through a pipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program.programs import environment
from tests.support import warm_start
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp

COMMAND = [sys.executable, "-m", "mfdebug", "quiz"]


def env(state: Path) -> dict[str, str]:
    return {"TERM": "xterm-256color", "XDG_STATE_HOME": str(state)}


def piped(state: Path, *arguments: str, stdin: str) -> subprocess.CompletedProcess[str]:
    variables = environment(**env(state))
    command = [*COMMAND, *arguments]
    return warm_start.run(command, stdin, text=True, cwd=ROOT, env=variables)


@pytest.mark.slow
def test_a_graph_is_played_in_a_terminal_and_the_course_resumes(tmp_path: Path) -> None:
    with PtyApp(COMMAND, env=env(tmp_path)) as app:
        app.wait_for("What is q?")
        for answer, verdict in (
            (b"3\r", "right: (-2) + 5 = 3"),
            (b"h12\x7f\x7f-12\r", "right: 3 × (-4) = -12"),
            (b"3\r", "3 is q's own value. A multiply gate swaps: 1 × (-4) = -4."),
            (b"\r", "skipped: (-4) × 1 = -4"),
        ):
            app.send(answer)
            app.wait_for(verdict)
            app.send(b"s")
            app.settle()
        app.wait_for("circuit-a: 2 of 3 right")
        app.send(b"\r")
        app.wait_for("What is y?")
        app.send(b"q")
        assert app.wait() == 0
        assert app.not_restored() == []
    done = piped(tmp_path, stdin="50\n")
    assert done.stdout.splitlines()[:4] == [
        "graph 2 of 10: wx from moment 1",
        "y = w × x",
        "w = 5, x = 10.",
        "What is y?",
    ]


def test_through_a_pipe_each_line_is_an_answer(tmp_path: Path) -> None:
    done = piped(tmp_path, stdin="?\n3\nx\n-12\nh\n3\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "graph 1 of 10: circuit-a",
        "q = x + y",
        "x = -2, y = 5.",
        "What is q?",
        "a number, as in 0.5, -2e-3 or 1/3; 2 % off is right; an empty line skips, a line `h` is a "
        "hint, `q` ends",
        "right: (-2) + 5 = 3  1 of 1 right",
        "f = q × z",
        "q = 3, z = -4.",
        "What is f?",
        "'x' is not a valid answer (a number, as in 0.5, -2e-3 or 1/3; 2 % off is right)",
        "right: 3 × (-4) = -12  2 of 2 right, 2 in a row",
        "f = q × z",
        "q = 3, z = -4.",
        "A gradient of 1 arrives at f.",
        "What does f send to q?",
        "hint: A multiply gate swaps: each input gets the gradient times the other input.",
        "not so: 3 is q's own value. A multiply gate swaps: 1 × (-4) = -4.  2 of 3 right",
        "q = x + y",
        "x = -2, y = 5.",
        "A gradient of -4 arrives at q.",
        "What does q send to y?",
        "skipped: (-4) × 1 = -4  2 of 3 right",
        "circuit-a: 2 of 3 right",
        "         right  wrong  skipped  hints",
        "numbers      2      1        1      1",
        "confused most (1 ×): an input's own value in place of the other factor: play "
        "`mfdebug demo gates`",
        "graph 2 of 10: wx",
        "y = w × x",
        "w = 5, x = 10.",
        "What is y?",
        "left at wx, no answer yet; mfdebug quiz resumes",
    ]
    again = piped(tmp_path, "--restart", stdin="")
    assert again.stdout.startswith("graph 1 of 10: circuit-a\n")


@pytest.mark.slow
def test_a_seed_repeats_itself(tmp_path: Path) -> None:
    skips = "\n" * 30
    first = piped(tmp_path / "1", "--seed", "1", stdin=skips).stdout
    assert first == piped(tmp_path / "2", "--seed", "1", stdin=skips).stdout
    assert first != piped(tmp_path / "3", stdin=skips).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wix"], "'wix' is not in the course (did you mean 'wx'?)"),
        (["--seed", "-1"], "'-1' is not a whole number from 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = piped(tmp_path, *arguments, stdin="")
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.slow
def test_a_course_that_is_done_says_so(tmp_path: Path) -> None:
    piped(tmp_path, "dead-relu", stdin="\n" * 40)
    done = piped(tmp_path, stdin="")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == (
        "the course is done; mfdebug quiz --restart starts again"
    )
