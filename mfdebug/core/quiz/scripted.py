"""A question that a demo asks: the script has the words and the answer.

    What will w be? w - lr * w.grad
    Which one counts? the first | the last | *both

The answer is an expression, whose number at the present moment is right, or one of several choices,
of which the right one has a *.
"""

from __future__ import annotations

import math

from mfdebug.core.expressions.parser import parse
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.answers import judged, right_words
from mfdebug.core.quiz.question import LETTERS, Question
from mfdebug.core.timeline.debugger import Debugger, DebuggerError

USAGE = "usage: ask QUESTION? EXPR, or ask QUESTION? A | *B, with * before what is right"
BETWEEN, RIGHT = "|", "*"


def scripted_question(debugger: Debugger, text: str) -> Question:
    """Return the question of a line of a script.

    Raises `DebuggerError` if it has no question mark, no number or not exactly one right choice.
    """
    words, mark, answer = text.rpartition("?")
    answer = answer.strip()
    if not (words.strip() and mark and answer):
        raise DebuggerError("a question and its answer are expected", hint=USAGE)
    ask = f"{words.strip()}?"
    if BETWEEN in answer:
        choices = [choice.strip() for choice in answer.split(BETWEEN)]
        right = [choice[1:].strip() for choice in choices if choice.startswith(RIGHT)]
        names = tuple(choice.removeprefix(RIGHT).strip() for choice in choices)
        if len(right) != 1 or len(set(names)) < len(names) or not all(names):
            raise DebuggerError("one of several different choices must be right", hint=USAGE)
        if len(names) > len(LETTERS):
            raise DebuggerError(f"at most {len(LETTERS)} choices are possible", hint=USAGE)
        return _question(debugger, ask, right[0], choices=names)
    present = PresentEnvironment(debugger)
    number = parse(answer, present.node_names()).evaluate(present)
    if not isinstance(number, float) or not math.isfinite(number):
        raise DebuggerError(f"{answer} is not one finite number", hint=USAGE)
    return _question(debugger, ask, scalar(number), number=number)


def _question(
    debugger: Debugger,
    ask: str,
    answer: str,
    *,
    number: float | None = None,
    choices: tuple[str, ...] = (),
) -> Question:
    return Question(
        debugger.moment,
        debugger.where.node or 0,
        (),
        "number" if number is not None else "order",
        "",
        (),
        ask,
        answer,
        "",
        "",
        "",
        number=number,
        choices=choices,
    )


def verdict(question: Question, text: str) -> str:
    """Say whether an answer is right, and if not, which one is.

    Raises `DebuggerError` for a text that is not an answer.
    """
    found = judged(question, text)
    return f"right: {right_words(question)}" if found.right else f"not so; {answer_words(question)}"


def answer_words(question: Question) -> str:
    """Return the right answer as a sentence."""
    return f"the answer is {right_words(question)}"
