"""Passes, graphs and names of programs that were once shown wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.program.outside import near, results, told, watched, words
from tests.program.programs import BY_NAME, environment
from tests.program.running import answers, printed
from tests.support.pty_app import PtyApp


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


@pytest.mark.slow
def test_a_number_for_a_name_is_no_name(tmp_path: Path) -> None:
    assert results(tmp_path, "number_for_a_name", "next 2", "print f") == [2.0]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_graphs_that_are_built_each_step_are_one_line_of_time(tmp_path: Path) -> None:
    found = told(tmp_path, "rebuilds_its_graph", "continue", "back 8", "print cost", "goto sgd 5")
    assert found[0]["sgd_step"] == 39
    assert found[1]["sgd_step"] in (38, 39)
    assert found[-1]["sgd_step"] == 5


@pytest.mark.slow
def test_a_training_call_is_stepped(tmp_path: Path) -> None:
    lines = [part for at in range(3) for part in (f"goto sgd {at}", "next", "print mse1")]
    ended = watched(tmp_path, "train_call", *lines, "continue")
    costs = [
        answer["result"] for answer in answers(ended.stdout) if answer["command"] == "print mse1"
    ]
    assert [float(text) for text in re.findall(rb"[\d.]+", printed(ended.stdout))] == near(costs)
    assert costs[0] == 20


@pytest.mark.slow
def test_a_stop_of_the_programs_own_holds(tmp_path: Path) -> None:
    found = told(tmp_path, "set_trace_in_a_loop", "continue", "print w", "continue")
    assert found[0]["ok"]
    assert found[0]["sgd_step"] in (4, 5)
    # w goes 5, 4.4, 3.92, ... towards 2: w - 2 becomes 0.8 of itself each time.
    assert found[1]["result"] == near(2 + 3 * 0.8 ** found[0]["sgd_step"])
    assert found[2]["sgd_step"] == 5


@pytest.mark.slow
def test_a_debug_call_has_its_callers_names(tmp_path: Path) -> None:
    path = BY_NAME["debug_call"].copy_to(tmp_path)
    variables: dict[str, str | None] = {"PYTHONPATH": environment()["PYTHONPATH"]}
    with PtyApp([sys.executable, str(path)], env=variables, cwd=tmp_path) as app:
        app.wait_for("wanted")
        for name in ("w", "x", "y", "cost"):
            assert re.search(rf"^\W*{name}\*?  ", app.text, re.MULTILINE), (name, app.text)
        assert "mul1" not in app.text
        app.send(b"q")
        assert app.wait() == 0
