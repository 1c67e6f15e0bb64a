"""What a network answers, against its own passes and its published numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mfdebug.core.answers import rows
from mfdebug.core.answers.answers import Answers
from mfdebug.core.answers.drawing import draw
from mfdebug.core.answers.inquiry import Inquirer
from mfdebug.core.answers.subject import find_subject, may_have_answers
from mfdebug.core.expressions.parser import parse
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import (
    MSE,
    Add,
    Attention,
    BatchNorm,
    Concat,
    CumSum,
    LayerNorm,
    Linear,
    MatMul,
    Mean,
    Mul,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    Sub,
    Sum,
    Tanh,
    Transpose,
)
from miniflow.ops.base import Array
from tests.support.debuggers import network, state


def at_step(name: str, steps: int) -> Debugger:
    debugger = ComputedDebugger(load_graph(name))
    debugger.cursor.sgd(steps)
    return debugger


def answers(debugger: Debugger, text: str = "") -> Answers:
    before = state(debugger)
    *slices, last = Inquirer(debugger).inquire(find_subject(debugger, text))
    assert isinstance(last, Answers)
    assert all(isinstance(words, str) for words in slices)
    assert state(debugger) == before
    return last


def test_the_answers_to_the_rows_are_those_of_the_next_pass() -> None:
    debugger = at_step("xor", 500)
    found = answers(debugger)
    assert (found.kind, found.answer, found.target) == ("plane", "s2", "t")
    assert found.targets is not None
    assert found.targets.tolist() == [0, 1, 1, 0]
    debugger.cursor.phases(2)
    assert found.given.tobytes() == debugger.plan.value(debugger.graph.by_name["s2"]).tobytes()
    assert found.given == pytest.approx([0.1175, 0.8775, 0.8847, 0.1022], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        *dict.fromkeys(("wx", "xor", "softmax", "vanishing", "diabetes"), True).items(),
        *dict.fromkeys(("edge", "log-nan", "parabola", "batchnorm", "circuit-a"), False).items(),
    ],
)
def test_they_are_offered_where_there_are_any(name: str, offered: bool) -> None:
    debugger = at_step(name, 0)
    assert may_have_answers(debugger) is offered
    if offered:
        answers(debugger)
        return
    with pytest.raises(MiniflowError):
        answers(debugger)


def crossed(op: Callable[[Node], Node]) -> Graph:
    """A network on rows of two numbers, of which `op` makes one number a row."""
    rng = np.random.default_rng(1)
    W = Input("W", value=rng.normal(size=(2, 2)), trainable=True)
    V = Input("V", value=rng.normal(size=(2, 1)), trainable=True)
    X, t = Input("X", value=rng.normal(size=(5, 2))), Input("t", value=rng.normal(size=(5, 1)))
    return Graph.of(MSE(t, MatMul(op(MatMul(X, W)), V, name="y"), name="cost"))


def learned(value: Array) -> Input:
    return Input("A", value=value, trainable=True)


def scaled_sum(x: Node, scale: float) -> Node:
    """Each row and, times a parameter, the sum of all rows."""
    return Add(x, Mul(learned(np.array(scale)), Sum(x, axis=0, keepdims=True)))


APART: dict[str, Callable[[Node], Node]] = {
    "elementwise": lambda x: Add(Tanh(x), Mul(x, x)),
    "BatchNorm of a trained network": lambda x: BatchNorm(x, training=False),
    "Softmax over the entries of a row": lambda x: Softmax(x, axis=-1),
    "LayerNorm": LayerNorm,
    "CumSum along a row": lambda x: CumSum(x, axis=1),
    "Transpose, and back": lambda x: Transpose(Tanh(Transpose(x))),
    "halves of a row, exchanged": lambda x: Concat(
        Slice(x, axis=1, start=1), Slice(x, axis=1, stop=1), axis=1
    ),
}
MIXED: dict[str, Callable[[Node], Node]] = {
    "BatchNorm": BatchNorm,
    "Softmax over rows": lambda x: Softmax(x, axis=0),
    "mean of all rows": lambda x: Sub(x, Mean(x, axis=0, keepdims=True)),
    "sum of all rows": lambda x: scaled_sum(x, 0.5),
    "CumSum over rows": lambda x: CumSum(x, axis=0),
    "attention between rows": lambda x: Attention(x, x, x),
    "causal attention": lambda x: Attention(x, x, x, causal=True),
    "Transpose and MatMul": lambda x: MatMul(MatMul(x, Transpose(x)), x),
    "rows, mixed by parameters": lambda x: MatMul(learned(np.tri(5)), x),
}
# Parameters that do not mix them at first.
HIDDEN: dict[str, Callable[[Node], Node]] = {
    "no sum yet": lambda x: scaled_sum(x, 0.0),
    "each row by itself": lambda x: MatMul(learned(np.eye(5)), x),
}


@pytest.mark.parametrize("kind", APART)
def test_they_are_offered_where_each_row_has_its_own(kind: str) -> None:
    debugger = ComputedDebugger(crossed(APART[kind]))
    before = state(debugger)
    assert may_have_answers(debugger)
    assert state(debugger) == before
    assert answers(debugger).kind == "plane"


@pytest.mark.parametrize("kind", MIXED)
def test_they_are_not_offered_where_rows_are_mixed(kind: str) -> None:
    debugger = ComputedDebugger(crossed(MIXED[kind]))
    assert not may_have_answers(debugger)
    with pytest.raises(MiniflowError, match="depends on the rows beside it"):
        answers(debugger)


@pytest.mark.parametrize("kind", HIDDEN)
def test_they_are_not_offered_where_training_will_mix_rows(kind: str) -> None:
    debugger = ComputedDebugger(crossed(HIDDEN[kind]))
    assert not may_have_answers(debugger)
    assert answers(debugger).kind == "plane"
    debugger.cursor.sgd(3)
    with pytest.raises(MiniflowError, match="depends on the rows beside it"):
        answers(debugger)


def test_nothing_is_tried_where_the_ops_say_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "MOST_NUMBERS", 0)
    for name in ("wx", "xor", "linear-regression", "vanishing", "dead-relu"):
        assert may_have_answers(at_step(name, 0)), name
    # Where they do not, it may take too long.
    assert not may_have_answers(ComputedDebugger(crossed(LayerNorm)))


def test_they_follow_the_moment() -> None:
    flat, learned = answers(at_step("xor", 0)), answers(at_step("xor", 1000))
    assert flat.values is not None
    assert learned.values is not None
    assert np.abs(flat.values - 0.5).max() < 0.1
    x, y = learned.axes
    corner = learned.values[np.abs(y - 1).argmin(), np.abs(x).argmin()]
    assert corner > 0.9
    assert learned.values[np.abs(y).argmin(), np.abs(x).argmin()] < 0.1


def test_the_plane_is_drawn_with_the_rows_and_their_targets() -> None:
    drawn = draw(answers(at_step("xor", 1000)), 46, 13).text().split("\n")
    assert drawn == XOR


def test_classes_are_counted_over_all_rows() -> None:
    debugger = at_step("digits", 28)
    found = answers(debugger)
    assert found.kind == "classes"
    assert found.counts is not None
    assert found.counts.sum() == 1797
    data = debugger.graph.data
    assert data is not None
    assert found.counts.sum(1).tolist() == np.bincount(data.feeds["t"].astype(int)).tolist()
    # The accuracy of the rows of a batch is that of the program's own expression.
    debugger.cursor.phases(2)
    rows = debugger.plan.batches.rows_of(debugger.sgd_step)  # type: ignore[union-attr]
    present = PresentEnvironment(debugger)
    right = parse("mean(argmax(scores, 1) == t)", present.node_names()).evaluate(present)
    assert found.targets is not None
    assert (found.given[rows] == found.targets[rows]).mean() == right


def test_one_hot_targets_are_classes_too() -> None:
    X = Input("X", value=np.array([[1.0, 2], [3, 1], [0, 5]]))
    t = Input("t", value=np.eye(3)[[0, 1, 1]])
    W = Input("W", value=np.array([[0.0, 1, 0], [1, 0, 0]]), trainable=True)
    b = Input("b", value=np.zeros(3), trainable=True)
    graph = Graph.of(SoftmaxCrossEntropy(Linear(X, W, b, name="scores"), t))
    found = answers(ComputedDebugger(graph))
    assert found.counts is not None
    assert found.counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert found.right == 2
    # It has two inputs: the class is drawn over their plane.
    assert (found.kind, found.classes_named) == ("plane", True)
    assert "1" in draw(found, 40, 12).text()


def test_one_input_is_a_curve_and_many_are_a_scatter() -> None:
    line = answers(at_step("linear-regression", 100))
    assert (line.kind, line.names) == ("curve", ("X",))
    assert line.values == pytest.approx(2 * line.axes[0] + 3, abs=0.02)
    many = answers(at_step("diabetes", 5))
    assert many.kind == "scatter"
    assert len(many.rows) == 442


def test_a_number_at_a_time_is_a_curve_too() -> None:
    found = answers(at_step("wx", 1))
    assert found.values == pytest.approx(4.4 * found.axes[0])
    assert found.targets == pytest.approx([20])


def test_dropout_is_said() -> None:
    from miniflow.training.optimizers import SGD

    found = answers(ComputedDebugger(network(SGD(0.1))))
    assert found.notes[-1].startswith("random: d1 dropped as in SGD step 0")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("valley", "", "compares no prediction with a target"),
        ("batchnorm", "", "depends on the rows beside it"),
        ("xor", "X", "X is an input, not an answer"),
        ("xor", "s3", "s3"),
        ("xor", "s1", r"no picture of s1 \(4x2\) for X \(4x2\)"),
    ],
)
def test_what_has_no_picture_is_an_error(name: str, text: str, problem: str) -> None:
    with pytest.raises(MiniflowError, match=problem):
        answers(at_step(name, 1), text)


def test_a_node_can_be_named() -> None:
    found = answers(at_step("xor", 500), "l2")
    plain = answers(at_step("xor", 500))
    assert found.given == pytest.approx(np.log(plain.given / (1 - plain.given)))


XOR = [
    "  │███████████████████████▓▓▓▒▒░░░",
    " 1┤███████1████████▓▓▓▒▒░░░           0",
    "  │█████████▓▓▓▓▒▒░░░                       ░░",
    "  │██▓▓▓▒▒░░░                       ░░░░▒▒▓▓▓█",
    "  │░░░                      ░░░▒▒▒▓▓▓▓████████",
    " 0┤       0           ░░░▒▒▓▓▓████████1███████",
    "  │          ░░░░░▒▒▓▓▓███████████████████████",
    "  └──────0.0───────────0.5───────────1.0──────",
    " s2 from  ░ 0.2  ▒ 0.4  ▓ 0.6  █ 0.8",
    " → X[:,0]  ↑ X[:,1]   digits: t",
    " mean |t - s2| 0.04959",
    " → ↑ │t │s2  0 0 │0 │0.0502  0 1 │1 │0.944",
    "             1 0 │1 │0.952   1 1 │0 │0.0444",
]


def test_a_target_that_is_computed_is_not_one_of_the_rows() -> None:
    X, t = Input("X", shape=(None, 2)), Input("t", shape=(None, 1))
    W = Input("W", value=np.ones((2, 1)), trainable=True)
    answer = MatMul(X, W, name="answer")
    cost = MSE(Mul(t, t, name="square"), answer, name="cost")
    table = {X: np.eye(4)[:, :2], t: np.arange(4.0).reshape(4, 1)}
    for batch in (None, 2):
        debugger = ComputedDebugger(Graph.of(cost, feeds=table, batch_size=batch))
        debugger.cursor.sgd(2)
        found = answers(debugger)
        assert found.targets is None
        assert found.given.shape == (4,)


def test_a_table_of_very_many_classes_is_not_made() -> None:
    x, label = Input("x", shape=(None, 3)), Input("label", shape=(None,))
    W = Input("W", value=np.zeros((3, 3000)), trainable=True)
    scores = MatMul(x, W, name="scores")
    table = {x: np.eye(3), label: np.arange(3.0)}
    graph = Graph.of(SoftmaxCrossEntropy(scores, label, name="cost"), feeds=table)
    debugger = ComputedDebugger(graph)
    try:
        found = answers(debugger)
    except MiniflowError:
        return
    assert found.counts is None
