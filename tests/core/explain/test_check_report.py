"""`--check` on the command line: its words, its JSON and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from mfdebug.cli.main import main
from mfdebug.core.explain.check_report import check_data, check_lines
from mfdebug.core.timeline.debugger import index_text
from miniflow.gradcheck.checker import check
from miniflow.node import Input, Node
from miniflow.ops import MSE, Neg, Tanh
from miniflow.ops.base import Array
from tests.support import warm_start
from tests.support.check_words import check_sentences
from tests.support.command_line import in_turn
from tests.support.paths import ROOT
from tests.support.planted_rules import graph_file, plant, weighed, worst_entries


def mfdebug(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mfdebug", *arguments]
    return warm_start.run(command, text=True, cwd=cwd)


def strict_json(line: str) -> dict[str, Any]:
    """Read one line as JSON that any program can read: without NaN and Infinity."""

    def no_number(name: str) -> NoReturn:
        raise AssertionError(f"{name} is not JSON")

    read: dict[str, Any] = json.loads(line, parse_constant=no_number)
    return read


# As a process --------------------------------------------------------------------------------


def test_a_right_graph_leaves_with_status_0() -> None:
    done = mfdebug("xor", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    conclusion, *lines = done.stdout.splitlines()
    assert conclusion == "no gradient is wrong (10 right)"
    heads, *rows = lines
    assert heads.split() == [
        *["node", "relative", "error", "limit", "verdict"],
        *["where", "backward", "difference", "tested"],
    ]
    assert len(rows) == 10
    assert all(" 1e-06  right    to " in row or "e-06  right    to " in row for row in rows)
    assert {row.split()[0] for row in rows} == {"l1", "s1", "l2", "s2", "cost"}


def test_a_right_graph_is_all_right_in_json_too() -> None:
    done = mfdebug("xor", "--check", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    answer = strict_json(line)
    assert answer["command"] == "--check"
    assert answer["ok"] is True
    assert answer["result"]["all_right"] is True
    assert {verdict["judgement"] for verdict in answer["result"]["verdicts"]} == {"right"}
    (to_w1,) = (verdict for verdict in answer["result"]["verdicts"] if verdict["input"] == "W1")
    assert (to_w1["node"], to_w1["checked"], to_w1["of"]) == ("l1", 4, 4)
    assert len(to_w1["entry"]) == 2


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_commands_come_first_and_the_check_is_made_where_they_lead(
    as_json: tuple[str, ...],
) -> None:
    done = mfdebug("xor", *as_json, "-c", "sgd 3", "-c", "until s1 backward", "--check")
    assert done.returncode == 0
    if as_json:
        *_, checked = map(strict_json, done.stdout.splitlines())
        place = {"sgd_step": 3, "phase": "backward", "node": "s1"}
        assert checked.items() >= {"command": "--check", "ok": True, **place}.items()
    else:
        assert done.stdout.startswith("SGD step 2 ∙ update 4 of 4")
        assert "\nno gradient is wrong (10 right)\n" in done.stdout


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_command_that_fails_is_a_failure_though_no_gradient_is_wrong(
    as_json: tuple[str, ...],
) -> None:
    done = mfdebug("xor", *as_json, "-c", "xyzzy", "--check")
    assert done.returncode == 1
    assert ("all_right" if as_json else "no gradient is wrong (10 right)") in done.stdout


PROGRAM = """\
import numpy as np
from miniflow import *


class MyMatMul(Node):
    def __init__(self, X, W, name):
        Node.__init__(self, [X, W], name)

    def forward(self):
        self.value = self.inbound_nodes[0].value @ self.inbound_nodes[1].value

    def backward(self):
        X, W = self.inbound_nodes
        grad = sum(n.gradients[self] for n in self.outbound_nodes)
        self.gradients = {X: grad @ W.value, W: X.value.T @ grad}


X, W, y = Input(name="X"), Input(name="W"), Input(name="y")
cost = MSE(y, MyMatMul(X, W, "l"), name="cost")
feed = {X: np.eye(2), W: np.array([[1.0, 2.0], [-1.0, 0.5]]), y: np.zeros((2, 2))}
graph = topological_sort(feed)
forward_and_backward(graph)
"""


def test_a_wrong_rule_of_a_program_leaves_with_status_1_and_its_entry(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PROGRAM)
    # With X = 1 and y = 0, W·W/2 is sent, and W·Wᵀ/2 is right.
    W = np.array([[1.0, 2.0], [-1.0, 0.5]])
    sent, right = W @ W / 2, W @ W.T / 2
    (entry,) = worst_entries(sent, right)
    done = mfdebug("mine.py", "--check", cwd=tmp_path)
    assert done.returncode == 1
    conclusion, _heads, first, *others = done.stdout.splitlines()
    assert conclusion == "1 gradient is wrong (1 wrong, 3 right)"
    node, kind, _error, _limit, verdict, _to, *rest = first.split()
    assert (node, kind, verdict) == ("l", "(MyMatMul)", "WRONG")
    place = f"X{index_text(tuple(entry))}"
    numbers = [f"{sent[tuple(entry)]:g}", f"{right[tuple(entry)]:g}"]
    assert rest == [place, *numbers, "4", "of", "4"]
    assert not any("WRONG" in line for line in others)

    as_json = mfdebug("mine.py", "--check", "--json", cwd=tmp_path)
    assert as_json.returncode == 1
    (line,) = as_json.stdout.splitlines()
    answer = strict_json(line)
    assert answer["ok"] is False
    assert answer["result"]["all_right"] is False
    blamed, *fine = answer["result"]["verdicts"]
    expected = {"node": "l", "input": "X", "entry": entry, "judgement": "wrong"}
    assert blamed.items() >= expected.items()
    assert {verdict["judgement"] for verdict in fine} == {"right"}


def test_the_program_s_rule_put_right_leaves_with_status_0(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PROGRAM.replace("grad @ W.value", "grad @ W.value.T"))
    done = mfdebug("mine.py", "--check", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("no gradient is wrong (4 right)\n")


UNUSABLE = [
    (["nowhere.json"], "there is no such file"),
    (["nowhere.py"], "no such program"),
    (["xro"], "did you mean 'xor'?"),
    ([], "name a graph file"),
    (["xor", "--plain"], "are mutually exclusive"),
    (["xor", "-x", "nowhere.txt"], "there is no file 'nowhere.txt'"),
    (["xor", "--feed", "Z=1"], 'there is no node "Z"'),
]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_cannot_be_checked_is_unusable(as_json: tuple[str, ...]) -> None:
    answers = in_turn([*arguments, "--check", *as_json] for arguments, _ in UNUSABLE)
    for (arguments, problem), done in zip(UNUSABLE, answers, strict=True):
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert problem in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_kink_leaves_with_status_0_and_is_called_one(tmp_path: Path) -> None:
    file = graph_file(
        tmp_path,
        {"name": "x", "op": "Input", "value": [-1, 0, 2]},
        {"name": "r", "op": "ReLU", "inputs": ["x"]},
        {"name": "cost", "op": "Sum", "inputs": ["r"]},
    )
    done = mfdebug(file, "--check")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "no gradient is wrong (1 kink, 1 right)",
        "  node        relative error  limit  verdict  where    backward  difference  tested  "
        "remark",
        "  r (ReLU)           1        1e-06  kink     to x[1]         0         0.5  3 of 3  "
        "the slopes to both sides differ, no one number is right",
        "  cost (Sum)         5.2e-12  1e-06  right    to r[0]         1         1    3 of 3",
    ]
    answer = strict_json(mfdebug(file, "--check", "--json").stdout)
    assert answer["ok"] is True
    kink = answer["result"]["verdicts"][0]
    assert kink.items() >= {"node": "r", "input": "x", "entry": [1], "judgement": "kink"}.items()


# Through the command line, with a rule turned wrong ------------------------------------------


def test_every_planted_rule_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, MSE, lambda input_index, grad, t, a: grad * 2 * (t - a) / t.size)
    assert main(["xor", "--check"]) == 1
    conclusion, _heads, first, *others = capsys.readouterr().out.splitlines()
    assert conclusion == "1 gradient is wrong (1 wrong, 9 right)"
    assert first.startswith("  cost (MSE) ")
    assert "  WRONG    to s2[" in first
    assert "WRONG" not in "".join(others)
    assert main(["xor", "--check", "--json"]) == 1
    answer = strict_json(capsys.readouterr().out)
    assert answer["ok"] is False
    blamed = answer["result"]["verdicts"][0]
    assert (blamed["node"], blamed["input"], blamed["judgement"]) == ("cost", "s2", "wrong")
    assert blamed["analytic"] == pytest.approx(-blamed["numeric"])


def test_as_a_command_of_a_batch_a_wrong_gradient_is_told_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, MSE, lambda input_index, grad, t, a: grad * 2 * (t - a) / t.size)
    assert main(["xor", "--batch", "-c", "check cost"]) == 0
    assert capsys.readouterr().out.startswith("1 gradient is wrong (1 wrong, 1 right)\n")


def test_a_gradient_of_nan_is_wrong_and_can_be_read_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def nan_at_one(input_index: int, grad: Array, x: Array) -> Array:
        return np.where(x == 0.5, np.nan, grad * (1 - np.tanh(x) ** 2))

    plant(monkeypatch, Tanh, nan_at_one)
    file = graph_file(
        tmp_path,
        {"name": "x", "op": "Input", "value": [[0.1, 0.2], [0.5, 0.3]]},
        {"name": "h", "op": "Tanh", "inputs": ["x"]},
        {"name": "cost", "op": "Sum", "inputs": ["h"]},
    )
    assert main([file, "--check"]) == 1
    out = capsys.readouterr().out
    first = out.splitlines()[2].split()
    assert " ".join(first) == "h (Tanh) inf 1e-06 WRONG to x[1,0] nan 0.786448 4 of 4"
    assert main([file, "--check", "--json"]) == 1
    blamed = strict_json(capsys.readouterr().out)["result"]["verdicts"][0]
    assert (blamed["node"], blamed["entry"], blamed["judgement"]) == ("h", [1, 0], "wrong")


def test_of_many_nodes_the_wrong_one_is_told_first_and_all_are_in_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node: Node = Input("x", value=[0.25, -0.5])
    for i in range(60):
        node = Tanh(node, name="wrong") if i == 30 else Neg(node, name=f"n{i}")
    graph = weighed(node, np.array([1.0, 2.0]))
    plant(monkeypatch, Tanh, lambda input_index, grad, x: np.where(x > 0, 0.5, 1.0) * grad)
    verdicts = check(graph)
    lines = check_lines(graph, verdicts)
    assert lines[0] == "1 gradient is wrong (1 wrong, 62 right)"
    assert lines[2].startswith("  wrong (Tanh) ")
    assert "WRONG    to n29[" in lines[2]
    assert lines[-1] == "  … 23 more, none worse"
    assert len(lines) == 43
    # The app can show them all.
    assert len(check_sentences(graph, verdicts)) == 64
    assert len(check_data(graph, verdicts)["verdicts"]) == 63
