"""`--check`: a planted mistake is blamed on its node, input and entry; a kink is no mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from mfdebug.cli.main import main
from mfdebug.core.explain.check_report import check_data, check_lines
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import index_text
from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import MSE, Abs, Linear, MatMul, Max, Min, Mul, Neg, ReLU, Sub, Sum, Tanh
from miniflow.ops.base import Array, Calls, Op, ScalarRule, Targets
from tests.support import warm_start
from tests.support.check_words import check_sentences
from tests.support.command_line import in_turn
from tests.support.paths import ROOT

KINK = "a kink: the slopes to both sides differ, no one number is right"


def mfdebug(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mfdebug", *arguments]
    return warm_start.run(command, text=True, cwd=cwd)


def strict_json(line: str) -> dict[str, Any]:
    """Read one line as JSON that any program can read: without NaN and Infinity."""

    def no_number(name: str) -> NoReturn:
        raise AssertionError(f"{name} is not JSON")

    read: dict[str, Any] = json.loads(line, parse_constant=no_number)
    return read


def graph_file(folder: Path, *nodes: dict[str, Any]) -> str:
    path = folder / "graph.json"
    path.write_text(json.dumps({"miniflow": 1, "name": "graph", "nodes": list(nodes)}))
    return str(path)


def worst_entries(sent: Array, right: Array) -> list[list[int]]:
    """Return where two arrays differ the most, relatively: one place, or some that are even."""
    largest = np.maximum(np.abs(sent), np.abs(right))
    off = np.abs(sent - right) / np.where(largest > 0, largest, 1.0)
    worst: list[list[int]] = np.argwhere(off > off.max() - 1e-6).tolist()
    return worst


def assert_blamed(
    graph: Graph, node: str, kind: str, source: str, sent: Array, right: Array
) -> None:
    """Assert that lines and data blame one gradient, by its worst entry, and no other one."""
    verdicts = check(graph)
    data = check_data(graph, verdicts)
    assert not data["all_right"]
    blamed, *fine = data["verdicts"]
    assert {verdict["judgement"] for verdict in fine} == {"right"}
    assert (blamed["node"], blamed["input"], blamed["judgement"]) == (node, source, "wrong")
    assert blamed["entry"] in worst_entries(sent, right)
    entry = tuple(blamed["entry"])
    assert blamed["analytic"] == pytest.approx(sent[entry])
    assert blamed["numeric"] == pytest.approx(right[entry], rel=1e-6, abs=1e-9)
    assert (blamed["checked"], blamed["of"]) == (sent.size, sent.size)
    conclusion, first, *others = check_sentences(graph, verdicts)
    assert conclusion == f"1 gradient is wrong (1 wrong, {len(fine)} right)"
    place = f"{node} ({kind}) to {source}{index_text(entry)}"
    numbers = f"backward {scalar(sent[entry])}, difference {scalar(right[entry])}, "
    assert first.startswith(f"  {place}: WRONG: {numbers}relative error ")
    assert not any("WRONG" in line for line in others)


def assert_all_right(graph: Graph) -> None:
    verdicts = check(graph)
    assert check_sentences(graph, verdicts)[0] == f"no gradient is wrong ({len(verdicts)} right)"
    assert check_data(graph, verdicts)["all_right"]


def weighed(node: Node, weights: Array) -> Graph:
    """Return a graph whose cost sends the node exactly `weights`."""
    return Graph.of(Sum(Mul(node, Input("weights", value=weights), name="m"), name="cost"))


def upstream_of(node: Node) -> Any:
    return sum(consumer.gradients[node] for consumer in node.outbound_nodes)


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


# A rule of the engine, turned wrong ----------------------------------------------------------


def plant(monkeypatch: pytest.MonkeyPatch, op: type[Op], wrong: Callable[..., Any]) -> None:
    """Have an op send `wrong(input_index, grad, *inputs)`, or what is right where that is None."""
    right = op.backward_calls

    def backward_calls(
        self: Op, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        def overwrite(input_index: int, out: Array) -> None:
            sent = wrong(input_index, grad, *inputs)
            if sent is not None:
                np.copyto(out, sent)

        def overwritten() -> Targets:
            for input_index, out in targets:
                yield input_index, out
                do(overwrite, input_index, out)

        right(self, do, overwritten(), grad, value, inputs)

    monkeypatch.setattr(op, "backward_calls", backward_calls)


SQUARE = np.array([[1.0, 2.0], [-1.0, 0.5]])
WEIGHTS = np.array([[3.0, -1.0], [0.25, 2.0]])
BATCH = np.array([[1.0, -2.0, 0.5], [4.0, 1.0, 1.0], [2.0, 3.0, 0.25], [0.5, 1.0, 3.0]])


def square_product(kind: Any) -> Graph:
    X = Input("X", value=np.array([[2.0, -1.0], [0.5, 3.0]]))
    W = Input("W", value=SQUARE, trainable=True)
    return weighed(kind(X, W, "l"), WEIGHTS)


WRONG_PRODUCTS: dict[str, tuple[int, Callable[[Any, Any, Any], Any]]] = {
    "W for its transpose": (0, lambda grad, X, W: grad @ W),
    "the factors the other way round": (0, lambda grad, X, W: W.T @ grad),
    "the whole transposed": (0, lambda grad, X, W: (grad @ W.T).T),
    "X for its transpose": (1, lambda grad, X, W: X @ grad),
    "the weights' factors the other way round": (1, lambda grad, X, W: grad @ X.T),
    "the weights' whole transposed": (1, lambda grad, X, W: (X.T @ grad).T),
}


@pytest.mark.parametrize("mistake", WRONG_PRODUCTS)
@pytest.mark.parametrize("style", ["rule", "lesson"])
def test_a_wrong_orientation_on_a_square_matrix(
    monkeypatch: pytest.MonkeyPatch, mistake: str, style: str
) -> None:
    wrong_slot, wrong = WRONG_PRODUCTS[mistake]
    if style == "rule":
        plant(
            monkeypatch,
            MatMul,
            lambda input_index, grad, X, W: (
                wrong(grad, X, W) if input_index == wrong_slot else None
            ),
        )
        graph, kind = square_product(MatMul), "MatMul"
    else:

        class MyMatMul(Node):
            def __init__(self, X: Node, W: Node, name: str) -> None:
                Node.__init__(self, [X, W], name)

            def forward(self) -> None:
                self.value = self.inbound_nodes[0].value @ self.inbound_nodes[1].value

            def backward(self) -> None:
                X, W = self.inbound_nodes
                grad = upstream_of(self)
                self.gradients = {X: grad @ W.value.T, W: X.value.T @ grad}
                self.gradients[self.inbound_nodes[wrong_slot]] = wrong(grad, X.value, W.value)

        graph, kind = square_product(MyMatMul), "MyMatMul"
    X, W = graph["X"].value, graph["W"].value
    right = X.T @ WEIGHTS if wrong_slot else WEIGHTS @ W.T
    assert_blamed(graph, "l", kind, "XW"[wrong_slot], wrong(WEIGHTS, X, W), right)


WRONG_SUMS: dict[str, Callable[[Any], Any]] = {
    "the mean": lambda grad: grad.mean(0),
    "the first row": lambda grad: grad[0],
    "the last row": lambda grad: grad[-1],
    "half a sum": lambda grad: grad[::2].sum(0),
}


@pytest.mark.parametrize("mistake", WRONG_SUMS)
@pytest.mark.parametrize("style", ["rule", "lesson"])
def test_a_forgotten_sum_over_the_batch(
    monkeypatch: pytest.MonkeyPatch, mistake: str, style: str
) -> None:
    wrong = WRONG_SUMS[mistake]
    X = Input("X", value=np.arange(8.0).reshape(4, 2))
    W = Input("W", value=np.array([[1.0, -1.0, 2.0], [0.5, 2.0, -3.0]]), trainable=True)
    b = Input("b", value=np.array([0.5, -0.5, 1.0]), trainable=True)
    if style == "rule":
        plant(
            monkeypatch,
            Linear,
            lambda input_index, grad, *_: wrong(grad) if input_index == 2 else None,
        )
        graph, kind = weighed(Linear(X, W, b, name="l"), BATCH), "Linear"
    else:

        class MyLinear(Node):
            def __init__(self, X: Node, W: Node, b: Node, name: str) -> None:
                Node.__init__(self, [X, W, b], name)

            def forward(self) -> None:
                X, W, b = (node.value for node in self.inbound_nodes)
                self.value = X @ W + b

            def backward(self) -> None:
                X, W, b = self.inbound_nodes
                grad = upstream_of(self)
                self.gradients = {X: grad @ W.value.T, W: X.value.T @ grad, b: wrong(grad)}

        graph, kind = weighed(MyLinear(X, W, b, "l"), BATCH), "MyLinear"
    assert_blamed(graph, "l", kind, "b", wrong(BATCH), BATCH.sum(0))


def test_of_one_row_the_first_row_is_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Linear, lambda input_index, grad, *_: grad[0] if input_index == 2 else None)
    X, b = Input("X", value=[[1.0, 2.0]]), Input("b", value=[0.0, 0.0])
    assert_all_right(weighed(Linear(X, Input("W", value=SQUARE), b, name="l"), WEIGHTS[:1]))


# One entry of the upstream is not 0: that is the only one whose sign can be wrong.
SPIKE = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.5]])


def test_a_wrong_sign_of_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Sub, lambda input_index, grad, *_: grad if input_index == 1 else None)
    a, t = Input("a", value=np.ones((2, 3))), Input("t", value=np.full((2, 3), 4.0))
    assert_blamed(weighed(Sub(a, t, name="error"), SPIKE), "error", "Sub", "t", SPIKE, -SPIKE)


class TurnedError(Node):
    """Target less output forward, output less target backward."""

    def __init__(self, target: Node, output: Node, name: str) -> None:
        Node.__init__(self, [target, output], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value - self.inbound_nodes[1].value

    def backward(self) -> None:
        target, output = self.inbound_nodes
        grad = upstream_of(self)
        self.gradients = {target: grad, output: 1.0 * grad}


def test_a_wrong_sign_of_a_node_in_the_lesson_s_style() -> None:
    t, a = Input("t", value=np.ones((2, 3))), Input("a", value=np.full((2, 3), 4.0))
    graph = weighed(TurnedError(t, a, "error"), SPIKE)
    assert_blamed(graph, "error", "TurnedError", "a", SPIKE, -SPIKE)


def test_a_wrong_sign_on_plain_numbers_has_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Sub, "scalar", lambda self: ScalarRule(lambda x, y: x - y, lambda g, _value, x, y: (g, g))
    )
    graph = Graph.of(Sub(Input("a", value=3.0), Input("t", value=1.0), name="error"))
    assert_blamed(graph, "error", "Sub", "t", np.array(1.0), np.array(-1.0))
    assert "to t: WRONG: backward 1, difference -1" in check_sentences(graph, check(graph))[1]


def test_one_wrong_entry_is_found_among_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def tripled(input_index: int, grad: Array, x: Array) -> Array:
        sent: Array = grad * (1 - np.tanh(x) ** 2)
        sent[2, 1] *= 3
        return sent

    plant(monkeypatch, Tanh, tripled)
    x = np.linspace(-1, 1, 12).reshape(4, 3)
    graph = weighed(Tanh(Input("x", value=x), name="h"), BATCH)
    assert_blamed(graph, "h", "Tanh", "x", tripled(0, BATCH, x), BATCH * (1 - np.tanh(x) ** 2))


# `=` for `+=` --------------------------------------------------------------------------------


class Assigns(Node):
    """2x, which keeps only what its last consumer has sent."""

    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = 2 * self.inbound_nodes[0].value

    def backward(self) -> None:
        for consumer in self.outbound_nodes:
            self.gradients[self.inbound_nodes[0]] = 2 * consumer.gradients[self]


class AssignsAcrossInputs(Node):
    """x + y, whose consumers' gradients are added up for x alone."""

    def __init__(self, x: Node, y: Node, name: str) -> None:
        Node.__init__(self, [x, y], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value + self.inbound_nodes[1].value

    def backward(self) -> None:
        x, y = self.inbound_nodes
        self.gradients = {x: np.zeros_like(x.value)}
        for consumer in self.outbound_nodes:
            self.gradients[x] += consumer.gradients[self]
            self.gradients[y] = consumer.gradients[self]


CONSUMED = np.array([[3.0, 0.5], [-2.0, 0.0]])


def two_consumers(node: Node) -> Graph:
    """Return a graph in which `left` sends the node CONSUMED, and `right`, the last, -1."""
    left = Mul(node, Input("weights", value=CONSUMED), name="left")
    right = Neg(node, name="right")
    return Graph.of(Sum(Sub(left, Neg(right, name="turned"), name="both"), name="cost"))


def test_assigning_for_adding_where_a_node_has_two_consumers() -> None:
    graph = two_consumers(Assigns(Input("x", value=SQUARE), "d"))
    last, both = np.full((2, 2), -1.0), CONSUMED - 1
    assert_blamed(graph, "d", "Assigns", "x", 2 * last, 2 * both)


def test_assigning_for_adding_towards_one_of_two_inputs() -> None:
    x, y = Input("x", value=SQUARE), Input("y", value=WEIGHTS)
    graph = two_consumers(AssignsAcrossInputs(x, y, "d"))
    assert_blamed(graph, "d", "AssignsAcrossInputs", "y", np.full((2, 2), -1.0), CONSUMED - 1)


def test_with_one_consumer_assigning_is_adding() -> None:
    assert_all_right(weighed(Assigns(Input("x", value=SQUARE), "d"), CONSUMED))


def test_an_input_below_a_wrong_node_is_wrong_through_the_whole_graph() -> None:
    graph = two_consumers(Assigns(Input("x", value=SQUARE), "d"))
    verdicts = check(graph, graph.index_of("x"))
    conclusion, line = check_sentences(graph, verdicts)
    assert conclusion == "1 gradient is wrong (1 wrong)"
    assert line.startswith("  x[0,0]: WRONG: backward -2, difference 4, relative error 1.5 ")
    (verdict,) = check_data(graph, verdicts)["verdicts"]
    assert (verdict["node"], verdict["input"], verdict["entry"]) == ("x", "x", [0, 0])


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


# Kinks ---------------------------------------------------------------------------------------


class MyReLU(Node):
    """In the lesson's style; at 0 it passes the gradient on."""

    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = np.maximum(self.inbound_nodes[0].value, 0)

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: upstream_of(self) * (x.value >= 0)}


@pytest.mark.parametrize(("kind", "sent"), [(ReLU, 0.0), (MyReLU, 2.0)])
def test_a_kink_at_0_is_told_apart(kind: Any, sent: float) -> None:
    x = Input("x", value=[[-1.0, 3.0], [0.0, 2.0]])
    graph = weighed(kind(x, "r"), np.full((2, 2), 2.0))
    verdicts = check(graph)
    data = check_data(graph, verdicts)
    assert data["all_right"]
    conclusion, first, *_ = check_sentences(graph, verdicts)
    assert conclusion == f"no gradient is wrong (1 kink, {len(verdicts) - 1} right)"
    assert first.startswith(f"  r ({kind.__name__}) to x[1,0]: {KINK}: ")
    kink = data["verdicts"][0]
    assert kink.items() >= {"node": "r", "input": "x", "entry": [1, 0]}.items()
    assert (kink["judgement"], kink["analytic"]) == ("kink", sent)
    assert kink["numeric"] == pytest.approx(1.0)


def test_abs_sends_0_at_0_as_the_central_difference_has_it() -> None:
    assert_all_right(weighed(Abs(Input("x", value=[-3.0, 0.0]), name="r"), np.array([1.0, 5.0])))


class MyAbs(Node):
    """In the lesson's style; at 0 it sends the slope of the right side."""

    def __init__(self, node: Node, name: str) -> None:
        Node.__init__(self, [node], name)

    def forward(self) -> None:
        self.value = np.abs(self.inbound_nodes[0].value)

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: upstream_of(self) * np.where(x.value >= 0, 1.0, -1.0)}


def test_abs_at_0_by_the_slope_of_one_side_is_a_kink() -> None:
    graph = weighed(MyAbs(Input("x", value=[-3.0, 0.0]), "r"), np.array([1.0, 5.0]))
    verdicts = check(graph)
    first = check_sentences(graph, verdicts)[1]
    assert first.startswith(f"  r (MyAbs) to x[1]: {KINK}: backward 5, ")
    assert check_data(graph, verdicts)["all_right"]


@pytest.mark.parametrize("kind", [Max, Min])
def test_a_tie_is_a_kink_towards_both(kind: Any) -> None:
    a, b = Input("a", value=[1.0, 2.0, 5.0]), Input("b", value=[1.5, 2.0, -1.0])
    graph = weighed(kind(a, b, name="m1"), np.array([1.0, -3.0, 2.0]))
    verdicts = check(graph)
    conclusion, *lines = check_sentences(graph, verdicts)
    assert conclusion.startswith("no gradient is wrong (2 kink")
    told = {line.split(": ")[0].strip() for line in lines[:2]}
    assert told == {f"m1 ({kind.__name__}) to a[1]", f"m1 ({kind.__name__}) to b[1]"}
    data = check_data(graph, verdicts)
    assert data["all_right"]
    kinks = [verdict for verdict in data["verdicts"] if verdict["judgement"] == "kink"]
    assert {(kink["input"], *kink["entry"]) for kink in kinks} == {("a", 1), ("b", 1)}


def test_a_kink_hides_no_wrong_entry_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch, ReLU, lambda input_index, grad, x: grad * (x > 0) * np.where(x > 1, -1.0, 1.0)
    )
    graph = weighed(ReLU(Input("x", value=[-1.0, 0.0, 2.0, 0.5]), name="r"), np.ones(4))
    verdicts = check(graph)
    assert check_sentences(graph, verdicts)[1].startswith(
        "  r (ReLU) to x[2]: WRONG: backward -1, "
    )
    assert not check_data(graph, verdicts)["all_right"]


def test_a_kink_elsewhere_hides_no_wrong_node(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Tanh, lambda input_index, grad, x: -grad)
    x = Input("x", value=[0.0])
    graph = weighed(Tanh(ReLU(x, name="r"), name="h"), np.ones(1))
    lines = check_sentences(graph, check(graph))
    assert lines[0].startswith("1 gradient is wrong (1 wrong, 1 kink, ")
    assert lines[1].startswith("  h (Tanh) to r[0]: WRONG: ")
    assert lines[2].startswith(f"  r (ReLU) to x[0]: {KINK}")


# Where nothing comes back --------------------------------------------------------------------


def test_a_wrong_rule_is_not_said_to_agree_where_no_gradient_comes_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The last weights begin at 0, as they often do: 0 comes to the layers below.
    plant(monkeypatch, Tanh, lambda input_index, grad, x: -grad * (1 - np.tanh(x) ** 2))
    hidden = Tanh(MatMul(Input("X", value=WEIGHTS), Input("W", value=SQUARE), name="l"), name="h")
    W2, b = Input("W2", value=np.zeros((2, 1))), Input("b", value=np.zeros(1))
    output = Linear(hidden, W2, b, name="o")
    graph = Graph.of(MSE(Input("y", value=np.ones((2, 1))), output, name="cost"))
    (verdict,) = check(graph, graph.index_of("h"))
    assert verdict.judgement != "right"
