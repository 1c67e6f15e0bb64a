"""What is said of an answer: the usual mistakes are named with their numbers, and asked again."""

from __future__ import annotations

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.quiz.choice import questions_about
from mfdebug.core.quiz.question import Question
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, Add, Mul


def at(graph: str, moment: int) -> tuple[ComputedDebugger, Quiz]:
    debugger = ComputedDebugger(load_graph(graph))
    debugger.move(moment - 1)
    return debugger, Quiz()


def told(graph: str, moment: int, answer: str) -> str:
    debugger, quiz = at(graph, moment)
    return quiz.answer(debugger, answer).text


SAID = [
    # own value, and where the gate comes again
    (
        ("circuit-b", 6, "2"),
        "not so: 2 is two's own value. A multiply gate swaps: 1 × (-10) = -10. "
        "This gate comes again at xy.",
    ),
    (
        ("circuit-b", 9, "-8"),
        "not so: -8 is 2 × y's own value. A multiply gate swaps: 2 × 3 = 6.",
    ),
    # the upstream gradient forgotten
    (
        ("circuit-b", 9, "3"),
        "not so: 3 leaves out the 2 that arrives at xy. A multiply gate swaps: 2 × 3 = 6.",
    ),
    (
        ("wx", 6, "60"),
        "not so: 60 is what arrives at y; only an add gate passes it on unchanged. "
        "A multiply gate swaps: 60 × 10 = 600. This gate comes again at y in SGD step 1.",
    ),
    # a sign
    (
        ("circuit-a", 4, "4"),
        "not so: 4 has the wrong sign. A multiply gate swaps: 1 × (-4) = -4.",
    ),
    # one consumer of several
    (
        ("diamond", 8, "-50"),
        "not so: -50 is left's part alone. Contributions add up: (-25) + (-50) = -75.",
    ),
    (
        ("square", 3, "3"),
        "not so: 3 is one part; x is both inputs, and the parts add up. "
        "A multiply gate swaps: 1 × 3 + 1 × 3 = 6.",
    ),
    # sum and mean
    (
        ("linear-regression", 5, "-2.8"),
        "not so: -2.8 is the mean of the rows, not their sum. One bias is added to every row, so "
        "its gradient is the sum of the rows: (-1.2) + (-2) + (-2.8) + (-3.6) + (-4.4) = -14. "
        "Such a question comes again at line in SGD step 1.",
    ),
    (
        ("xor", 7, "1"),
        "not so: 1 is not divided by the 4 entries of the mean. A mean square error sends 2/m "
        "times the error: 1 × (-2 × (0 - 0.5)/4) = 0.25.",
    ),
    # the derivative of a power
    (
        ("diamond", 7, "-25"),
        "not so: -25 lacks the exponent. A power scales the gradient by 2·x towards x: "
        "(-5) × (2 × 5) = -50.",
    ),
    # an update: the rate forgotten, the gradient added
    (
        ("wx", 9, "-595"),
        "not so: -595 leaves out lr = 0.001. Descent goes against the gradient, by lr × gradient: "
        "5 - 0.001 × 600 = 4.4. Such a question comes again at w in SGD step 1.",
    ),
    (
        ("wx", 9, "5.6"),
        "not so: 5.6 adds the step. Descent goes against the gradient, by lr × gradient: "
        "5 - 0.001 × 600 = 4.4. Such a question comes again at w in SGD step 1.",
    ),
    # no usual mistake
    (
        ("circuit-a", 4, "77"),
        "not so: it is -4. A multiply gate swaps: 1 × (-4) = -4.",
    ),
    (("circuit-a", 4, "-4"), "right: 1 × (-4) = -4"),
]


@pytest.mark.parametrize(("asked", "said"), SAID, ids=lambda value: str(value)[:40])
def test_a_mistake_is_named_with_its_numbers(asked: tuple[str, int, str], said: str) -> None:
    assert told(*asked) == said


def questions(graph: str, moment: int, kind: str) -> list[Question]:
    debugger, _ = at(graph, moment)
    found = questions_about(debugger, debugger.timeline.name(moment))
    return [question for question in found if question.kind == kind]


def test_a_shape_has_the_transposed_one_among_its_choices() -> None:
    question = questions("xor", 9, "shape")[0]
    assert question.given == ("l2 = s1·W2 + b2", "W2 is 2x1.", "∂cost/∂l2 is 4x1.")
    assert question.ask == "What is the shape of ∂cost/∂s1?"
    assert question.answer == "4x2"
    assert {*question.choices} == {"4x2", "2x4", "4x1", "2x1", "1x2"}
    words = {mistake.answer: mistake.words for mistake in question.mistakes}
    assert words["2x4"] == "2x4 is transposed"
    assert words["2x1"] == "that is the shape of W2"


def test_the_shape_of_a_bias_is_summed_over_the_rows() -> None:
    (question,) = [q for q in questions("xor", 13, "shape") if "b1" in q.ask]
    assert question.answer == "2 in a row"
    assert question.working == "4x2 summed over 4 rows: 2 in a row"


def test_who_must_report_first_is_asked_before_a_shared_node() -> None:
    (question,) = [q for q in questions("diamond", 7, "order") if "report" in q.ask]
    assert question.given == ("x goes into left and right.", "right sent back.")
    assert question.ask == "Who must still report before x's turn?"
    assert question.answer == "left"
    assert {*question.choices} == {"left", "right", "nothing: x is next"}


def test_what_can_be_computed_now_has_one_answer() -> None:
    (question,) = questions("circuit-b", 3, "order")
    assert {*question.given} == {
        "f takes two and total.", "total takes xy and larger.", "larger takes z and w.",
    }  # fmt: skip
    assert question.answer == "larger"
    words = {mistake.answer: mistake.words for mistake in question.mistakes}
    assert words["f"] == "f needs total, which is not computed yet"


def test_a_class_that_is_right_gets_one_less() -> None:
    debugger, quiz = at("softmax", 4)
    question = quiz.ask(debugger)
    assert question is not None
    assert question.given[1] == (
        "The probabilities in row 0 are 0.0154, 0.631, 0.353; the right class is 2."
    )
    assert quiz.answer(debugger, "0.353").text.startswith(
        "not so: 0.353 is the probability: it lacks the -1 of the right class. "
    )


# Again ---------------------------------------------------------------------------------------


def session_on(graph: str, *lines: str) -> Session:
    session = open_session(ComputedDebugger(load_graph(graph)))
    for line in lines:
        session.run(line)
    return session


def test_what_was_wrong_comes_again_where_it_is_said_to() -> None:
    """Until then it is owed: it is asked there although another kind would be due."""
    debugger, quiz = at("circuit-b", 6)
    first = quiz.ask(debugger)
    assert first is not None
    assert "comes again at xy." in quiz.answer(debugger, "2").text
    assert quiz.owed == (first.concept,)
    while (question := quiz.ask(debugger)) is None or question.concept != first.concept:
        debugger.cursor.step()
    assert debugger.cursor.coming().node == debugger.graph.index_of("xy")  # type: ignore[union-attr]
    quiz.answer(debugger, question.answer)
    assert quiz.owed == ()


@pytest.mark.parametrize("graph", ["wx", "circuit-b", "diamond", "xor", "sigmoid-neuron"])
def test_every_promise_to_ask_again_is_kept(graph: str) -> None:
    debugger, quiz = at(graph, 1)
    end = debugger.timeline.clamp(2 * debugger.timeline.length)
    promised: dict[str, str] = {}
    while debugger.moment < end:
        question = quiz.ask(debugger)
        if question is None:
            debugger.cursor.step()
            continue
        node = debugger.graph.nodes[question.node].label
        step = debugger.timeline.sgd_step(question.moment)
        # In the pass in which it was said, the step is not named.
        if promised.get(question.concept) in (node, f"{node} in SGD step {step}"):
            promised.pop(question.concept, None)
        again = {mistake.words for mistake in question.mistakes}
        if question.mistakes and question.concept not in promised:
            wrong = question.mistakes[0].answer
            text = quiz.answer(debugger, wrong if isinstance(wrong, str) else f"{wrong:.9g}").text
            assert any(words in text for words in again)
            if " comes again at " in text:
                promised[question.concept] = text.rpartition(" at ")[2].rstrip(".")
        else:
            quiz.answer(debugger, question.answer)
    assert [place for place in promised.values() if not place.endswith("SGD step 2")] == []


def test_nothing_is_promised_beyond_what_is_asked_about() -> None:
    debugger, quiz = at("wx", 6)
    quiz.last = 9
    assert quiz.answer(debugger, "60").text.endswith("60 × 10 = 600.")


# Commands ------------------------------------------------------------------------------------


def test_a_hint_is_the_rule_without_numbers() -> None:
    session = session_on("circuit-b", "goto 5", "quiz")
    assert session.run("hint").text == (
        "hint: A multiply gate swaps: each input gets the gradient times the other input."
    )
    assert session.debugger.moment == 5
    session.run("answer -10")
    assert session.quiz is not None
    assert session.quiz.score.answers[-1].hinted


def test_who_skips_is_shown_the_answer_and_loses_no_point() -> None:
    session = session_on("circuit-b", "goto 5", "quiz")
    reply = session.run("skip")
    assert reply.text.startswith("skipped: 1 × (-10) = -10  no answer yet\n")
    assert session.debugger.moment == 6
    assert session.run("quiz score").text.splitlines() == [
        "so far; no answer yet",
        "         right  wrong  skipped  hints",
        "numbers      0      0        1      0",
    ]


def test_the_summary_names_the_usual_confusion_and_where_to_look() -> None:
    session = session_on(
        "circuit-b", "goto 5", "quiz", "answer 2", "goto 7", "answer 2", "hint", "answer 6"
    )
    reply = session.run("quiz off")
    assert reply.text.splitlines() == [
        "no more questions; 2 of 3 right, 2 in a row",
        "         right  wrong  skipped  hints",
        "numbers      2      1        0      1",
        "confused most (1 ×): an input's own value in place of the other factor: play "
        "`mfdebug demo gates`",
    ]
    assert reply.data["score"]["confused"] == "own value"
    assert session.quiz is None


def test_without_a_quiz_nothing_is_answered() -> None:
    session = session_on("wx", "step")
    for line in ("answer 50", "hint", "skip", "quiz score"):
        with pytest.raises(Exception, match=r"there is no question|the quiz is off"):
            session.run(line)


def test_numbers_of_any_size_are_diagnosed() -> None:
    """Mistakes that give the right number are no mistakes: 2 + 2 is 2 × 2."""
    two, other = Input("x", value=2.0), Input("y", value=2.0)
    for op in (Add(two, other, name="r"), Mul(two, other, name="r"), MSE(two, other, name="r")):
        debugger = ComputedDebugger(Graph.of(op))
        for number in range(1, debugger.timeline.length + 1):
            debugger.move(number - 1)
            for question in questions_about(debugger, debugger.timeline.name(number)):
                assert question.number is None or question.number not in [
                    mistake.answer for mistake in question.mistakes
                ]
