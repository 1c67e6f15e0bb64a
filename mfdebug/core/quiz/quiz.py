"""Predict: one number of the next moment is asked for before it is shown.

People who say what comes before they see it learn more than people who only look.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct

from mfdebug.core.explain.report import NodeReport, Outgoing, report
from mfdebug.core.format.hints import GO_ON
from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.questions import Question, question_about, sent_to
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, index_text
from mfdebug.core.timeline.entry_ref import EntryRef

# An answer this near counts: nobody has to multiply to six digits.
NEAR = 0.01
# What is left over when a sum cancels, against its largest term: 0 is an answer to it too.
RESIDUE = 1e-12

SIGNS = {
    "+": "+", "positive": "+", "plus": "+", "-": "-", "−": "-", "negative": "-", "minus": "-",
    "0": "0", "zero": "0",
}  # fmt: skip
WAYS = {"up": "+", "+": "+", "down": "-", "-": "-", "−": "-", "same": "0", "0": "0"}
SIGN_WORDS = {"+": "positive", "-": "negative", "0": "0"}
WAY_WORDS = {"+": "goes up", "-": "goes down", "0": "stays the same"}


class Verdict(Struct, frozen=True):
    """Whether an answer was right; the text says what is right, with the working of `ref`."""

    right: bool
    text: str
    ref: EntryRef


class Quiz:
    """Asks about the next moment, and keeps the score: `right` of `asked`, `streak` in a row."""

    def __init__(self) -> None:
        self.asked = 0
        self.right = 0
        self.streak = 0
        self._known: tuple[Debugger, int, tuple[Edit, ...]] | None = None
        self._question: Question | None = None

    @property
    def score(self) -> str:
        """The score in words."""
        row = f", {self.streak} in a row" if self.streak > 1 else ""
        return f"{self.right} of {self.asked} right{row}"

    def ask(self, debugger: Debugger) -> Question | None:
        """Return the question about the next moment, always the same one; None if there is none.

        Nothing is seen to move: the moment is looked at and left again.
        """
        known, moment = self._known, debugger.moment
        if known and (known[0] is debugger and known[1] == moment and known[2] is debugger.edits):
            return self._question
        self._question = question_about(debugger)
        self._known = debugger, moment, debugger.edits
        return self._question

    def answer(
        self, debugger: Debugger, text: str, go_on: Callable[[], object] | None = None
    ) -> Verdict:
        """Judge an answer, then let the moment happen: by `go_on`, or by a plain step.

        Raises `DebuggerError` when nothing is asked or the text is no answer: nothing happens.
        """
        question = self.ask(debugger)
        if question is None:
            raise DebuggerError("nothing is asked about the next moment", hint=GO_ON)
        right = _is_right(question, text.strip())
        (go_on or debugger.step)()
        self.asked += 1
        self.right += right
        self.streak = self.streak + 1 if right else 0
        node = debugger.where.node
        assert node is not None
        working = _working(report(debugger, node, question.index), question)
        told = f"{'right' if right else _correction(question)}: {working}"
        return Verdict(right, told, EntryRef(node, "value", question.index))


def _is_right(question: Question, text: str) -> bool:
    if question.kind == "value":
        given = _number(text)
        if given is None:
            raise _no_answer(question, text)
        if scalar(given) == question.answer:
            return True
        near = NEAR * abs(question.number)
        return abs(given - question.number) <= near or (
            given == 0 and abs(question.number) <= RESIDUE * question.scale
        )
    if question.kind == "input":
        if text not in question.choices:
            raise _no_answer(question, text)
        return text == question.answer
    sign = (WAYS if question.about == "update" else SIGNS).get(text.casefold())
    if sign is None:
        raise _no_answer(question, text)
    return sign == question.answer


def _number(text: str) -> float | None:
    """Return the number that a person typed, or None: 0.5, -2e-3, 1/3."""
    above, slash, below = text.replace("−", "-").partition("/")
    try:
        number = float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _no_answer(question: Question, text: str) -> DebuggerError:
    given = f"{text[:40]!r} is no answer" if text else "an answer is wanted"
    return DebuggerError(f"{given}: {question.text}", hint=question.form)


def _correction(question: Question) -> str:
    if question.about == "update":
        return f"not so, it {WAY_WORDS[question.answer]}"
    answer = question.answer
    return f"not so, it is {SIGN_WORDS[answer] if question.kind == 'sign' else answer}"


def _working(told: NodeReport, question: Question) -> str:
    """Return the working of what was asked, with its numbers."""
    entry = index_text(told.index)
    name = f"{told.name}{entry}"
    if question.about == "update" and told.update:
        made = told.update[-1]
        working = f" = {made.working}" if made.working else ""
        return f"{name}{working} = {scalar(made.number)}"
    if question.about == "sum":
        terms = [scalar(one.number) for one in told.incoming if one.number is not None]
        sums = f" = {' + '.join(_bracketed(one) for one in terms)}" if len(terms) > 1 else ""
        words = "" if len(told.incoming) > 1 else f" = {told.incoming[0].words}"
        return f"{told.symbol}{entry}{sums or words} = {scalar(question.number)}"
    if question.about == "sent":
        sent = sent_to(told, question.source)
        total = f"; {scalar(question.number)} in all" if len(sent) > 1 else ""
        return "; ".join(map(_sent_words, sent)) + total
    if question.about == "winner":
        return f"{'; '.join(map(_sent_words, told.outgoing))} ({told.role})"
    return f"{name} = {told.working or told.formula or 'its value'} = {scalar(question.number)}"


def _sent_words(out: Outgoing) -> str:
    working = f" = {out.working}" if out.working not in ("", scalar(out.number)) else ""
    return f"to {out.source}{out.entry}{out.input}: {out.words}{working} = {scalar(out.number)}"


def _bracketed(number: str) -> str:
    return number if number[0].isdigit() else f"({number})"
