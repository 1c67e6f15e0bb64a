"""The quiz: what is asked can be answered, is judged rightly, and asking moves nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.quiz.choice import questions_about
from mfdebug.core.quiz.question import Question
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.opening.shipped import shipped
from miniflow.files import load
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import Add, Exp, Max, Mul, Neg, Op, ReLU, Sub, Sum
from miniflow.training.optimizers import SGD, Momentum
from tests.support.debuggers import network, state
from tests.support.quiz_truth import truth, typed, wrong_answer
from tests.support.sizes import examples, quick

PATHS = {graph.path.stem: graph.path for graph in shipped()}
# Questions of a large graph are alike.
MOST_MOMENTS = 120


def ask_all(moments: int, debugger: Debugger, twin: Debugger, behind: Debugger) -> Quiz:
    """Answer every question rightly (a wrong quiz runs beside): a twin that steps must agree."""
    quiz, wrong_quiz = Quiz(), Quiz()
    for moment in range(moments):
        before, costs = state(debugger), debugger.cursor.costs[:]
        question = quiz.ask(debugger)
        assert quiz.ask(debugger) is question
        assert state(debugger) == before
        assert debugger.cursor.costs == costs
        twin.move(moment + 1)
        if question is None:
            debugger.cursor.step()
        else:
            assert question.moment == moment + 1
            right = truth(question, twin, debugger)
            checked = wrong_quiz.ask(behind)
            if checked is not None:
                told = wrong_quiz.answer(
                    behind, wrong_answer(checked, truth(checked, twin, behind))
                )
                assert not told.right, (checked, told)
                assert told.text.startswith("not so: ")
            verdict = quiz.answer(debugger, typed(question, right))
            assert verdict.right, (question, right, verdict)
            assert verdict.text.startswith("right: ")
        behind.move(moment + 1)
        assert state(debugger) == state(behind) == state(twin)
        assert debugger.cursor.costs == twin.cursor.costs
    assert wrong_quiz.score.right == wrong_quiz.score.streak == 0
    assert quiz.score.asked == quiz.score.right == quiz.score.streak
    return quiz


@pytest.mark.parametrize("path", quick(PATHS.values(), 8), ids=lambda path: path.stem)
def test_every_question_about_a_shipped_graph_can_be_answered(path: Path) -> None:
    debuggers = [ComputedDebugger(load(path)) for _ in range(3)]
    moments = debuggers[0].timeline.clamp(2 * debuggers[0].timeline.length)
    quiz = ask_all(min(moments, MOST_MOMENTS), *debuggers)
    # It is one Linear of vectors, whose inputs are not trained.
    assert quiz.score.asked


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.05)], ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_so_can_those_about_a_network_with_dropout(optimizer: SGD, dtype: str) -> None:
    debuggers = [ComputedDebugger(network(optimizer, dtype=dtype)) for _ in range(3)]
    assert ask_all(3 * debuggers[0].timeline.length, *debuggers).score.asked


@pytest.mark.parametrize("name", sorted(PATHS))
def test_all_questions_that_can_be_asked_are_sound(name: str) -> None:
    """Also those that are not chosen: mistakes give other answers, and two equal ones are one."""
    debugger = ComputedDebugger(load(PATHS[name]))
    for number in range(1, min(debugger.timeline.length, MOST_MOMENTS) + 1):
        debugger.move(number - 1)
        for question in questions_about(debugger, debugger.timeline.name(number)):
            wrong = [mistake.answer for mistake in question.mistakes]
            assert question.answer not in wrong
            assert len(set(wrong)) == len(wrong)
            assert all(mistake.words for mistake in question.mistakes)
            assert question.given
            assert question.ask.endswith("?")
            assert question.working
            assert question.hides or question.kind == "order"
            if question.choices:
                assert len(set(question.choices)) == len(question.choices) >= 3
                assert question.answer in question.choices
                assert {*wrong} == {*question.choices} - {question.answer}
            elif question.number is not None:
                assert not any(
                    abs(w - question.number) < 0.02 * abs(question.number) for w in wrong
                )  # type: ignore[operator]


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


def test_a_seed_asks_about_other_inputs() -> None:
    debugger = ComputedDebugger(load(PATHS["circuit-b"]))
    debugger.move(5)
    asked = {(q.ask if (q := Quiz(seed).ask(debugger)) else "") for seed in range(4)}
    assert asked == {"What does f send to two?", "What does f send to total?"}


# No empty questions --------------------------------------------------------------------------


def asked(debugger: Debugger, name: str, phase: str) -> Question | None:
    """Go to just before a node's moment and ask."""
    place = debugger.timeline.position_of(phase, debugger.graph.index_of(name))  # type: ignore[arg-type]
    assert place is not None
    debugger.move(place - 1)
    return Quiz().ask(debugger)


def of(op: Op) -> Debugger:
    return ComputedDebugger(Graph.of(op))


def x(value: float, name: str = "x") -> Input:
    return Input(name, value=value)


@pytest.mark.parametrize("name", sorted(PATHS))
def test_no_sign_of_what_is_always_positive_is_asked(name: str) -> None:
    """The sign of a square or a sigmoid says nothing; that of a long sum cannot be seen."""
    debugger = ComputedDebugger(load(PATHS[name]))
    for number in range(1, min(debugger.timeline.length, MOST_MOMENTS) + 1):
        moment = debugger.timeline.name(number)
        debugger.move(number - 1)
        for question in questions_about(debugger, moment):
            if question.kind == "sign":
                assert moment.phase == "backward"
                assert question.working.count("×") <= 2
            if question.number is not None:
                assert question.working.count("×") <= 6


def test_what_was_sent_by_one_consumer_is_not_asked_again_as_a_gradient() -> None:
    debugger = ComputedDebugger(load(PATHS["circuit-a"]))
    inputs = [debugger.graph.index_of(name) for name in ("x", "y", "z")]
    for node in inputs:
        place = debugger.timeline.position_of("backward", node)
        assert place is not None
        debugger.move(place - 1)
        assert Quiz().ask(debugger) is None


def test_nothing_is_asked_where_all_is_nan() -> None:
    debugger = of(Exp(x(math.nan), name="e"))
    assert asked(debugger, "e", "forward") is None
    assert asked(debugger, "e", "backward") is None


def test_a_question_without_a_number_is_not_asked_for_ever() -> None:
    """The shape of xor's l1 is asked in two passes; then it is known."""
    debugger, quiz = ComputedDebugger(load(PATHS["xor"])), Quiz()
    concepts = []
    for _ in range(6 * debugger.timeline.length):
        question = quiz.ask(debugger)
        if question is None:
            debugger.cursor.step()
            continue
        if question.number is None:
            concepts.append(question.concept)
        quiz.answer(debugger, question.answer)
    assert max(map(concepts.count, set(concepts))) == 2


# Answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "what", "nan", "inf", "1/0", "1/2/3", "up", "2*3", "1e999"])
def test_what_is_no_answer_neither_counts_nor_moves(text: str) -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["wx"])), Quiz()
    debugger.cursor.step()
    before = state(debugger)
    with pytest.raises(DebuggerError) as caught:
        quiz.answer(debugger, text)
    assert caught.value.hint == ("a number, as in 0.5, -2e-3 or 1/3; 2 % off is right")
    assert state(debugger) == before
    assert quiz.score.answers == ()


def test_no_letter_of_a_choice_is_no_answer_either() -> None:
    debugger = ComputedDebugger(load(PATHS["circuit-b"]))
    debugger.move(2)
    order = next(
        q for q in questions_about(debugger, debugger.timeline.name(3)) if q.kind == "order"
    )
    assert order.form == "a letter, a to c"
    run = open_session(debugger)
    run.run("quiz on number+")
    assert run.quiz is not None
    assert run.quiz.ask(debugger) == order
    for text in ("7", "d", "nobody", "?"):
        with pytest.raises(DebuggerError, match="not a valid answer"):
            run.run(f"answer {text}")
    assert debugger.moment == 2
    assert run.run("answer larger").data["right"]


def test_an_edit_asks_anew() -> None:
    debugger, quiz = ComputedDebugger(load(PATHS["wx"])), Quiz()
    debugger.cursor.step()
    quiz.ask(debugger)
    debugger.set_value(debugger.graph.index_of("w"), (), 7.0)
    assert quiz.answer(debugger, "70").text == "right: 7 × 10 = 70"


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.sampled_from(["{!r}", "{:e}", "+{!r}", " {!r} ", "{!r}/1"]),
)
@settings(deadline=None, max_examples=examples(80))
def test_a_number_within_two_percent_is_right(number: float, form: str) -> None:
    debugger = of(Add(x(number), x(0.0, "zero"), name="sum"))
    for factor, right in ((1.0, True), (1.019, True), (0.981, True), (1.03, False), (-1, False)):
        debugger.move(1)
        given = form.format(number * factor).replace("+-", "-")
        assert Quiz().answer(debugger, given).right == (right or not number * factor)


def test_fractions_and_a_minus_sign_are_numbers() -> None:
    for text in ("-1/3", "−1/3", "-0.333", "-3.33e-1", "1/-3"):
        debugger = of(Mul(x(-1.0), x(1 / 3, "y"), name="product"))
        debugger.move(1)
        assert Quiz().answer(debugger, text).right


def test_a_sum_that_cancels_is_0() -> None:
    third = Input("third", value=np.array(1 / 3))
    debugger = of(Sub(Mul(third, x(3.0, "three"), name="one"), x(1.0, "c"), name="none"))
    debugger.move(2)
    assert Quiz().answer(debugger, "0").right


def test_an_answer_meets_the_stops_of_its_moment() -> None:
    run = open_session(ComputedDebugger(load(PATHS["wx"])))
    for line in ("break y forward", "quiz on", "step"):
        run.run(line)
    assert run.debugger.moment == 1
    reply = run.run("answer 50")
    assert "stop 1: forward of y" in reply.text
    assert [stop.hits for stop in run.stops] == [1]


def test_with_momentum_nothing_is_asked_of_a_parameter_that_is_carried() -> None:
    cost = Sum(Mul(w := Input("w", value=[1.0, -2.0], trainable=True), w), name="cost")
    training = Training(Momentum(0.3, momentum=0.9))
    debugger, quiz = ComputedDebugger(Graph.of(cost, training=training)), Quiz()
    index, against = debugger.graph.index_of("w"), 0
    for step in range(12):
        debugger.move((step + 1) * debugger.timeline.length - 1)
        before = debugger.state.value(index).copy()
        gradient = debugger.state.gradient(index).copy()
        question = quiz.ask(debugger)
        debugger.cursor.step()
        moved = debugger.state.value(index) - before
        if question is None:
            against += 1
        else:
            entry = question.index
            assert np.sign(moved[entry]) == -np.sign(gradient[entry])
    assert against


def test_names_from_a_file_are_taken_as_they_are() -> None:
    debugger = of(Max(x(1.0, "a, b"), x(2.0, "c or d"), name="[m]"))
    question = asked(debugger, "[m]", "backward")
    assert question is not None
    assert question.given[1] == "a, b = 1, c or d = 2."
    assert Quiz().answer(debugger, "0" if "a, b" in question.ask else "1").right


def test_a_relu_at_a_negative_input_sends_0() -> None:
    debugger = of(ReLU(x(-2.0), name="r"))
    question = asked(debugger, "r", "backward")
    assert question is not None
    assert question.ask == "What does r send to x?"
    assert Quiz().answer(debugger, "0").text == "right: 1 × 0 = 0"


def test_a_neuron_is_asked_about_and_what_it_sends_to_each_input() -> None:
    asks = set()
    for seed in range(9):
        debugger, stepped, before = (
            ComputedDebugger(load(PATHS["lesson-neuron"])) for _ in range(3)
        )
        for moment in (1, 2):
            debugger.move(moment)
            before.move(moment)
            stepped.move(moment + 1)
            question = Quiz(seed).asked(debugger)
            assert question.number == truth(question, stepped, before)
            asks.add(question.ask.partition("[")[0])
    assert asks == {
        "What is f?", "What does f send to x", "What does f send to w", "What does f send to b?"
    }  # fmt: skip


def test_a_neuron_without_its_bias_is_a_usual_mistake() -> None:
    debugger = ComputedDebugger(load(PATHS["lesson-neuron"]))
    debugger.move(1)
    told = Quiz().answer(debugger, "10.7").text
    assert told.startswith("not so: 10.7 lacks b. Each input meets its weight")
    assert "6 × 0.5 + 14 × 0.25 + 3 × 1.4 + 2 = 12.7" in told


def test_the_answer_of_a_negation_is_explained_by_its_formula() -> None:
    debugger = of(Neg(x(5.0), name="n"))
    asked(debugger, "n", "forward")
    assert Quiz().answer(debugger, "7").text == "not so: it is -5. -x = -5."
