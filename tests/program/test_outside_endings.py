"""Programs print and end as they do alone, and none outlives the debugger."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program.outside import PASS, STAY, near, told, watched, words
from tests.program.programs import BY_NAME, environment
from tests.program.running import RUNNING, alone, answers, batch, of_the_program, printed, run
from tests.support.pty_app import PtyApp
from tests.support.sizes import pick, quick
from tests.support.warm_start import default_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# As alone -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    quick(
        [
            ("own-default-rate", "[0.648]\n"),
            ("own-keyword-rate", "[0.192]\n"),
            ("other-signature", "2.359296\n"),
            ("own_generator", "1.26726853068298\n"),
            ("writes_a_file", "3\n"),
            ("forks", "child 0\n"),
            ("reads_all_input", "20\n"),
            ("writes_bytes", "hello\n"),
            ("reconfigures_output", "ok\n"),
            ("redirects_output", "ok\n"),
            ("dataclass_types", None),
            ("two_graphs_one_update", None),
            ("nested_state", None),
            ("counts_its_calls", None),
        ],
        3,
    ),
)
def test_it_prints_what_it_prints_alone_when_looked_at_closely(
    tmp_path: Path, name: str, text: str | None
) -> None:
    lines = ["step 3", "back 2", "step 9", "back", "next", "goto start", "sgd", "continue"]
    ended = watched(tmp_path, name, *lines)
    right = run(tmp_path / "here", BY_NAME[name], alone(RUNNING, BY_NAME[name]), probed=False)
    assert text is None or right.stdout.decode() == text
    assert printed(ended.stdout) == right.stdout
    assert of_the_program(ended.stderr, RUNNING) == right.stderr
    assert {name: ended.files[name] for name in right.files} == right.files
    assert len(answers(ended.stdout)) == len(lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cost", "costs"),
    [
        ("nested_state", "c2", [3.578125]),
        ("counts_its_calls", "c2", [3.375, 1.4721, 4.069]),
    ],
)
def test_a_node_that_keeps_state_has_the_costs_that_were_printed(
    tmp_path: Path, name: str, cost: str, costs: list[float]
) -> None:
    lines = ["continue"]
    for at in range(3):
        lines += [f"goto sgd {at}", *PASS, f"print {cost}"]
    ended = watched(tmp_path, name, *lines)
    found = [
        answer["result"] for answer in answers(ended.stdout) if answer["command"] == f"print {cost}"
    ]
    shown = [float(line.split()[0]) for line in printed(ended.stdout).splitlines()]
    assert found == shown
    for rounded in costs:
        assert any(math.isclose(rounded, value, abs_tol=5e-4) for value in found), found


@pytest.mark.slow
def test_standard_error_stays_standard_error(tmp_path: Path) -> None:
    program = BY_NAME["stderr"]
    command = batch(RUNNING, program, ["continue"])
    ended = run(tmp_path / "here", program, command, probed=False)
    assert b"to stderr" not in ended.stdout
    assert b"to stdout\n" in ended.stdout
    assert of_the_program(ended.stderr, RUNNING) == b"to stderr\n"


def test_a_program_that_catches_everything_does_not_catch_the_debugger(tmp_path: Path) -> None:
    ended = watched(tmp_path, "bare_except", "step")
    assert ended.status == 0
    assert of_the_program(ended.stderr, RUNNING) == b""
    assert printed(ended.stdout) == b""


def test_a_pass_that_fails_is_shown_as_failed_and_the_program_goes_on(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 1", "step", "explain", "goto sgd 2", *PASS, "print cost"]
    ended = watched(tmp_path, "catches_an_error", *lines)
    found = answers(ended.stdout)
    assert b"skipped:" in printed(ended.stdout)
    assert b"done 1.5643805082426938" in printed(ended.stdout)
    assert "differ in shape" in words(found[2]) + words(found[3])
    assert found[-1]["result"] == near(1.5643805082426938)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "said"), [("text_for_a_value", "text"), ("ragged_value", "list")])
def test_a_value_that_is_no_number_is_named_in_one_sentence(
    tmp_path: Path, name: str, said: str
) -> None:
    found = told(tmp_path, name, "until c2", "print c2")
    sentence = words(found[0]) + words(found[1])
    assert "c2" in sentence
    assert said in sentence
    assert not found[1]["ok"]
    assert "\n" not in found[1]["error"]


def test_what_is_saved_is_relative_to_where_the_debugger_was_started(tmp_path: Path) -> None:
    program = BY_NAME["changes_folder"]
    command = [sys.executable, "-P", "-m", "mfdebug", program.main, "--save", "out.json"]
    ended = run(tmp_path / "here", program, command, probed=False)
    assert ended.status == 0
    assert "out.json" in ended.files
    assert "sub/out.json" not in ended.files


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tee", "redirects_output"])
def test_the_debuggers_answers_go_to_its_own_output(tmp_path: Path, name: str) -> None:
    ended = watched(tmp_path, name, "step", "print cost", "sgd", "continue")
    assert len(answers(ended.stdout)) == 4
    right = run(tmp_path / "here", BY_NAME[name], alone(RUNNING, BY_NAME[name]), probed=False)
    assert {name: ended.files[name] for name in right.files} == right.files


# Programs that stay -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", STAY)
def test_one_that_stays_is_gone_when_the_commands_are(tmp_path: Path, name: str) -> None:
    # Who has its standard output is gone when that ends.
    ended = watched(tmp_path, name, *PASS, "print cost", "quit")
    assert answers(ended.stdout)[2]["result"] == 9
    assert ended.status == 0
    assert of_the_program(ended.stderr, RUNNING) == b""


# Here each program that stays gets one signal; with `--long` all.
SENT = [
    pytest.param(name, number, id=f"{name}-{number.name}")
    for i, name in enumerate(STAY)
    for k, number in enumerate(SIGNALS)
    if pick(True, (i + k) % len(SIGNALS) == 0)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), SENT)
def test_one_that_stays_is_gone_after_a_signal(
    tmp_path: Path, name: str, number: signal.Signals
) -> None:
    program = BY_NAME[name]
    path = program.copy_to(tmp_path)
    command = batch(RUNNING, program, [*PASS, "print cost", "continue"], "--json")
    with subprocess.Popen(
        command,
        cwd=path.parent,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        preexec_fn=default_signals,
    ) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(3)]
        assert json.loads(shown[2])["result"] == 9
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    # A signal that ends a process may do so as a signal, or as a status that names it.
    assert process.returncode in (-number, 128 + number)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAY)
def test_q_leaves_one_that_stays_and_restores_the_terminal(tmp_path: Path, name: str) -> None:
    path = BY_NAME[name].copy_to(tmp_path)
    command = [sys.executable, "-P", "-m", "mfdebug", str(path)]
    variables: dict[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"]}
    with PtyApp(command, env=variables, cwd=tmp_path) as app:
        app.wait_for("cost")
        app.press("c")
        app.send(b"q")
        assert app.wait() == 0
        assert app.not_restored() == []


@pytest.mark.slow
def test_one_that_exits_at_once_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    path = BY_NAME["exits_at_once"].copy_to(tmp_path)
    command = [sys.executable, "-P", "-m", "mfdebug", str(path)]
    variables: dict[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"]}
    with PtyApp(command, env=variables, cwd=tmp_path) as app:
        app.wait_for("cost")
        app.press("c")
        app.send(b"q")
        app.wait()
        assert app.not_restored() == []


@pytest.mark.slow
def test_a_graph_that_is_built_each_step_takes_bounded_memory(tmp_path: Path) -> None:
    program = BY_NAME["rebuilds_its_graph"].copy_to(tmp_path)
    most = []
    for steps in pick(("2000", "20000"), ("200", "2000")):
        # The peak memory of the child process.
        text = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
            "stdout=subprocess.DEVNULL); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        command = [sys.executable, "-P", "-m", "mfdebug", program.name, steps, "--batch"]
        command += ["--history-memory", "8", "-c", "continue"]
        done = subprocess.run(
            [sys.executable, "-c", text, *command],
            cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        most.append(int(done.stdout))
    assert most[1] < 1.5 * most[0], most
