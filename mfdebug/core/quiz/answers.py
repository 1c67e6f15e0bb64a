"""Judges an answer: a number, a sign, or a choice by its letter or its words."""

from __future__ import annotations

import math

from msgspec import Struct

from mfdebug.core.quiz.question import LETTERS, Confusion, Mistake, Question
from mfdebug.core.quiz.usual_mistakes import close
from mfdebug.core.timeline.debugger import DebuggerError

# Rounding residue of a sum that cancels, relative to its largest term: 0 is right then too.
RESIDUE = 1e-12
SIGNS = {
    "+": "+", "positive": "+", "plus": "+", "-": "-", "−": "-", "negative": "-", "minus": "-",
    "0": "0", "zero": "0",
}  # fmt: skip
SIGN_WORDS = {"+": "positive", "-": "negative", "0": "0"}


class Judged(Struct, frozen=True):
    """Whether an answer is right, and which mistake gives it, if one does."""

    right: bool
    mistake: Mistake | None = None

    @property
    def confusion(self) -> Confusion | None:
        """What was confused."""
        return None if self.mistake is None else self.mistake.confusion


def judged(question: Question, text: str) -> Judged:
    """Judge an answer; raise `DebuggerError` for a text that is not one."""
    text = text.strip()
    if question.number is not None:
        given = parse_number(text)
        if given is None:
            raise invalid(question, text)
        return _judged_number(question, question.number, given)
    answer = _choice(question, text) if question.choices else SIGNS.get(text.casefold())
    if answer is None:
        raise invalid(question, text)
    if answer == question.answer:
        return Judged(right=True)
    found = (mistake for mistake in question.mistakes if mistake.answer == answer)
    return Judged(right=False, mistake=next(found, None))


def _judged_number(question: Question, number: float, given: float) -> Judged:
    rounded = given == 0 and abs(number) <= RESIDUE * question.scale
    if close(given, number) or rounded:
        return Judged(right=True)
    numbers = ((mistake, mistake.answer) for mistake in question.mistakes)
    found = (m for m, answer in numbers if isinstance(answer, float) and close(given, answer))
    return Judged(right=False, mistake=next(found, None))


def _choice(question: Question, text: str) -> str | None:
    """Return the choice that a letter or its own words select; None if none is meant."""
    letter = LETTERS.find(text.casefold()) if len(text) == 1 else -1
    if 0 <= letter < len(question.choices):
        return question.choices[letter]
    return text if text in question.choices else None


def parse_number(text: str) -> float | None:
    """Parse a number as 0.5, -2e-3 or 1/3; return None if it is not one."""
    numerator, slash, denominator = text.replace("−", "-").partition("/")
    try:
        number = float(numerator) / float(denominator) if slash else float(numerator)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def invalid(question: Question, text: str) -> DebuggerError:
    """Return the error for a text that is not an answer."""
    given = f"{text[:40]!r} is not a valid answer" if text else "an answer is expected"
    return DebuggerError(given, hint=question.form)


def right_words(question: Question) -> str:
    """Return the right answer in words."""
    if question.kind == "sign":
        return SIGN_WORDS[question.answer]
    return question.answer
