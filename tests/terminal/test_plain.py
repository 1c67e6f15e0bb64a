"""The line prompt in a real terminal and through pipes: for screen readers, one fact a line."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from mfdebug.cli.prompt import PROMPT
from mfdebug.core.commands.table import COMMANDS
from tests.support import warm_start
from tests.support.paths import ROOT
from tests.support.pty_app import PtyApp
from tests.support.sizes import some

COMMAND = [sys.executable, "-m", "mfdebug"]
DUMB = {"TERM": "dumb", "COLORTERM": None}
XTERM = {"TERM": "xterm-256color", "COLORTERM": None}
DEADLINE = 20.0
# Box drawing, blocks, and the dots of braille, of which curves are drawn.
DRAWN = [*map(chr, range(0x2500, 0x25A0)), *map(chr, range(0x2800, 0x2900))]
# How the parts of the status are joined where they stand in one line.
STATUS_IN_ONE = " ∙ moment "

Start = Callable[..., PtyApp]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start it in a terminal that is wide enough for every line, and wait for the prompt."""
    apps: list[PtyApp] = []

    def run(*arguments: str, **options: Any) -> PtyApp:
        apps.append(PtyApp([*COMMAND, *arguments], **{"env": DUMB, "columns": 400, **options}))
        told(apps[-1], 0)
        return apps[-1]

    yield run
    for app in apps:
        app.close()


def told(app: PtyApp, since: int) -> list[str]:
    """Wait until it prompts again; return the lines sent since there were so many bytes."""
    end = time.monotonic() + DEADLINE
    while not app.output[since:].endswith(PROMPT.encode()):
        assert time.monotonic() < end, f"no prompt:\n{app.text}"
        assert app.process.poll() is None, f"it has ended:\n{app.text}"
        app.settle(first=0.2)
    return app.output[since:].decode().replace("\r\n", "\n").splitlines()[:-1]


def ask(app: PtyApp, line: str) -> list[str]:
    """Type a line at the prompt and return the lines of the answer."""
    since = len(app.output)
    app.send(f"{line}\r".encode())
    end = time.monotonic() + DEADLINE
    while b"\n" not in app.output[since:]:
        assert time.monotonic() < end, f"no answer:\n{app.text}"
        app.settle(first=0.2)
    return told(app, since)[1:]


def typed(app: PtyApp) -> str:
    """Return what stands at the prompt, typed or completed."""
    return app.text.rstrip().splitlines()[-1].removeprefix(PROMPT.rstrip()).strip()


def wait_until_typed(app: PtyApp, wanted: str) -> None:
    end = time.monotonic() + DEADLINE
    while typed(app) != wanted:
        assert time.monotonic() < end, f"{typed(app)!r} stands there, not {wanted!r}"
        app.settle(first=0.2)


def environment(**changes: str) -> Mapping[str, str]:
    """Return the environment of a user, who has not asked Python for unbuffered output."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def piped(*arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    done = warm_start.run(
        [*COMMAND, *arguments],
        stdin.encode() if isinstance(stdin, str) else stdin,
        cwd=ROOT,
        env=environment(TERM="xterm-256color"),
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
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


def read_line(stream: IO[bytes] | int, seconds: float = DEADLINE) -> bytes:
    """Return the next line, or what there is of it when the time is over."""
    descriptor = stream if isinstance(stream, int) else stream.fileno()
    end, got = time.monotonic() + seconds, b""
    while not got.endswith(b"\n") and (left := end - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            if not (byte := os.read(descriptor, 1)):
                break
            got += byte
    return got


def assert_plain(text: str) -> None:
    """Assert that it is what a screen reader can read out."""
    assert not set(text) & set(DRAWN)
    controls = {character for character in text if ord(character) < 32 or ord(character) == 127}
    assert controls <= {"\n"}


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


# Through pipes --------------------------------------------------------------------------------


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


def test_through_pipes_each_line_is_answered_before_the_next_is_written(
    pipes: subprocess.Popen[bytes],
) -> None:
    assert pipes.stdout is not None
    say(pipes, "print w")
    assert read_line(pipes.stdout, seconds=4.0) == b"w = 5\n"
    say(pipes, "print lr")
    assert read_line(pipes.stdout, seconds=4.0) == b"lr = 0.001\n"


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


def test_commands_from_a_pipe_leave_a_person_s_session_alone(start: Start) -> None:
    app = start("wx")
    ask(app, "step 3")
    app.send(b"quit\r")
    app.wait()
    assert piped("wx", "--plain", stdin="sgd 7\nquit\n").returncode == 0
    done = piped("wx", "--plain", stdin="resume\nprint moment\n")
    assert done.returncode == 0
    assert done.stdout.endswith("moment = 3\n")
