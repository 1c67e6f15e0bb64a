"""The line prompt, for screen readers: one fact a line, and no terminal needed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfdebug.cli.prompt import PROMPT
from mfdebug.core.commands.table import COMMANDS
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp
from tests.terminal.line_prompt import (
    COMMAND,
    DEADLINE,
    XTERM,
    Start,
    ask,
    assert_plain,
    environment,
    piped,
    prompts,
    read_line,
)

# How the parts of the status are joined where they stand in one line.
STATUS_IN_ONE = " ∙ moment "


@pytest.fixture
def start() -> Iterator[Start]:
    with prompts() as start:
        yield start


# A value for each argument in the table, so that every command answers.
TOUR = """\
help
help break
graph
order
step 2
order off
sgd 3
step 2
back
next
previous
until s1 backward
explain
finish
goto sgd 2
print W1
print W1.grad[0,:]
why W1.grad[0,0]
last W1[0,0]
watch norm(W1)
watch lr * max(abs(W1.grad))
sgd 20
watch
unwatch 1
check
check s1
diff 0 20
find l
show W1[0,1]
unroll s1
branch
inside s1
aten s1
modules
detach
attach
say the weights
pause
wait 1s
expect norm(W1) > 0
set W1[0,0] = 0.5
scale W1 2
undo
redo
branches
break health
break if cost < 0.25
tbreak s1
stops
ignore 1 2
disable 2
enable 2
continue
reverse-continue
delete all
quiz
hint
skip
answer 1
step
answer +
quiz off
output
record {folder}/session
transcript {folder}/transcript
save {folder}/graph.json
transcript off
source {folder}/session
resume
xyzzy
quit
"""


def marks_of_the_sources() -> set[str]:
    """Return the characters beyond ASCII that the words of commands and ops are made of."""
    files = [
        *(ROOT / "mfdebug").glob("*.py"),
        *(ROOT / "mfdebug" / "core").rglob("*.py"),
        *(ROOT / "miniflow").rglob("*.py"),
    ]
    return {character for file in files for character in file.read_text() if ord(character) > 126}


# What is said ---------------------------------------------------------------------------------


def test_the_tour_goes_to_every_command_but_those_for_a_screen() -> None:
    visited = {line.split()[0] for line in TOUR.splitlines()} - {"xyzzy"}
    assert visited == set(COMMANDS) - {"answers", "ask", "draw", "landscape", "theme"}


def test_a_drawing_has_no_control_characters_and_no_blanks_at_ends_of_lines() -> None:
    done = piped("xor", "--plain", stdin="sgd 2\ndraw\nquit\n")
    assert "├l1" in done.stdout
    assert not [sign for sign in done.stdout if ord(sign) < 32 and sign != "\n"]
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())


def test_every_command_answers_in_plain_lines(tmp_path: Path) -> None:
    done = piped("xor", "--plain", stdin=TOUR.format(folder=tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for text in (done.stdout, done.stderr):
        assert_plain(text)
        beyond_ascii = {character for character in text if ord(character) > 126}
        assert beyond_ascii <= marks_of_the_sources()
    assert STATUS_IN_ONE not in done.stdout
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())


@pytest.mark.slow
def test_every_command_answers_in_plain_lines_in_a_terminal_too(
    start: Start, tmp_path: Path
) -> None:
    app = start("xor")
    *lines, last = TOUR.format(folder=tmp_path).splitlines()
    for line in lines:
        answer = "\n".join(ask(app, line))
        assert_plain(answer)
        assert STATUS_IN_ONE not in answer
    app.send(f"{last}\r".encode())
    assert app.wait() == 0
    assert "\x1b" not in app.output.decode()
    assert app.not_restored() == []


def test_in_a_terminal_that_knows_escape_sequences_the_answers_have_none(start: Start) -> None:
    app = start("xor", "--plain", env=XTERM)
    for line in ("step 2", "sgd 3", "explain", "check", "stops", "help", "xyzzy"):
        assert_plain("\n".join(ask(app, line)))


@pytest.mark.slow
def test_what_is_told_from_the_greeting_on_is_a_fact_a_line(start: Start) -> None:
    app = start("wx")
    assert_plain(app.output.decode().replace("\r\n", "\n"))
    description, *facts, last, prompt = app.output.decode().split("\r\n")
    assert description.startswith("wx: The smallest possible network")
    assert facts == ["SGD step 0", "start", "moment 0", "cost not computed", "lr 0.001"]
    assert (last, prompt) == ("help lists the commands, quit exits", PROMPT)
    assert_help_lists_every_command_and_tells_each(app)
    assert_a_bad_line_tells_the_error_and_goes_on(app)
    # Only changed parts of the status are printed.
    assert ask(app, "step 2")[:3] == ["forward 1 of 2", "moment 2", "forward of y (Mul)"]
    assert ask(app, "step")[:3] == ["forward 2 of 2", "moment 3", "cost 900"]
    assert ask(app, "set lr = 0.002")[-1] == "lr 0.002"
    ran = ask(app, "sgd 2")
    assert ran[:4] == ["SGD step 1", "update 1 of 1", "moment 18", "cost 324 (before the update)"]
    assert "lr 0.002" not in ran
    # Status 0 even after a failure.
    ask(app, "xyzzy")
    app.press("ctrl+d")
    assert app.wait() == 0
    assert app.output.endswith(b"\r\n")
    assert app.not_restored() == []


def assert_help_lists_every_command_and_tells_each(app: PtyApp) -> None:
    listed = ask(app, "help")
    assert_plain("\n".join(listed))
    for command in COMMANDS.values():
        rows = [line for line in listed if line.startswith(f"{command.usage} ")]
        assert len(rows) == 1
        assert rows[0].endswith(command.summary)
        answer = ask(app, f"help {command.name}")
        assert answer[:2] == [command.usage, f"  {command.summary}"]


def assert_a_bad_line_tells_the_error_and_goes_on(app: PtyApp) -> None:
    assert ask(app, "xyzzy") == ["xyzzy: there is no command 'xyzzy' (see: help)"]
    assert ask(app, "stpe") == ["stpe: there is no command 'stpe' (did you mean 'step'?)"]
    (unknown,) = ask(app, "print nowhere")
    assert unknown.startswith("print nowhere: ")
    (start_already,) = ask(app, "back")
    assert start_already.startswith("back: this is the start")
    (nothing_left,) = ask(app, "resume")
    assert nothing_left.startswith("resume: no saved session of this graph")
    assert ask(app, "print w") == ["w = 5"]
    assert ask(app, "") == []


def test_the_greeting_after_commands_has_no_empty_line(start: Start) -> None:
    app = start("wx", "-c", "sgd")
    assert "" not in app.output.decode().split("\r\n")


# When it is chosen ----------------------------------------------------------------------------


def test_without_a_terminal_it_is_chosen_and_neither_greets_nor_prompts() -> None:
    done = piped("wx", stdin="print w\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "w = 5\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("terminal", ["stdin", "stdout"])
def test_with_a_terminal_at_one_end_only_it_is_chosen_and_answers_at_once(terminal: str) -> None:
    ours, theirs = os.openpty()
    ends: dict[str, int] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, terminal: theirs}
    running = subprocess.Popen(
        [*COMMAND, "wx"],
        **ends,  # type: ignore[call-overload]
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(TERM="xterm-256color"),
    )
    try:
        writes_to = ours if running.stdin is None else running.stdin.fileno()
        reads_from = ours if running.stdout is None else running.stdout.fileno()
        os.write(writes_to, b"print w\n")
        line = b"-"
        while line and not line.rstrip().endswith(b"w = 5"):
            line = read_line(reads_from)
            assert b"\x1b" not in line
        assert line
        os.write(writes_to, b"quit\n")
        assert running.wait(DEADLINE) == 0
    finally:
        running.kill()
        _, errors = running.communicate()
        os.close(ours)
        os.close(theirs)
    assert b"Traceback" not in errors


# Stops and the quiz ---------------------------------------------------------------------------


def test_a_stop_is_told_in_a_line_of_its_own(start: Start) -> None:
    app = start("wx")
    assert ask(app, "break w update") == ["stop 1: break w update"]
    assert ask(app, "break if cost > 1") == ["stop 2: break if cost > 1"]
    assert ask(app, "continue")[-1] == "stop 2: cost > 1: cost = 900"
    assert ask(app, "sgd 5")[-1] == "stop 1: update of w: w = 4.4"
    assert ask(app, "stops") == [
        "stop  condition          hits  last at  state",
        "   1  break w update        1        9  on",
        "   2  break if cost > 1     1        3  on",
    ]
    ask(app, "delete all")
    assert not any(line.startswith("stop ") for line in ask(app, "sgd 2"))


def test_a_stop_is_told_through_a_pipe() -> None:
    done = piped("log-nan", "--plain", stdin="break nan\ncontinue\nprint moment\n")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "stop 1: break nan"
    assert lines[-2].startswith("stop 1: nan: if_0[3,0] = nan, made by Mul of ")
    assert lines[-1] == "moment = 279"


def test_the_quiz_asks_judges_and_counts(start: Start) -> None:
    app = start("wx")
    ask(app, "quiz")
    question = "y = w × x, w = 5, x = 10. What is y?"
    assert ask(app, "step")[-1] == question
    assert ask(app, "print w") == ["w = 5"]
    (again,) = ask(app, "answer fifty")
    assert again.startswith("answer fifty: 'fifty' is not a valid answer (a number, as in ")
    right = ask(app, "answer 50")
    assert right[0].startswith("right: 5 × 10 = 50")
    assert "1 of 1 right" in right[0]
    assert right[-1].startswith("cost = Σ(wanted - y)^2 / m  (m = 1, the number of entries)")
    wrong = ask(app, "answer 1")
    assert wrong[0].startswith("not so: it is 900. (20 - 50)^2/1 = 900.")
    assert "1 of 2 right" in wrong[0]
    off = ask(app, "quiz off")
    assert off[0] == "no more questions; 1 of 2 right"
    assert off[-1].split() == ["numbers", "1", "1", "0", "0"]
    assert not any(line.endswith("?") for line in ask(app, "step"))


def test_the_quiz_puts_each_question_once_through_a_pipe() -> None:
    done = piped("wx", "--plain", stdin="quiz\nstep\nprint w\nprint lr\nanswer 50\nquiz off\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines().count("y = w × x, w = 5, x = 10. What is y?") == 1
    assert "no more questions; 1 of 1 right\n" in done.stdout
