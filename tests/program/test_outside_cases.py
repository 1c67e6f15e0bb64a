"""Programs of which something wrong was once shown; the right values are the programs' own."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.program.programs import BY_NAME, environment
from tests.program.running import (
    RUNNING,
    Ended,
    alone,
    answers,
    batch,
    independent,
    of_the_program,
    printed,
    run,
)
from tests.support.pty_app import PtyApp
from tests.support.sizes import pick
from tests.support.warm_start import default_signals

Answer = dict[str, Any]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STAY = ("catches_everything", "holds_the_interpreter", "sleeps", "waits_for_a_lock")
# From the feed of a pass, forward and back through it; to that feed at first.
PASS = ("next", "next")
FIRST = ("goto sgd 0", *PASS)


def watched(tmp_path: Path, name: str, *lines: str, options: tuple[str, ...] = ()) -> Ended:
    program = BY_NAME[name]
    command = batch(RUNNING, program, lines, "--json", *options)
    return run(tmp_path / "here", program, command, probed=False)


def told(tmp_path: Path, name: str, *lines: str) -> list[Answer]:
    """Return the answers to commands; none of them may have failed for a bug."""
    ended = watched(tmp_path, name, *lines)
    found = answers(ended.stdout)
    assert len(found) == len(lines), ended.stderr.decode()
    return found


def results(tmp_path: Path, name: str, *lines: str) -> list[Any]:
    """Return the results of the `print` commands."""
    found = told(tmp_path, name, *lines)
    wanted = [answer for answer in found if answer["command"].startswith("print")]
    assert all(answer["ok"] for answer in wanted), wanted
    return [answer["result"] for answer in wanted]


def words(answer: Answer) -> str:
    return json.dumps(answer, ensure_ascii=False)


def verdicts(answer: Answer) -> dict[tuple[str, str], str]:
    """Return what a check says of each node and its input."""
    found = answer["result"]["verdicts"]
    return {(verdict["node"], verdict["input"]): verdict["judgement"] for verdict in found}


def near(value: Any) -> Any:
    """Return what equals a value whose last digits are those of another order of summing."""
    if isinstance(value, list):
        return [near(item) for item in value]
    return pytest.approx(value, rel=1e-12, abs=1e-12)


# What each pass had --------------------------------------------------------------------------

# Expressions, and what they are worth at the end of each pass, from the first on.
PASSES: dict[str, dict[str, list[Any]]] = {
    "random_node": {
        "d": [[0, 0, 0, 0], [2, 0, 6, 0], [0, 4, 0, 0], [0, 0, 4.8, 8]],
        "cost": [0, 10, 4, 21.76],
    },
    "accumulating-engine": {"w.grad": [600, 1080, 1344]},
    "forgetful-engine": {"W.grad": [[[1.75, 2.25], [0.5, 0]]]},
    "graph_each_step": {"w": [0, 0.06]},
    "forward_value": {"cost": [3, 5.8, 10.8]},
    "one_file_forward_value": {"cost": [3, 5.8, 10.8]},
    "inputs_and_outputs": {"cost": [9, 5.76], "w.grad": [6, 4.8]},
    "one_file_names_in_loops": {"a": [2, 1.7], "c": [6, 5.1]},
    "names_in_loops": {"X": [[[1], [1]]], "l1": [[[1], [1]]], "cost": [1]},
    "times_itself": {"y": [9], "x.grad": [96]},
    "train_call": {"cost": [20.0]},
    "rebuilds_its_graph": {"cost": [9]},
}


WAYS = ["step by step", "after continue"]
# Each program in one of the ways; with `--long` in both.
WALKS = [
    (name, way)
    for i, name in enumerate(PASSES)
    for k, way in enumerate(WAYS)
    if pick(True, (i + k) % len(WAYS) == 0)
]


@pytest.mark.parametrize(("name", "way"), WALKS)
def test_each_pass_has_what_the_program_had(tmp_path: Path, name: str, way: str) -> None:
    expected = PASSES[name]
    lines = ["continue", "goto start"] if way == "after continue" else []
    count = max(map(len, expected.values()))
    for at in range(count):
        lines += [f"goto sgd {at}", *PASS]
        lines += [
            f"print {expression}" for expression in expected if at < len(expected[expression])
        ]
    wanted = [expected[expression][at] for at in range(count) for expression in expected
              if at < len(expected[expression])]  # fmt: skip
    assert results(tmp_path, name, *lines) == near(wanted)


def test_the_costs_of_random_masks_are_those_that_were_printed(tmp_path: Path) -> None:
    lines = ["continue"]
    for at in (3, 5):
        lines += [f"goto sgd {at}", *PASS, "print cost2"]
    assert results(tmp_path, "random_mask", *lines) == [
        pytest.approx(2.92778, abs=5e-6),
        pytest.approx(6.75943, abs=5e-6),
    ]


EQUATION = re.compile(r"= (-?[\d.e-]+) - (-?[\d.e-]+) × \(?(-?[\d.e-]+)\)? = (-?[\d.e-]+)")


@pytest.mark.parametrize("name", ["random_mask", "momentum_and_decay", "update_by_hand"])
def test_no_update_is_an_equation_whose_sides_differ(tmp_path: Path, name: str) -> None:
    node = "w" if name == "update_by_hand" else "W"
    lines = ["continue"]
    for at in range(3):
        lines += [f"goto sgd {at}", f"until {node} update", "explain", f"why {node}"]
    for answer in told(tmp_path, name, *lines):
        for old, rate, gradient, new in EQUATION.findall(words(answer)):
            right = float(old) - float(rate) * float(gradient)
            assert float(new) == pytest.approx(right, rel=2e-5), words(answer)


def test_each_pass_has_its_own_rate(tmp_path: Path) -> None:
    lines = ["continue"]
    for at in range(3):
        lines += [f"goto sgd {at}", "until b update", "print lr"]
    assert results(tmp_path, "falling_rate", *lines) == [0.1, 0.05, 0.01]


def test_a_rate_of_its_own_is_shown_with_the_pass_that_had_it(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 0", "until b update", "explain"]
    assert "0 - 0.1 × (-3) = 0.3" in words(told(tmp_path, "falling_rate", *lines)[-1])


def test_what_was_updated_by_hand_is_not_told_with_a_rate_of_another(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 0", "until w update", "explain", "print w", "print lr"]
    *_, explained, value, rate = told(tmp_path, "update_by_hand", *lines)
    assert value["result"] == 4.4
    assert "4.4" in words(explained)
    assert "0.01 × 600" not in words(explained)
    assert rate["result"] == 0.001 if rate["ok"] else True


def test_momentum_is_told_as_the_programs_own_rule(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 3", "until W update", "print prev(W)", "print W", "explain"]
    *_, before, after, explained = told(tmp_path, "momentum_and_decay", *lines)
    assert before["result"] != after["result"]
    assert "by the program's own rule" in words(explained)


@pytest.mark.parametrize("look_ahead", [False, True])
def test_an_update_stays_the_same_after_a_look_at_the_next_pass(
    tmp_path: Path, look_ahead: bool
) -> None:
    ahead = ["finish", "step 2"] if look_ahead else []
    lines = [*(["goto sgd 1", "until b update"] if look_ahead else []), *ahead]
    lines = ["continue", *lines, "goto sgd 1", "until b update", "print b", "explain"]
    *_, value, explained = told(tmp_path, "sorts_twice", *lines)
    assert value["result"] == near([0.39])
    assert "0.3 - 0.1 × (-0.9) = 0.39" in words(explained)


def test_what_was_fed_is_what_the_update_has_made_of_it(tmp_path: Path) -> None:
    lines = ["continue", "goto sgd 3", "next", "print w", "print cost"]
    w, cost = results(tmp_path, "trains_what_was_fed", *lines)
    assert w == [[pytest.approx(0.713, abs=5e-4)]]
    assert cost == pytest.approx(0.0209, abs=5e-5)


@pytest.mark.parametrize(
    ("name", "trained", "fed"),
    [
        ("batches_by_hand", {"W", "b"}, {"X", "t"}),
        ("labels_with_zero_gradient", {"w"}, {"y"}),
    ],
)
def test_only_what_follows_its_gradient_is_trained(
    tmp_path: Path, name: str, trained: set[str], fed: set[str]
) -> None:
    found = told(tmp_path, name, "continue", "goto sgd 1", "explain")
    lines = found[-1]["result"]["explain"]
    assert {line.split()[0] for line in lines if line.endswith("(trained)")} == trained
    assert fed <= {line.split()[0] for line in lines if line.endswith("(from the program)")}


# Gradients ----------------------------------------------------------------------------------


def test_a_gradient_that_adds_up_over_passes_is_wrong_from_the_second_on(tmp_path: Path) -> None:
    lines = [part for at in range(3) for part in (f"goto sgd {at}", *PASS, "check")]
    checks = [answer for answer in told(tmp_path, "accumulating-engine", *lines)
              if answer["command"] == "check"]  # fmt: skip
    wrong = [
        {key for key, said in verdicts(answer).items() if said == "wrong"} for answer in checks
    ]
    assert wrong[0] == set()
    for found in wrong[1:]:
        assert any("w" in key for key in found), found


def test_an_input_that_assigns_is_wrong(tmp_path: Path) -> None:
    ended = watched(tmp_path, "forgetful-engine", *FIRST, options=("--check",))
    check = answers(ended.stdout)[-1]
    wrong = {key for key, said in verdicts(check).items() if said == "wrong"}
    assert ended.status == 1
    assert ("W", "W") in wrong
    # The rules of the other nodes are right: it is the sum at an input that is not.
    assert wrong <= {("W", "W"), ("b", "b")}


@pytest.mark.parametrize("name", ["random_node", "own_generator", "random_mask", "draws_numbers"])
def test_random_nodes_let_nothing_be_accused(tmp_path: Path, name: str) -> None:
    check = told(tmp_path, name, "continue", "goto sgd 0", *PASS, "check")[-1]
    assert "wrong" not in verdicts(check).values() if check["ok"] else "Traceback" not in str(check)


def test_a_rule_that_nothing_comes_back_to_is_not_called_right(tmp_path: Path) -> None:
    check = told(tmp_path, "zero_upstream", "goto sgd 0", *PASS, "check")[-1]
    assert verdicts(check)["s", "h"] != "right"


def test_two_contributions_of_one_node_are_two(tmp_path: Path) -> None:
    lines = (*FIRST, "why grad x")
    why = told(tmp_path, "times_itself", *lines)[-1]
    assert [term["amount"] for term in why["result"]["terms"]] == [48, 48]


def test_labels_stay_integers_and_are_not_varied(tmp_path: Path) -> None:
    found = told(tmp_path, "integer_labels", *FIRST, "print y", "check", "print a.grad")
    *_, labels, check, sent = found
    assert json.dumps(labels["result"]) == "[0, 2]"
    assert check["ok"]
    assert set(verdicts(check).values()) <= {"right", "untested", "undefined", "class number"}
    assert sent["result"] == [[-0.5, 0, 0], [0, 0, -0.5]]


def test_a_node_that_overwrites_its_input_is_said_to(tmp_path: Path) -> None:
    lines = ["until h", "print h", "until r", "explain", "print h", "print r"]
    _, before, _, explained, after, value = told(tmp_path, "overwrites_its_input", *lines)
    assert before["result"] == [[1], [-2]]
    assert re.search(r"change[sd]? h|overwr\w+ h", words(explained)), words(explained)
    assert after["result"] == value["result"] == [[1], [0]]


# Graphs, names, ways through ------------------------------------------------------------------


def test_one_call_of_each_node_is_a_pass(tmp_path: Path) -> None:
    lines = ("goto sgd 0", "next", "print f", "print x", "print y")
    assert results(tmp_path, "forward_value_alone", *lines) == [15, 10, 5]


@pytest.mark.parametrize("name", ["forward_only", "engine-of-another-name"])
def test_a_pass_forward_alone_is_stepped_and_backward_says_what_is_missing(
    tmp_path: Path, name: str
) -> None:
    *_, value, gradient, again = told(
        tmp_path, name, "goto sgd 0", "next", "print f", "print f.grad", "next"
    )
    assert value["result"] == 15
    assert not gradient["ok"]
    assert "Traceback" not in gradient["error"]
    assert not again["ok"]
    assert re.search(r"backward|end", again["error"])


def test_a_number_for_a_name_is_no_name(tmp_path: Path) -> None:
    assert results(tmp_path, "number_for_a_name", "next 2", "print f") == [2.0]


def test_graphs_follow_each_other_and_earlier_ones_can_be_returned_to(tmp_path: Path) -> None:
    lines = [
        "next 2",
        "print s",
        "break nan",
        "continue",
        "print W",
        "delete all",
        "until l",
        "print l",
    ]
    lines += [*["reverse-continue"] * 3, "back 100", "back 100"]
    lines += ["goto sgd 0", "next", "print s"]
    found = told(tmp_path, "two_graphs_and_a_nan", *lines)
    assert found[1]["result"] == 3
    stops = words(found[3])
    assert "stops" in found[3]["result"], stops
    assert found[4]["result"] == [["NaN"]]
    assert found[7]["result"] == [["NaN"], ["NaN"]]
    assert found[-1]["result"] == 3


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("names_in_loops", {"X", "W", "b", "y", "l1", "cost"}),
        ("one_file_names_in_loops", {"a", "b", "c"}),
        ("two_graphs_one_update", {"X", "W", "b", "y", "cost"}),
        ("with_arguments", {"X", "W", "b", "y", "cost"}),
    ],
)
def test_names_are_those_of_who_built_the_graph(tmp_path: Path, name: str, own: set[str]) -> None:
    found = told(
        tmp_path, name, "next 2", *(f"print shape({node})" for node in sorted(own)), "print n"
    )
    assert all(answer["ok"] for answer in found[:-1]), found
    assert not found[-1]["ok"]


def test_graphs_that_are_built_each_step_are_one_line_of_time(tmp_path: Path) -> None:
    found = told(tmp_path, "rebuilds_its_graph", "continue", "back 8", "print cost", "goto sgd 5")
    assert found[0]["sgd_step"] == 39
    assert found[1]["sgd_step"] in (38, 39)
    assert found[-1]["sgd_step"] == 5


def test_a_training_call_is_stepped(tmp_path: Path) -> None:
    lines = [part for at in range(3) for part in (f"goto sgd {at}", "next", "print mse1")]
    ended = watched(tmp_path, "train_call", *lines, "continue")
    costs = [
        answer["result"] for answer in answers(ended.stdout) if answer["command"] == "print mse1"
    ]
    assert [float(text) for text in re.findall(rb"[\d.]+", printed(ended.stdout))] == near(costs)
    assert costs[0] == 20


def test_a_stop_of_the_programs_own_holds(tmp_path: Path) -> None:
    found = told(tmp_path, "set_trace_in_a_loop", "continue", "print w", "continue")
    assert found[0]["ok"]
    assert found[0]["sgd_step"] in (4, 5)
    # w goes 5, 4.4, 3.92, ... towards 2: w - 2 becomes 0.8 of itself each time.
    assert found[1]["result"] == near(2 + 3 * 0.8 ** found[0]["sgd_step"])
    assert found[2]["sgd_step"] == 5


def test_a_debug_call_has_its_callers_names(tmp_path: Path) -> None:
    path = BY_NAME["debug_call"].copy_to(tmp_path)
    variables: dict[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"]}
    with PtyApp([sys.executable, str(path)], env=variables, cwd=tmp_path) as app:
        app.wait_for("wanted")
        for name in ("w", "x", "y", "cost"):
            assert re.search(rf"^\W*{name}  ", app.text, re.MULTILINE), (name, app.text)
        assert "mul1" not in app.text
        app.send(b"q")
        assert app.wait() == 0


# As alone -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
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


@pytest.mark.parametrize("name", ["tee", "redirects_output"])
def test_the_debuggers_answers_go_to_its_own_output(tmp_path: Path, name: str) -> None:
    ended = watched(tmp_path, name, "step", "print cost", "sgd", "continue")
    assert len(answers(ended.stdout)) == 4
    right = run(tmp_path / "here", BY_NAME[name], alone(RUNNING, BY_NAME[name]), probed=False)
    assert {name: ended.files[name] for name in right.files} == right.files


# Programs that stay -------------------------------------------------------------------------


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


def test_the_independent_recorder_agrees_with_the_right_values(tmp_path: Path) -> None:
    """The values above are the programs' own: two of them, as the other recorder sees them."""
    from tests.program.compare import independent_passes

    program = BY_NAME["random_node"]
    file = tmp_path / "seen.pickle"
    run(tmp_path / "here", program, independent(RUNNING, program, file), probed=False)
    seen = independent_passes(file)
    kinds = seen[0].kinds
    drop, cost = kinds.index("Drop"), kinds.index("MSE")
    assert [seen_pass.values[drop].tolist() for seen_pass in seen] == near(
        PASSES["random_node"]["d"]
    )
    assert [float(seen_pass.values[cost]) for seen_pass in seen] == near(
        PASSES["random_node"]["cost"]
    )
