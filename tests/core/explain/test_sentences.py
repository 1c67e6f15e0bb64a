"""What `explain` says, word for word: a shape is no value, a term of 0 is a term, names are own."""

from __future__ import annotations

import contextlib
import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.commands.status import status
from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.report import report, role_of
from mfdebug.core.explain.why import why
from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.opening.shipped import shipped
from miniflow.errors import MiniflowError
from miniflow.files import load
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import (
    MSE,
    OPS,
    Add,
    Concat,
    Detach,
    Div,
    Dropout,
    Less,
    Linear,
    LogSoftmax,
    LogSumExp,
    MatMul,
    Max,
    Mean,
    Mul,
    Pow,
    ReLU,
    Sigmoid,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    Sub,
    Sum,
    Tanh,
    Where,
)  # fmt: skip
from miniflow.training.optimizers import SGD, Adam, Momentum
from tests.support.counting import lines_run
from tests.support.debuggers import debugger_of, run_until
from tests.support.op_cases import cases
from tests.support.sizes import pick

PATHS = {graph.path.stem: graph.path for graph in shipped()}


def opened(name: str) -> Debugger:
    return ComputedDebugger(load(PATHS[name]))


def squared(node: Node) -> Debugger:
    """A run over the sum of a node's squares, which gets two contributions."""
    return ComputedDebugger(Graph.of(Sum(Mul(node, node, name="sq"), name="cost")))


def at(debugger: Debugger, node: str, phase: Any, index: tuple[int, ...] | None = None) -> str:
    run_until(debugger, debugger.graph.index_of(node), phase)
    return "\n".join(explain(debugger, index))


VECTOR: list[float] = [1.0, -2.0, 3.0]


@pytest.mark.parametrize(
    ("op", "index", "line"),
    [
        (lambda x: ReLU(x, name="n"), 1, "(∂cost/∂n ⊙ [x > 0])[1] = 0 × 0 = 0"),
        (lambda x: Tanh(x, name="n"), 0, "(∂cost/∂n ⊙ (1-n^2))[0] = 1.52319 × (1-0.761594^2)"),
        (lambda x: Dropout(x, name="n"), 0, "(∂cost/∂n ⊙ mask)[0] = 4 × 2 = 8"),
        (lambda x: Slice(x, start=1, name="n"), 0, "to x[0]: n leaves x[0] out"),
        (lambda x: Pow(x, name="n"), 2, "(∂cost/∂n ⊙ 2·x)[2] = 18 × (2 × 3) = 108"),
        (
            lambda x: Max(x, Input("y", value=[2.0] * 3), name="n"),
            0,
            "(∂cost/∂n ⊙ [x won])[0] = 4 × 0 = 0",
        ),
        (
            lambda x: Mul(x, Input("y", value=[2.0] * 3), name="n"),
            0,
            "(∂cost/∂n ⊙ y)[0] = 4 × 2 = 8",
        ),
    ],
)
def test_what_is_sent_is_upstream_times_local_also_where_it_is_0(
    op: Any, index: int, line: str
) -> None:
    debugger = squared(op(Input("x", value=VECTOR)))
    assert line in at(debugger, "n", "backward", (index,))


def test_a_broadcast_input_gets_the_sum_and_the_words_say_so() -> None:
    debugger = squared(Add(Input("x", value=VECTOR), Input("b", value=1.0), name="n"))
    text = at(debugger, "n", "backward")
    assert "to b: upstream × local = Σ ∂cost/∂n × 1 = 4 × 1 + (-2) × 1 + 8 × 1 = 10" in text
    assert "unchanged; b was broadcast and gets the sum" in text


def test_a_linear_layer_speaks_of_its_own_inputs_in_the_order_of_its_formula() -> None:
    text = at(opened("xor"), "l2", "backward")
    assert (
        "sends ∂cost/∂l2 · W2ᵀ to s1, s1ᵀ · ∂cost/∂l2 to W2, and the sum of the rows to b2" in text
    )
    assert "to W2[0,0]: upstream × local = (s1ᵀ · ∂cost/∂l2)[0,0] = 0.5 × 0.0625 + " in text


def test_terms_of_0_are_counted_where_not_all_are_written() -> None:
    x = Input("x", value=[[1.0, 0.0, 2.0, 0.0, 3.0, 4.0, 5.0]])
    layer = Linear(x, Input("W", value=[[1.0]] * 7), Input("b", value=[0.0]), name="l")
    text = at(ComputedDebugger(Graph.of(Sum(layer, name="cost"))), "l", "forward")
    assert "l[0,0] = 1 × 1 + 2 × 1 + 3 × 1 + 4 × 1 + 5 × 1 (3 terms are 0) = 15" in text


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (lambda x: Softmax(x, name="n"), "n[0] = e^1 / (e^1 + e^(-2) + e^3) = 0.1185"),
        (lambda x: Sigmoid(x, name="n"), "n = σ(x) = 1/(1 + e^-x)\n  n[0] = σ(1) = 0.731059"),
        (lambda x: MSE(Input("y", value=[1.0, 1.0, 1.0]), x, name="n"),
         "n = (1 - 1)^2/3 + (1 - (-2))^2/3 + (1 - 3)^2/3 = 4.33333"),
        (lambda x: SoftmaxCrossEntropy(x, Input("t", value=[0.0, 0.0, 1.0]), name="n"),
         "n = -log 0.875601/1 = 0.132845"),
    ],
)  # fmt: skip
def test_every_value_has_its_working(op: Any, line: str) -> None:
    assert line in at(squared(op(Input("x", value=VECTOR))), "n", "forward")


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (Softmax, "n[0] = e^(1000 - 1000) / 1.36788 = 0.731059"),
        (LogSoftmax, "n[1] = 999 - 1000.31326 = -1.31326"),
        (LogSumExp, "n = 1000 + log 1.36788 = 1000.31"),
    ],
)
def test_so_have_those_of_scores_whose_exponentials_are_no_floats(op: Any, line: str) -> None:
    debugger = squared(op(Input("x", value=[1000.0, 999.0, -1000.0]), name="n"))
    index = (int(line[2]),) if line[1] == "[" else ()
    assert line in at(debugger, "n", "forward", index)


def test_a_linear_of_numbers_has_its_working() -> None:
    assert "12.7" in at(opened("lesson-neuron"), "f", "forward")
    node = report(opened("lesson-neuron"), 0)
    assert node.working == ""


def test_the_feed_shows_values_beside_shapes() -> None:
    debugger = opened("xor")
    debugger.cursor.step()
    lines = explain(debugger)
    assert "  b2  shape 1, value 0  (trained)" in lines
    assert "  W2  shape 2x1, values 0.7, -0.7  (trained)" in lines
    assert "  X  shape 4x2, values 0 … 1  mean 0.5  (from the data)" in lines


def test_a_class_number_has_no_gradient() -> None:
    debugger = opened("softmax")
    assert "to label[0]: a class number has no gradient" in at(debugger, "cost", "backward")
    text = at(debugger, "label", "backward")
    assert "upstream from cost: a class number has no gradient" in text
    assert "∂cost/∂label" not in text
    assert report(debugger, debugger.graph.index_of("label")).no_gradient
    scores = at(opened("softmax"), "scores", "backward")
    assert "(∂cost/∂cost × (softmax(scores) - onehot(label))/m)[0,0]" in scores


def test_a_graph_that_trains_nothing_counts_no_sgd_steps_and_its_sink_has_its_own_name() -> None:
    debugger = opened("circuit-a")
    text = at(debugger, "q", "backward")
    assert status(debugger) == "backward 2 of 5 ∙ moment 5 ∙ f = -12"
    assert "∂f/∂q = -4" in text
    assert "cost" not in text


def test_a_long_name_of_a_cost_does_not_drown_the_others() -> None:
    w = Input("w", value=2.0, trainable=True)
    debugger = ComputedDebugger(Graph.of(Mul(w, w, name="mean-square-error-of-all")))
    debugger.move(debugger.timeline.length - 1)
    assert "∂cost/∂w = 2 + 2 = 4" in "\n".join(explain(debugger))


def why_lines(debugger: Debugger, name: str, attribute: Any = "value") -> list[str]:
    ref = EntryRef(debugger.graph.index_of(name), attribute, ())
    return cause_lines(why(debugger, ref), debugger)


def test_a_gradient_that_all_have_sent_to_is_complete_and_waits_for_its_turn() -> None:
    debugger = opened("wx")
    run_until(debugger, debugger.graph.index_of("y"), "backward")
    turn = debugger.cursor.next_moment(debugger.graph.index_of("w"), "backward")
    told = why_lines(debugger, "w", "grad")
    assert told[-1] == f"  (complete (1 of 1); its turn comes at moment {turn})"
    node = report(debugger, debugger.graph.index_of("w"))
    assert (node.reported, node.edges, node.turn) == (1, 1, turn)


def test_momentum_and_adam_are_explained_with_their_state() -> None:
    w = Input("w", value=2.0, trainable=True)
    for optimizer, lines in (
        (
            Momentum(0.1, 0.5),
            ["v ← 0.5 × v + ∂cost/∂w", "v = 0.5 × 4 + 3.2 = 5.2",
             "w ← w - lr × v", "w = 1.6 - 0.1 × 5.2 = 1.08"],
        ),
        (
            Adam(0.1),
            ["m ← 0.9 × m + (1 - 0.9) × ∂cost/∂w", "m = 0.9 × 0.4 + (1 - 0.9) × 3.8 = 0.74",
             "v ← 0.999 × v + (1 - 0.999) × (∂cost/∂w)^2",
             "v = 0.999 × 0.016 + (1 - 0.999) × 3.8^2 = 0.030424",
             "m̂ ← m / (1 - 0.9^t)", "m̂ = 0.74 / (1 - 0.9^2) = 3.89474",
             "v̂ ← v / (1 - 0.999^t)", "v̂ = 0.030424 / (1 - 0.999^2) = 15.2196",
             "w ← w - lr × m̂ / (√v̂ + 1e-08)",
             "w = 1.9 - 0.1 × 3.89474 / (√15.2196 + 1e-08) = 1.80017"],
        ),
    ):  # fmt: skip
        graph = Graph.of(Mul(w, w, name="cost"), training=Training(optimizer))
        debugger = ComputedDebugger(graph)
        debugger.cursor.sgd(2)
        assert [line.strip() for line in explain(debugger)[1:]] == lines


def test_values_from_before_an_update_are_marked_as_such() -> None:
    debugger = opened("wx")
    debugger.cursor.sgd(1)
    graph = debugger.graph
    outdated = {node.label: report(debugger, i).outdated for i, node in enumerate(graph.nodes)}
    assert outdated == {"x": "", "w": "", "wanted": "", "y": "w", "cost": "w"}
    assert "cost 900 (before the update)" in status(debugger)
    debugger.cursor.step()
    assert not any(report(debugger, i).outdated for i in range(len(graph)))


def test_a_run_that_stops_inside_a_pass_does_not_know_its_cost_yet() -> None:
    debugger = opened("xor")
    session = open_session(debugger)
    session.run("break s1 forward")
    for step in range(3):
        session.run("continue")
        assert debugger.sgd_step == step
        assert len(debugger.cursor.costs) == step
    debugger.move(debugger.moment + 4)
    assert len(debugger.cursor.costs) == 3


def test_no_wide_node_fills_the_screen() -> None:
    inputs = [Input(f"x{i}", value=float(i)) for i in range(2000)]
    debugger = ComputedDebugger(Graph.of(Add(*inputs, name="total")))
    text = at(debugger, "total", "forward")
    assert "x0 + x1 + x2 + … 1,997 more" in text
    assert len(text) < 400
    text = at(debugger, "total", "backward")
    assert "… 1,988 inputs more" in text
    assert len(text) < 1500


def test_graphs_are_described_without_a_word_that_they_have_no_use_for() -> None:
    for name in ("circuit-a", "circuit-b", "diamond", "square", "sigmoid-neuron"):
        debugger = opened(name)
        while not debugger.cursor.at_end:
            debugger.cursor.step()
            assert "SGD" not in "\n".join([status(debugger), *explain(debugger)])


def test_an_update_of_an_infinite_number_is_still_a_sum_of_what_was_added() -> None:
    w = Input("w", value=[1.0, float("inf")], trainable=True)
    debugger = ComputedDebugger(Graph.of(Sum(Mul(w, Input("x", value=[1.0, 0.0])), name="cost")))
    debugger.cursor.sgd(1)
    cause = why(debugger, EntryRef(debugger.graph.index_of("w"), "value", (1,)))
    assert [term.numbers for term in cause.terms] == ["inf", "-0.01 × 0"]
    assert cause.terms[1].amount == 0


def test_a_turn_that_has_come_is_not_announced() -> None:
    debugger = opened("parabola")
    debugger.cursor.sgd(1)
    told = why_lines(debugger, "x", "grad")
    assert "computed at moment" in told[-1]
    assert "its turn comes" not in told[-1]


def test_a_class_number_has_no_gradient_wherever_one_asks() -> None:
    session = open_session(opened("softmax"))
    session.run("sgd")
    for line in ("print label.grad", "why grad label[0]", "break on-change label.grad"):
        with pytest.raises(MiniflowError, match="a class number has no gradient"):
            session.run(line)
    assert "label" not in session.run("diff 2 11").text


def test_a_condition_and_what_is_compared_have_no_gradient() -> None:
    x, limit = Input("x", value=[1.0, -2.0]), Input("limit", value=0.0)
    less = Less(x, limit, name="less")
    debugger = ComputedDebugger(Graph.of(Sum(Where(less, x, Detach(x, name="d"), name="w"))))
    assert "to less[0]: a condition has no gradient" in at(debugger, "w", "backward")
    session = open_session(debugger)
    text = session.run("why w[0]").text
    assert "(x[0] if less[0] else d[0])" in text
    assert "less[0] is 0: d[0] was chosen" in text
    assert "1 < 0: false" in session.run("why less[0]").text
    assert "to x[0]: a detach stops the gradient" in at(debugger, "d", "backward")
    node = debugger.graph.index_of("limit")
    assert debugger.state.no_gradient(node) == "a comparison sends no gradient"
    assert debugger.state.gradient_freshness(node) is Freshness.NONE
    assert not debugger.state.no_gradient(debugger.graph.index_of("x"))


def test_an_input_before_the_feed_is_not_fed_yet() -> None:
    with pytest.raises(MiniflowError, match="X is not fed yet"):
        open_session(opened("xor")).run("why X[0,0]")


# Words that speak of all inputs alike.
OF_ALL = re.compile(r"\b(?:every|each) (?:input|factor|entry)\b|\bthe second input\b|, others 0\b")


@pytest.mark.parametrize("name", sorted(OPS))
@given(data=st.data())
@settings(deadline=None, max_examples=pick(6, 3))
def test_the_sentence_of_an_op_says_what_every_input_gets(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)))
    view = NodeView(debugger, debugger.graph.index_of("op"))
    role = role_of(view)
    labels = set(view.labels)
    if len(labels) > 1 and not OF_ALL.search(role):
        assert [label for label in labels if not re.search(rf"\b{label}\b", role)] == []


def test_a_power_tells_the_rule_of_its_exponent() -> None:
    x, p = Input("x", value=VECTOR), Input("p", value=[3.0, 2.0, 1.0])
    text = at(squared(Pow(x, p, name="n")), "n", "backward")
    assert text.endswith(
        "a power scales the gradient by p·x^(p-1) towards x, by x^p·log x towards the exponent p"
    )
    text = at(squared(Pow(x, exponent=3, name="n")), "n", "backward")
    assert text.endswith("a power scales the gradient by 3·x^2 towards x")


def test_of_labels_that_do_not_sum_to_1_the_sentence_has_the_sum() -> None:
    logits, labels = Input("z", value=VECTOR), Input("t", value=[1.0, 1.0, 0.0])
    text = at(squared(SoftmaxCrossEntropy(logits, labels, name="n")), "n", "backward")
    assert "sends (softmax(z)·Σ t - t)/m to z: how much too sure each class is" in text
    assert text.endswith("; and -log softmax(z)/m to the labels t")


@pytest.mark.parametrize("optimizer", [Momentum(0.1, 0.5), Adam(0.1), SGD(0.1)], ids=repr)
def test_gradients_of_a_sink_of_several_entries_are_those_of_its_sum(optimizer: Any) -> None:
    x = Input("x", value=VECTOR, trainable=True)
    q = Mul(x, Input("y", value=[2.0, 5.0, 7.0]), name="q")
    run = open_session(ComputedDebugger(Graph.of(q, training=Training(optimizer))))
    told = [run.run(line).text for line in ("break x backward", "break nan", "quiz on")]
    for _ in range(2 * run.debugger.timeline.length):
        question = run.quiz.ask(run.debugger) if run.quiz else None
        if question is None:
            told.append(run.run("step").text)
        else:
            told += [question.text, run.run(f"answer {question.answer}").text]
        here = run.debugger.moment
        for line in ("why grad x[1]", "why x[1]", "why grad q[2]", "diff 3", "last x.grad[0]"):
            with contextlib.suppress(MiniflowError):
                told.append(run.run(line).text)
        run.run(f"goto {here}")
    text = "\n".join(told)
    assert text.count("∂Σq/∂") > 20
    assert not re.search("∂q/|∂cost|∂Σcost", text)


def twice(kind: Any) -> Debugger:
    """A run over a node that has the same node in every place."""
    x = Input("x", value=[[2.0, 3.0], [4.0, 5.0]])
    return ComputedDebugger(Graph.of(Sum(kind(x), name="cost")))


TWICE: dict[str, Any] = {
    "Add": lambda x: Add(x, x, name="n"),
    "Sub": lambda x: Sub(x, x, name="n"),
    "Mul": lambda x: Mul(x, x, name="n"),
    "Mul of three": lambda x: Mul(x, x, x, name="n"),
    "Div": lambda x: Div(x, x, name="n"),
    "Pow": lambda x: Pow(x, x, name="n"),
    "Max": lambda x: Max(x, x, name="n"),
    "MatMul": lambda x: MatMul(x, x, name="n"),
    "Linear": lambda x: Linear(x, x, Input("b", value=[0.0, 0.0]), name="n"),
    "MSE": lambda x: MSE(x, x, name="n"),
    "Concat": lambda x: Concat(x, x, name="n"),
}


@pytest.mark.parametrize("kind", sorted(TWICE))
def test_edges_between_the_same_two_nodes_are_told_apart(kind: str) -> None:
    debugger = twice(TWICE[kind])
    edges = debugger.graph.inbound[debugger.graph.index_of("n")].count(debugger.graph.index_of("x"))
    numbers = [f"input {k + 1}" for k in range(edges)]
    for node, begins in (("n", "  to x"), ("x", "  upstream from n")):
        lines = [line for line in at(debugger, node, "backward").split("\n") if begins in line]
        assert len(set(lines)) == edges
        assert [line.split("(")[1].split(")")[0] for line in lines] == numbers
    lines = cause_lines(
        why(debugger, EntryRef(debugger.graph.index_of("x"), "grad", (0, 1))), debugger
    )
    terms = [line for line in lines if line.endswith(" of n)")]
    assert len(terms) >= edges
    assert len(set(terms)) == len(terms)
    role = role_of(NodeView(debugger, debugger.graph.index_of("n")))
    assert not re.search(r"\b(?:to|towards) (?:the \w+ )?x\b(?! \(input \d\))", role)


def test_of_equal_inputs_of_a_max_the_first_won() -> None:
    text = at(twice(TWICE["Max"]), "n", "backward")
    assert "to x[0,0] (input 1): upstream × local = (∂cost/∂n ⊙ [input 1 won])[0,0] = 1 × 1" in text
    assert "to x[0,0] (input 2): upstream × local = (∂cost/∂n ⊙ [input 2 won])[0,0] = 1 × 0" in text


@pytest.mark.parametrize("kind", [Add, Mul, Max])
@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_a_wide_node_is_explained_in_time_linear_in_its_inputs(kind: Any, phase: Any) -> None:
    lines = []
    for count in (300, 1200):
        inputs = [Input(f"x{i}", value=[1.0, 1.0 + i / 1000]) for i in range(count)]
        debugger = ComputedDebugger(Graph.of(Sum(kind(*inputs, name="n"), name="cost")))
        run_until(debugger, debugger.graph.index_of("n"), phase)
        lines.append(lines_run(partial(explain, debugger)))
    assert lines[1] <= 5 * lines[0]


def test_means_over_different_numbers_have_different_letters_in_one_sum() -> None:
    x = Input("x", value=[[1.0, 2.0]])
    pair = MSE(Input("y", value=[[0.0, 1.0]]), x, name="pair")
    column = Sum(Mean(x, axis=0, name="column"), name="sum")
    debugger = ComputedDebugger(Graph.of(Add(pair, column, name="cost")))
    at(debugger, "x", "backward")
    cause = why(debugger, EntryRef(debugger.graph.index_of("x"), "grad", (0, 0)))
    told = "\n".join(cause_lines(cause, debugger))
    assert "∂cost/∂column[0]·1/m" in told
    assert "m = 1, the number of entries in a mean" in told
    assert "(y[0,0] - x[0,0])/M" in told
    assert "M = 2, the number of entries" in told


def test_letters_are_chosen_once_and_stay() -> None:
    letters = Letters({"m": 0, "k": 1, "j": 2, "v": 3})
    assert [letters.count, letters.product] == ["M", "h"]
    assert [letters.axis(0), letters.axis(1)] == ["i", "n"]
    assert [letters.state("v"), letters.state("m")] == ["u", "p"]
    assert [Letters({}).axis(i) for i in range(8)] == ["j", "n", "s", "t", "p", "k", "l", "j'"]
    crowded = Letters(dict.fromkeys("jnstpklihruvxao", 0))
    assert [crowded.axis(i) for i in range(3)] == ["j1", "n1", "s1"]
    assert Letters.lowered(crowded.axis(0)) == "ⱼ₁"
    assert Letters({}, avoided=["m"]).count == "M"
