"""Predicting: what is asked can be answered, is judged rightly, and asking moves nothing."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.quiz.quiz import Question, Quiz
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.opening.shipped import shipped
from miniflow.files import load
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, Add, Dropout, Exp, Linear, Max, Mul, Op, ReLU, Sigmoid, Sub, Sum
from miniflow.training.optimizers import SGD, Momentum
from tests.support.debuggers import network, state
from tests.support.sizes import examples, some

PATHS = {graph.path.stem: graph.path for graph in shipped()}
SIGNS = {1.0: "+", -1.0: "-", 0.0: "0"}
ENTRY = r"(\S+?)(?:\[([\d,]+)\])?"


def entry(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()


def truth(question: Question, stepped: Debugger, before: Debugger) -> float | str:
    """What is right, read from the plan at the moment itself, by the words of the question."""
    graph, plan, text = stepped.graph, stepped.plan, question.text
    if found := re.match(rf"does {ENTRY} go up", text):
        node, index = graph.index_of(found[1]), entry(found[2])
        return float(plan.value(node)[index]) - float(before.plan.value(node)[index])
    if found := re.match(rf"which input of {ENTRY} gets the gradient", text):
        node, index = graph.index_of(found[1]), entry(found[2])
        sent = [float(plan.contribution(node, s)[index]) for s in range(len(graph.inbound[node]))]
        (input_index,) = np.flatnonzero(sent)
        return graph.nodes[graph.inbound[node][input_index]].label
    if found := re.search(rf"that (\S+) sends to {ENTRY}( in all)?\?", text):
        node, source, index = graph.index_of(found[1]), graph.index_of(found[2]), entry(found[3])
        input_indices = [s for s, inbound in enumerate(graph.inbound[node]) if inbound == source]
        assert bool(found[4]) == (len(input_indices) > 1)
        return math.fsum(
            float(plan.contribution(node, input_index)[index]) for input_index in input_indices
        )
    start = "(?:what is |positive, negative or 0: )"
    if found := re.match(rf"{start}∂\w+/∂{ENTRY}, ", text):
        return float(plan.gradient(graph.index_of(found[1]))[entry(found[2])])
    found = re.match(rf"{start}{ENTRY}(?: = |\?)", text)
    assert found, text
    return float(plan.value(graph.index_of(found[1]))[entry(found[2])])


def answers(question: Question, right: float | str) -> tuple[str, str]:
    """Return a right answer and a wrong one."""
    if question.kind == "input":
        assert isinstance(right, str)
        return right, next(one for one in question.choices if one != right)
    assert isinstance(right, float)
    if question.kind == "value":
        return f"{right:.4g}", f"{right * 1.03 + (not right)!r}"
    assert math.isfinite(right)
    sign = SIGNS[float(np.sign(right))]
    wrong = "-" if sign != "-" else "+"
    if "go up or down" in question.text:
        words = {"+": "up", "-": "down", "0": "same"}
        return words[sign], words[wrong]
    return sign, wrong


def ask_all(moments: int, debugger: Debugger, twin: Debugger, behind: Debugger) -> Quiz:
    """Answer every question rightly (a wrong quiz runs beside): a twin that steps must agree."""
    quiz, wrong_quiz = Quiz(), Quiz()
    for moment in range(moments):
        before, costs = state(debugger), debugger.cursor.costs[:]
        question = quiz.ask(debugger)
        assert quiz.ask(debugger) is question
        assert Quiz().ask(debugger) == question
        assert state(debugger) == before
        assert debugger.cursor.costs == costs
        twin.move(moment + 1)
        if question is None:
            debugger.cursor.step()
            behind.move(moment + 1)
        else:
            assert question.moment == moment + 1
            right, wrong = answers(question, truth(question, twin, behind))
            told = wrong_quiz.answer(behind, wrong)
            assert not told.right, (question, wrong)
            assert told.text.startswith("wrong, it ")
            verdict = quiz.answer(debugger, right)
            assert verdict.right, (question, right, verdict)
            assert verdict.text.startswith("right: ")
        assert state(debugger) == state(behind) == state(twin)
        assert debugger.cursor.costs == twin.cursor.costs
    assert wrong_quiz.right == wrong_quiz.streak == 0
    assert quiz.asked == quiz.right == quiz.streak == wrong_quiz.asked
    return quiz


# Inputs that have no gradient, because they are class numbers or row numbers.
CLASS_NUMBERS = {"digits": 1, "softmax": 1, "lenet": 1, "lstm": 1, "transformer": 2}


@pytest.mark.parametrize("path", some(PATHS.values(), 14), ids=lambda path: path.stem)
def test_every_question_about_a_shipped_graph_can_be_answered(path: Path) -> None:
    debuggers = [ComputedDebugger(load(path)) for _ in range(3)]
    moments = debuggers[0].timeline.clamp(2 * debuggers[0].timeline.length)
    quiz = ask_all(moments, *debuggers)
    # Only feed has nothing to ask, a parameter that momentum carries against its gradient, and
    # class numbers, which have no gradient.
    steps = debuggers[0].sgd_step + 1
    carried = path.stem == "valley-momentum"
    classes = steps * CLASS_NUMBERS.get(path.stem, 0)
    assert quiz.asked == moments - steps - carried - classes


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.05)], ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_so_can_those_about_a_network_with_dropout(optimizer: SGD, dtype: str) -> None:
    debuggers = [ComputedDebugger(network(optimizer, dtype=dtype)) for _ in range(3)]
    assert ask_all(3 * debuggers[0].timeline.length, *debuggers).asked


def test_asking_late_in_a_run_or_after_going_back_changes_nothing() -> None:
    debugger, twin = (
        ComputedDebugger(network(Momentum(0.05))),
        ComputedDebugger(network(Momentum(0.05))),
    )
    length, quiz = debugger.timeline.length, Quiz()
    debugger.move(60 * length)
    twin.move(60 * length)
    for moment in (60 * length + 3, 41 * length - 1, 41 * length + 4, 5, 0):
        debugger.move(moment)
        twin.move(moment)
        quiz.ask(debugger)
        assert state(debugger) == state(twin)
        assert debugger.cursor.costs == twin.cursor.costs
        assert (debugger.cursor.last_update is None) == (twin.cursor.last_update is None)


# Single questions --------------------------------------------------------------------------


def asked(debugger: Debugger, name: str, phase: str) -> Question:
    """Go to just before a node's moment and ask."""
    place = debugger.timeline.position_of(phase, debugger.graph.index_of(name))  # type: ignore[arg-type]
    assert place is not None
    debugger.move(place - 1)
    question = Quiz().ask(debugger)
    assert question is not None
    return question


def of(op: Op) -> Debugger:
    return ComputedDebugger(Graph.of(op))


def x(value: float, name: str = "x") -> Input:
    return Input(name, value=value)


def test_the_questions_of_a_product_and_what_is_said_then() -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["wx"])), Quiz()
    assert quiz.ask(debugger) is None
    debugger.cursor.step()
    question = quiz.ask(debugger)
    assert question is not None
    assert (question.text, question.kind) == ("what is y = w × x?", "value")
    assert question.form == "a number, as in 0.5, -2e-3 or 1/3"
    assert quiz.answer(debugger, "50.4").text == "right: y = 5 × 10 = 50"
    told = quiz.answer(debugger, "30")
    assert told.text == "wrong, it is 900: cost = (20 - 50)²/1 = 900"
    assert (quiz.right, quiz.asked, quiz.streak, quiz.score) == (1, 2, 0, "1 of 2 right")
    debugger.move(8)
    told = quiz.answer(debugger, "up")
    assert told.text == "wrong, it goes down: w = 5 - 0.001 × 600 = 4.4"


def test_the_same_node_twice_gets_both() -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["square"])), Quiz()
    debugger.move(2)
    question = quiz.ask(debugger)
    assert question is not None
    assert question.text == (
        "what is upstream × local, ∂y/∂y × x + ∂y/∂y × x, that y sends to x in all?"
    )
    assert quiz.answer(debugger, "3").text == (
        "wrong, it is 6: to x (input 1): ∂y/∂y × x = 1 × 3 = 3; "
        "to x (input 2): ∂y/∂y × x = 1 × 3 = 3; 6 in all"
    )
    question = quiz.ask(debugger)
    assert question is not None
    assert question.text == "what is ∂y/∂x, the sum of 2 contributions?"
    assert quiz.answer(debugger, "6").text == "right: ∂y/∂x = 3 + 3 = 6"
    assert quiz.ask(debugger) is None
    with pytest.raises(DebuggerError, match="nothing is asked"):
        quiz.answer(debugger, "6")


def test_a_relu_at_a_negative_input_gives_0() -> None:
    debugger = of(ReLU(x(-2.0), name="r"))
    question = asked(debugger, "r", "forward")
    assert question.text == "what is r = max(x, 0)?"
    assert Quiz().answer(debugger, "0").right
    assert asked(debugger, "r", "backward").text == (
        "what is upstream × local, ∂r/∂r × [x > 0], that r sends to x?"
    )
    assert Quiz().answer(debugger, "0").text == "right: to x: ∂r/∂r × [x > 0] = 1 × 0 = 0"


def test_a_gate_asks_for_the_winner_by_name() -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["circuit-b"])), Quiz()
    question = asked(debugger, "larger", "backward")
    assert question.text == "which input of larger gets the gradient: z or w?"
    assert (question.kind, question.choices, question.form) == ("input", ("z", "w"), "z or w")
    with pytest.raises(DebuggerError, match="'v' is not a valid answer"):
        quiz.answer(debugger, "v")
    assert quiz.answer(debugger, " z ").text == (
        "right: to z: ∂f/∂larger × [z won] = 2 × 1 = 2; to w: ∂f/∂larger × [w won] = 2 × 0 = 0 "
        "(a max gate routes: the winner gets the whole gradient (on a tie, the first), others 0)"
    )


def test_names_with_commas_and_spaces_can_be_answered() -> None:
    debugger = of(Max(x(1.0, "a, b"), x(2.0, "c or d"), name="m"))
    assert asked(debugger, "m", "backward").choices == ("a, b", "c or d")
    assert Quiz().answer(debugger, "c or d").right


def test_an_input_that_is_broadcast_to_a_gate_wins_nowhere_alone() -> None:
    wide = Input("wide", value=np.array([1.0, 5.0]))
    debugger = of(Sum(Max(wide, x(3.0), name="m"), name="cost"))
    assert asked(debugger, "m", "backward").kind != "input"


def test_a_linear_of_few_short_terms_is_a_number_one_of_many_a_sign() -> None:
    def linear(terms: int, weight: float) -> Question:
        X = Input("X", value=np.ones((1, terms)))
        W = Input("W", value=np.full((terms, 1), weight))
        return asked(of(Linear(X, W, Input("b", value=[1.0]), name="l")), "l", "forward")

    assert linear(3, 0.5).kind == "value"
    assert linear(4, 0.5).kind == "sign"
    assert linear(3, 0.123456).kind == "sign"
    assert linear(4, 0.5).text == "positive, negative or 0: l[0,0] = X·W + b?"


def test_the_sign_asked_for_is_of_an_entry_that_is_neither_0_nor_nan() -> None:
    value = np.array([0.0, math.nan, 0.0, -0.123456, math.inf])
    debugger = of(Sum(Sub(Input("x", value=value), x(0.0, "c"), name="d"), name="cost"))
    question = asked(debugger, "d", "forward")
    assert question.text == "positive, negative or 0: d[3] = x - c?"
    assert Quiz().answer(debugger, "Negative").right


def test_nothing_is_asked_where_all_is_nan() -> None:
    debugger = of(Exp(x(math.nan), name="e"))
    debugger.move(1)
    assert Quiz().ask(debugger) is None


def test_nothing_is_asked_about_what_a_dropout_drops() -> None:
    kept = Dropout(Input("x", value=np.ones(3)), rate=0.999, name="d")
    debugger = of(Sum(kept, name="cost"))
    debugger.move(1)
    question = Quiz().ask(debugger)
    debugger.cursor.step()
    assert question is None or debugger.state.value(debugger.graph.index_of("d"))[question.index]


def test_a_sigmoid_is_a_number_only_where_the_head_can_tell() -> None:
    entries = Input("x", value=np.array([0.0, 0.0]))
    assert asked(of(Sum(Sigmoid(entries, name="s"), name="c")), "s", "forward").kind == "value"
    entries = Input("x", value=np.array([0.3, 0.3]))
    assert asked(of(Sum(Sigmoid(entries, name="s"), name="c")), "s", "forward").kind == "sign"


def test_what_is_left_when_a_sum_cancels_may_be_called_0() -> None:
    debugger = of(Add(x(0.1), x(0.2, "y"), x(-0.3, "z"), name="sum"))
    asked(debugger, "sum", "forward")
    assert Quiz().answer(debugger, "0").right


def test_a_parameter_carried_against_its_gradient_is_not_asked_about() -> None:
    w = Input("w", value=1.0, trainable=True)
    cost = MSE(x(0.0, "wanted"), Mul(w, x(1.0), name="y"), name="cost")
    training = Training(Momentum(0.4))
    debugger, quiz = ComputedDebugger(Graph.of(cost, training=training)), Quiz()
    against = 0
    for step in range(12):
        debugger.move((step + 1) * debugger.timeline.length - 1)
        place = debugger.graph.index_of("w")
        before, gradient = float(debugger.state.value(place)), float(debugger.state.gradient(place))
        question = quiz.ask(debugger)
        debugger.cursor.step()
        change = float(debugger.state.value(place)) - before
        assert (question is None) == (change * gradient > 0)
        against += question is None
    assert against


@pytest.mark.parametrize("text", ["", "what", "nan", "inf", "1/0", "1/2/3", "up", "2*3"])
def test_what_is_no_answer_neither_counts_nor_moves(text: str) -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["wx"])), Quiz()
    debugger.cursor.step()
    before = state(debugger)
    with pytest.raises(DebuggerError) as caught:
        quiz.answer(debugger, text)
    assert caught.value.hint == "a number, as in 0.5, -2e-3 or 1/3"
    assert "what is y = w × x?" in caught.value.problem
    assert state(debugger) == before
    assert quiz.asked == 0


def test_no_sign_is_no_answer_either() -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["xor"])), Quiz()
    debugger.move(2)
    for text in ("7", "up", "?"):
        with pytest.raises(DebuggerError):
            quiz.answer(debugger, text)
    assert (debugger.moment, quiz.asked) == (2, 0)


def test_an_edit_asks_anew() -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["wx"])), Quiz()
    debugger.cursor.step()
    quiz.ask(debugger)
    debugger.set_value(debugger.graph.index_of("w"), (), 7.0)
    assert quiz.answer(debugger, "70").text == "right: y = 7 × 10 = 70"


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.sampled_from(["{!r}", "{:e}", "+{!r}", " {!r} ", "{!r}/1"]),
)
@settings(deadline=None, max_examples=examples(80))
def test_a_number_within_one_percent_is_right(number: float, form: str) -> None:
    debugger = of(Add(x(number), x(0.0, "zero"), name="sum"))
    for factor, right in ((1.0, True), (1.009, True), (0.991, True), (1.02, False), (-1, False)):
        debugger.move(1)
        given = form.format(number * factor).replace("+-", "-")
        assert Quiz().answer(debugger, given).right == (right or not number * factor)


def test_fractions_and_a_minus_sign_are_numbers() -> None:
    for text in ("-1/3", "−1/3", "-0.333", "-3.33e-1", "1/-3"):
        debugger = of(Mul(x(-1.0), x(1 / 3, "y"), name="product"))
        debugger.move(1)
        assert Quiz().answer(debugger, text).right


def test_an_answer_meets_the_stops_of_its_moment() -> None:
    run = open_session(ComputedDebugger(load(PATHS["wx"])))
    for line in ("break y forward", "quiz on", "step"):
        run.run(line)
    assert run.debugger.moment == 1
    reply = run.run("answer 50")
    assert "stop 1: forward of y" in reply.text
    assert [stop.hits for stop in run.stops] == [1]
