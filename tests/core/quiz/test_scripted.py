"""A question that a demo asks: its words, its answer, and what is not one."""

from __future__ import annotations

import pytest

from mfdebug.core.quiz.scripted import scripted_question, verdict
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError


def at(moment: int) -> ComputedDebugger:
    debugger = ComputedDebugger(load_graph("wx"))
    debugger.cursor.step(moment)
    return debugger


def test_a_number_is_computed_from_what_is_known() -> None:
    question = scripted_question(at(7), "Where will w land? w - lr * w.grad")
    assert question.ask == "Where will w land?"
    assert question.answer == "4.4"
    assert verdict(question, "4.4") == verdict(question, "4.39") == "right: 4.4"
    assert verdict(question, "5.6") == "not so; the answer is 4.4"


def test_one_choice_is_right() -> None:
    question = scripted_question(at(0), "Which? Really? the first | *both | x * 2")
    assert question.ask == "Which? Really?"
    assert question.choices == ("the first", "both", "x * 2")
    assert verdict(question, "b") == "right: both"
    assert verdict(question, "c") == "not so; the answer is both"


@pytest.mark.parametrize("text", ["d", "", "7"])
def test_what_is_no_choice_is_not_judged(text: str) -> None:
    with pytest.raises(MiniflowError):
        verdict(scripted_question(at(0), "Which? *a | b | c"), text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("w", "a question and its answer"),
        ("What?", "a question and its answer"),
        ("? w", "a question and its answer"),
        ("What? a | b", "must be right"),
        ("What? *a | *b", "must be right"),
        ("What? *a | a", "must be right"),
        ("What? *a | ", "must be right"),
        ("What? *a | b | c | d | e | f | g", "at most 6 choices"),
        ("What? w > 2", "not one finite number"),
        ("What? w / 0", "not one finite number"),
        ("What? w.grad", "w has no gradient yet"),
        ("What? nothing", "nothing"),
    ],
)
def test_what_is_no_question_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(MiniflowError, match=problem):
        scripted_question(at(1), text)
