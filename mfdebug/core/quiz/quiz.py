"""The quiz: asks the user to predict a number of the next moment before it is shown.

Users who predict a result before they see it learn more than users who only watch.
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

# Relative error accepted as right: users need not multiply to six digits.
NEAR = 0.01
# Rounding residue of a sum that cancels, relative to its largest term: 0 is right then too.
RESIDUE = 1e-12

SIGNS = {
    "+": "+", "positive": "+", "plus": "+", "-": "-", "−": "-", "negative": "-", "minus": "-",
    "0": "0", "zero": "0",
}  # fmt: skip
DIRECTIONS = {"up": "+", "+": "+", "down": "-", "-": "-", "−": "-", "same": "0", "0": "0"}
SIGN_WORDS = {"+": "positive", "-": "negative", "0": "0"}
DIRECTION_WORDS = {"+": "goes up", "-": "goes down", "0": "stays the same"}


class Verdict(Struct, frozen=True):
    """Whether an answer was right; the text has the right answer and the working of `ref`."""

    right: bool
    text: str
    ref: EntryRef


class Quiz:
    """Asks about the next moment and keeps the score: `right` of `asked`, `streak` in a row."""

    def __init__(self) -> None:
        self.asked = 0
        self.right = 0
        self.streak = 0
        self._known: tuple[Debugger, int, tuple[Edit, ...]] | None = None
        self._question: Question | None = None

    @property
    def score(self) -> str:
        """The score as text."""
        row = f", {self.streak} in a row" if self.streak > 1 else ""
        return f"{self.right} of {self.asked} right{row}"

    def ask(self, debugger: Debugger) -> Question | None:
        """Return the question about the next moment, or None; always the same for a moment.

        The debugger visits that moment and returns.
        """
        known, moment = self._known, debugger.moment
        if known and (known[0] is debugger and known[1] == moment and known[2] is debugger.edits):
            return self._question
        self._question = question_about(debugger)
        self._known = debugger, moment, debugger.edits
        return self._question

    def is_right(self, debugger: Debugger, text: str) -> bool:
        """Whether an answer is right, without counting it.

        Raises `DebuggerError` if nothing is asked or the text is not an answer.
        """
        question = self.ask(debugger)
        if question is None:
            raise DebuggerError("nothing is asked about the next moment", hint=GO_ON)
        return _is_right(question, text.strip())

    def answer(
        self, debugger: Debugger, text: str, advance: Callable[[], object] | None = None
    ) -> Verdict:
        """Check an answer, then execute the moment, with `advance` or a plain step.

        Raises `DebuggerError`, without a step, if nothing is asked or the text is not an answer.
        """
        right = self.is_right(debugger, text)
        question = self.ask(debugger)
        assert question is not None
        (advance or debugger.step)()
        self.asked += 1
        self.right += right
        self.streak = self.streak + 1 if right else 0
        node = debugger.where.node
        assert node is not None
        working = _working(report(debugger, node, question.index), question)
        words = f"{'right' if right else _correction(question)}: {working}"
        return Verdict(right, words, EntryRef(node, "value", question.index))


def _is_right(question: Question, text: str) -> bool:
    if question.kind == "value":
        given = _number(text)
        if given is None:
            raise _invalid_answer(question, text)
        if scalar(given) == question.answer:
            return True
        near = NEAR * abs(question.number)
        return abs(given - question.number) <= near or (
            given == 0 and abs(question.number) <= RESIDUE * question.scale
        )
    if question.kind == "input":
        if text not in question.choices:
            raise _invalid_answer(question, text)
        return text == question.answer
    sign = (DIRECTIONS if question.about == "update" else SIGNS).get(text.casefold())
    if sign is None:
        raise _invalid_answer(question, text)
    return sign == question.answer


def _number(text: str) -> float | None:
    """Parse a number as 0.5, -2e-3 or 1/3; return None if it is not one."""
    numerator, slash, denominator = text.replace("−", "-").partition("/")
    try:
        number = float(numerator) / float(denominator) if slash else float(numerator)
    except (ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _invalid_answer(question: Question, text: str) -> DebuggerError:
    given = f"{text[:40]!r} is not a valid answer" if text else "an answer is expected"
    return DebuggerError(f"{given}: {question.text}", hint=question.form)


def _correction(question: Question) -> str:
    if question.about == "update":
        return f"wrong, it {DIRECTION_WORDS[question.answer]}"
    answer = question.answer
    return f"wrong, it is {SIGN_WORDS[answer] if question.kind == 'sign' else answer}"


def _working(node_report: NodeReport, question: Question) -> str:
    """Return the formula of the number asked for, with numbers substituted."""
    entry = index_text(node_report.index)
    name = f"{node_report.name}{entry}"
    if question.about == "update" and node_report.update:
        made = node_report.update[-1]
        working = f" = {made.working}" if made.working else ""
        return f"{name}{working} = {scalar(made.number)}"
    if question.about == "sum":
        terms = [scalar(c.number) for c in node_report.incoming if c.number is not None]
        sums = f" = {' + '.join(map(_bracketed, terms))}" if len(terms) > 1 else ""
        words = "" if len(node_report.incoming) > 1 else f" = {node_report.incoming[0].words}"
        return f"{node_report.symbol}{entry}{sums or words} = {scalar(question.number)}"
    if question.about == "sent":
        sent = sent_to(node_report, question.source)
        total = f"; {scalar(question.number)} in all" if len(sent) > 1 else ""
        return "; ".join(map(_sent_words, sent)) + total
    if question.about == "winner":
        return f"{'; '.join(map(_sent_words, node_report.outgoing))} ({node_report.role})"
    working = node_report.working or node_report.formula or "its value"
    return f"{name} = {working} = {scalar(question.number)}"


def _sent_words(out: Outgoing) -> str:
    working = f" = {out.working}" if out.working not in ("", scalar(out.number)) else ""
    return f"to {out.source}{out.entry}{out.input}: {out.words}{working} = {scalar(out.number)}"


def _bracketed(number: str) -> str:
    return number if number[0].isdigit() else f"({number})"
