"""Programs in the lesson's style, unmodified: stepped or run, they do what they do alone."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "programs"
# Those of the lesson; tests/program/programs.py has all.
NAMES = [
    "adds_a_list",
    "adds_neurons",
    "assigns_for_adds",
    "backward_once",
    "draws_numbers",
    "evaluates_between",
    "forgets_the_transpose",
    "forgets_to_sum",
    "housing",
    "ideal_output",
    "linear_of_numbers",
    "linear_sigmoid",
    "makes_nan",
    "momentum_by_hand",
    "mse_of_three",
    "no_backward",
    "one_file",
    "opening_example",
    "overrides_ours",
    "own_loops",
    "raises_between",
    "raises_in_a_node",
    "reads_input",
    "sorts_again",
    "tanh_of_its_own",
    "two_graphs",
    "with_arguments",
    "wrong_shape",
]
# Those that end with an error, and what it says.
FAILING = {
    "no_backward": "Square does not define backward()",
    "raises_between": "ValueError: two are enough (line 13 of raises_between.py)",
    "raises_in_a_node": "2x4 · 3x1 does not fit",
    "reads_input": "run it with --plain to answer it",
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
# What a command may be refused for: the line is shorter than the way, or has no cost of that name.
EXPECTED = (
    "line ends here",
    "nothing",
    "this is the start",
    "unknown name",
    "wrong shape",
    "of shape",
)
# Ways through a run: none of them may change what the program prints.
WAYS: dict[str, list[str]] = {
    "at once": ["continue"],
    "a node at a time": ["step"] * 45 + ["continue"],
    "pass by pass": ["finish"] * 3 + ["continue"],
    "to and fro": ["step 3", "back", "next", "sgd", "goto 1", "sgd 2", "back 5", "continue"],
    "looking closely": [
        "next 2", "explain", "check", "print cost", "watch cost", "next", "continue",
    ],
}  # fmt: skip


def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        input=given or "",
        timeout=60,
        check=False,
    )


@cache
@functools.cache
def alone(name: str) -> list[str]:
    """What a program prints without the debugger."""
    return run(str(PROGRAMS / f"{name}.py")).stdout.splitlines()


def debugged(name: str, *options: str) -> tuple[list[str], list[dict[str, Any]], int]:
    """What it prints under the debugger, the answers to the commands, and the status."""
    done = run("-m", "mfdebug", str(PROGRAMS / f"{name}.py"), "--batch", "--json", *options)
    assert "Traceback (most recent call last)" not in done.stderr
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    printed = [one["output"] for one in objects if "output" in one]
    return printed, [one for one in objects if "output" not in one], done.returncode


def commands(*lines: str) -> list[str]:
    return [part for line in lines for part in ("-c", line)]


def test_there_are_programs_of_every_kind() -> None:
    assert len(NAMES) >= 20


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_it_prints_what_it_prints_alone(name: str, way: str) -> None:
    printed, answers, status = debugged(name, *commands(*WAYS[way]))
    expected = alone(name)
    if name == "reads_input":
        expected = expected[:1]  # alone it fails later, asking
    assert printed[: len(expected)] == expected
    if name in FAILING:
        assert status == 1
    else:
        assert printed == expected
        refused = [one["error"] for one in answers if not one["ok"]]
        assert all(any(one in words for one in EXPECTED) for words in refused), refused


@pytest.mark.parametrize("name", FAILING)
def test_one_that_fails_says_where_and_can_be_walked_back(name: str) -> None:
    _, answers, status = debugged(name, *commands("continue", "print moment", "back 2", "step 99"))
    assert status == 1
    told = json.dumps(answers, ensure_ascii=False)
    assert FAILING[name] in told
    assert answers[2]["ok"]
    assert answers[2]["moment"] < answers[1]["moment"]
    assert not answers[3]["ok"] or answers[3]["moment"] == answers[1]["moment"]


def test_a_node_that_raises_is_named_with_its_inputs_shapes() -> None:
    _, answers, _ = debugged("raises_in_a_node", *commands("goto sgd 2", "step 9", "step"))
    error = answers[-1]["error"]
    assert error.startswith("forward of l1 raised ShapeError")
    assert "[its inputs: X 2x4, W 3x1, b 1]" in error


# What the debugger knows of them ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expression", "value"),
    [
        ("adds_neurons", "f", 19.0),
        ("linear_of_numbers", "f", 12.7),
        ("mse_of_three", "cost", 23.416666666666664),
        ("adds_a_list", "sum(product)", 14.0),
        ("linear_sigmoid", "g[0,1]", 0.9820137900379085),
    ],
)
def test_the_lessons_numbers_by_the_programs_own_names(
    name: str, expression: str, value: float
) -> None:
    _, answers, status = debugged(name, *commands("continue", f"print {expression}"))
    assert answers[-1]["result"] == pytest.approx(value, rel=1e-15)
    assert status == 0


def test_gradients_of_the_lessons_quiz() -> None:
    _, answers, _ = debugged("backward_once", *commands("continue", "print b.grad", "print W.grad"))
    assert answers[1]["result"] == pytest.approx([-5.01028709e-05], rel=1e-6)
    assert answers[2]["result"] == [
        pytest.approx([5.01028709e-05], rel=1e-6),
        pytest.approx([1.00205742e-04], rel=1e-6),
    ]


@pytest.mark.parametrize(
    ("name", "trained", "fed"),
    [
        ("opening_example", {"w"}, set()),
        ("housing", {"W1", "b1", "W2", "b2"}, {"X", "y"}),
        ("own_loops", {"W", "b"}, set()),
        ("momentum_by_hand", {"W", "b"}, {"X", "y"}),
        ("one_file", {"W", "b"}, set()),
        ("evaluates_between", {"W", "b"}, {"X", "y"}),
        ("sorts_again", {"w"}, set()),
        ("with_arguments", {"W", "b"}, set()),
        ("tanh_of_its_own", {"W", "b"}, set()),
    ],
)
def test_what_is_trained_and_what_is_fed(name: str, trained: set[str], fed: set[str]) -> None:
    _, answers, _ = debugged(name, *commands("sgd", "finish", "explain"))
    lines = answers[2]["result"]["explain"]
    assert {line.split()[0] for line in lines if line.endswith("(trained)")} == trained
    assert {line.split()[0] for line in lines if line.endswith("(from the program)")} == fed


def test_time_goes_back_over_all_passes_bit_for_bit() -> None:
    there, first, _ = debugged("housing", *commands("sgd 2", "print W1", "print cost"))
    back, again, _ = debugged(
        "housing", *commands("continue", "goto 1", "sgd 2", "print W1", "print cost")
    )
    assert [one["result"] for one in first[-2:]] == [one["result"] for one in again[-2:]]
    assert len(there) < len(back)


def test_passes_with_other_batches_have_their_own_shapes() -> None:
    _, answers, _ = debugged(
        "evaluates_between",
        *commands("step", "print shape(X)", "finish", "print shape(X)", "goto 2", "print shape(X)"),
    )
    shapes = [one["result"] for one in answers if one["command"].startswith("print")]
    assert shapes == [[12, 2], [4, 2], [12, 2]]


def test_a_second_graph_has_a_debugger_of_its_own() -> None:
    printed, answers, _ = debugged("two_graphs", *commands("finish", "sgd", "print d"))
    told = [one["result"] for one in answers]
    assert printed[0] == "6.0"
    assert answers[1]["ok"]
    assert told[-1] == pytest.approx(2.5)


# Students' mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "node", "source", "entry"),
    [
        ("assigns_for_adds", "d", "w", []),
        ("forgets_to_sum", "l1", "b", [0]),
        ("forgets_the_transpose", "l1", "h", None),
    ],
)
def test_the_check_names_the_mistake(
    name: str, node: str, source: str, entry: list[int] | None
) -> None:
    _, answers, status = debugged(name, *commands("sgd"), "--check")
    worst = answers[-1]["result"]["verdicts"][0]
    assert status == 1
    assert worst["judgement"] == "wrong"
    assert (worst["node"], worst["input"]) == (node, source)
    assert entry is None or worst["entry"] == entry
    assert answers[-1]["result"]["all_right"] is False


def test_a_gradient_of_the_wrong_shape_is_run_as_it_stands_and_named() -> None:
    printed, answers, _ = debugged("wrong_shape", *commands("continue", "check"))
    assert printed == ["(7,)"]
    assert "gave x a gradient of shape 7; its value has 2x3" in answers[1]["error"]


def test_nan_is_found_where_it_is_made() -> None:
    _, answers, _ = debugged("makes_nan", *commands("break nan", "continue"))
    assert "made by Log of level" in answers[-1]["result"]["stops"][0]["reason"]


# Around them --------------------------------------------------------------------------------


def test_arguments_reach_the_program() -> None:
    path = str(PROGRAMS / "with_arguments.py")
    plain = run(path, "3", "--rate", "0.05").stdout
    done = run("-m", "mfdebug", path, "--batch", "-c", "continue", "3", "--", "--rate", "0.05")
    assert done.stdout.startswith(plain)


def test_a_program_can_be_saved_as_a_graph(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    path = str(PROGRAMS / "housing.py")
    assert run("-m", "mfdebug", path, "--save", str(file)).returncode == 0
    _, answers, _ = debugged("housing", *commands("next 2", "print cost"))
    saved = run("-m", "mfdebug", str(file), "--batch", "--json", *commands("next 2", "print cost"))
    last = json.loads(saved.stdout.splitlines()[-1])
    assert last["result"] == answers[-1]["result"]


def test_a_program_asks_its_user_in_plain_mode() -> None:
    path = str(PROGRAMS / "reads_input.py")
    done = run("-m", "mfdebug", path, "--plain", "-c", "continue", given="0.005\n")
    assert "cost 900.0" in done.stdout
    assert "cost 0.0" in done.stdout


def test_a_copy_of_miniflow_beside_it_is_not_used_unless_asked_for(tmp_path: Path) -> None:
    text = (PROGRAMS / "one_file.py").read_text()
    nodes, _, rest = text.partition("X, W, b, y = Input()")
    (tmp_path / "miniflow.py").write_text(nodes + "\nprint('own')\n")
    program = tmp_path / "prog.py"
    program.write_text(f"from miniflow import *\nimport numpy as np\nX, W, b, y = Input(){rest}")
    ours = run("-m", "mfdebug", str(program), "--batch", "-c", "continue")
    assert "--own-miniflow steps it" in ours.stderr
    assert "own\n" not in ours.stdout
    own = run(
        "-m", "mfdebug", str(program), "--batch", "--own-miniflow", "-c", "continue", "-c", "check"
    )
    assert own.stdout.startswith("own\n" + "\n".join(alone("one_file")))
    assert "no gradient is wrong" in own.stdout


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("print('hello')\n", "it ended without running a graph"),
        ("def f(:\n", "not a Python program"),
        ("1/0\n", "ZeroDivisionError: division by zero (line 1 of prog.py)"),
        ("import sys; sys.exit(3)\n", "it left with status 3"),
    ],
)
def test_a_program_without_a_pass_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "prog.py"
    path.write_text(text)
    done = run("-m", "mfdebug", str(path), "--batch", "-c", "step")
    assert done.returncode == 2
    assert problem in done.stderr


def test_an_interrupt_stops_a_program_that_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "loops.py"
    path.write_text(
        "from miniflow import *\nx = Input()\ny = Mul(x, x)\n"
        "forward_pass(y, topological_sort({x: 3.0}))\nprint('looping', flush=True)\n"
        "while True:\n    pass\n"
    )
    command = [sys.executable, "-m", "mfdebug", str(path), "--batch", "-c", "continue"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "looping\n"
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
    assert "it was interrupted" in printed
    assert "Traceback" not in errors
    assert process.returncode == 130


def test_moments_with_other_batch_sizes_are_compared_all_the_same() -> None:
    _, answers, _ = debugged("evaluates_between", *commands("sgd 2", "diff 3 12", "diff 1"))
    assert answers[1]["ok"]
    assert "X" in {one["node"] for one in answers[1]["result"]["differences"]}


def test_the_quiz_asks_nothing_about_a_node_that_raises() -> None:
    _, answers, _ = debugged("no_backward", *commands("goto 5", "quiz", "step", "step", "quiz"))
    assert all(one["ok"] or "raised" in one["error"] or "ends" in one["error"] for one in answers)


def test_a_pass_of_another_batch_size_can_be_checked() -> None:
    _, answers, _ = debugged("evaluates_between", *commands("sgd 2", "check", "goto 3", "check"))
    assert [one["result"]["all_right"] for one in (answers[1], answers[3])] == [True, True]
