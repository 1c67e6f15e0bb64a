"""The quiz: asks the user to predict what the next moment computes, before it is shown.

Users who predict a result before they see it learn more than users who only watch.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from mfdebug.core.format.hints import GO_ON
from mfdebug.core.quiz.answers import Judged, judged, right_words
from mfdebug.core.quiz.choice import asked_again, chosen, questions_about
from mfdebug.core.quiz.question import Question
from mfdebug.core.quiz.score import Answered, Outcome, Score
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit
from mfdebug.core.timeline.entry_ref import EntryRef


class Verdict(Struct, frozen=True):
    """Whether an answer was right; the text says why, `ref` is the entry that was asked about."""

    right: bool
    text: str
    ref: EntryRef


class Quiz:
    """Asks about the next moment and keeps the score.

    `owed` are the concepts of wrong answers, to be asked again first. `last` is the last moment
    that is asked about, None without an end. `seed` varies which entries are asked about.
    """

    def __init__(self, seed: int = 0) -> None:
        self.score = Score()
        self.seed = seed
        self.owed: tuple[str, ...] = ()
        # The concepts that are asked again, by the moment at which that was said.
        self.promised: dict[int, str] = {}
        self.last: int | None = None
        self.hinted = False
        self._known: tuple[Debugger, int, tuple[Edit, ...], int] | None = None
        self._question: Question | None = None

    def ask(self, debugger: Debugger) -> Question | None:
        """Return the question about the next moment, or None; always the same for a moment.

        The debugger visits that moment and returns.
        """
        builds = debugger.timeline.builds
        known, moment = self._known, debugger.moment
        same = known is not None and known[0] is debugger and known[1:2] == (moment,)
        if same and known is not None and known[2] is debugger.edits and known[3] == builds:
            return self._question
        coming = debugger.cursor.coming()
        over = coming is not None and self.last is not None and coming.number > self.last
        found = [] if coming is None or over else questions_about(debugger, coming, self.seed)
        promised = "" if coming is None else self.promised.get(coming.number, "")
        self._question = chosen(found, self.score, self.owed, promised)
        self._known = debugger, moment, debugger.edits, builds
        self.hinted = False
        return self._question

    def asked(self, debugger: Debugger) -> Question:
        """Return the question about the next moment; raise `DebuggerError` if there is none."""
        question = self.ask(debugger)
        if question is None:
            raise DebuggerError("nothing is asked about the next moment", hint=GO_ON)
        return question

    def check(self, debugger: Debugger, text: str) -> None:
        """Raise `DebuggerError` if nothing is asked or a text is not an answer."""
        judged(self.asked(debugger), text)

    def hint(self, debugger: Debugger) -> str:
        """Return the hint of the question, and note that it was given."""
        question = self.asked(debugger)
        self.hinted = True
        return question.hint.rstrip(".") + "."

    def answer(
        self, debugger: Debugger, text: str, advance: Callable[[], object] | None = None
    ) -> Verdict:
        """Judge an answer, then execute the moment, with `advance` or a plain step.

        Raises `DebuggerError`, without a step, if nothing is asked or the text is not an answer.
        """
        question = self.asked(debugger)
        found = judged(question, text)
        again = None
        if not found.right:
            taken = self.promised
            again = asked_again(debugger, question, self.last, self.seed, taken)
        self._note(question, "right" if found.right else "wrong", found)
        (advance or debugger.cursor.step)()
        ref = EntryRef(question.node, "value", question.index)
        if found.right:
            return Verdict(True, f"right: {question.working}", ref)
        wrong = f"it is {right_words(question)}"
        if found.mistake is not None:
            wrong = found.mistake.words
        explained = ": ".join(filter(None, (question.rule, question.working)))
        told = f"not so: {wrong}. {explained}."
        if again is not None:
            moment, place = again
            self.promised = {**self.promised, moment: question.concept}
            told += f" {_again_words(question)} comes again at {place}."
        return Verdict(False, told, ref)

    def skip(self, debugger: Debugger, advance: Callable[[], object] | None = None) -> Verdict:
        """Skip the question: execute the moment, and return the answer.

        Raises `DebuggerError` if nothing is asked.
        """
        question = self.asked(debugger)
        self._note(question, "skipped", None)
        (advance or debugger.cursor.step)()
        ref = EntryRef(question.node, "value", question.index)
        return Verdict(False, f"skipped: {question.working}", ref)

    def _note(self, question: Question, outcome: Outcome, found: Judged | None) -> None:
        confusion = None if found is None else found.confusion
        answer = Answered(question.kind, outcome, self.hinted, confusion, question.concept)
        self.score = self.score.add(answer)
        others = tuple(concept for concept in self.owed if concept != question.concept)
        self.owed = (*others, question.concept) if outcome == "wrong" else others


def _again_words(question: Question) -> str:
    gate = question.kind in ("number", "sign") and question.concept.startswith("what ")
    return "This gate" if gate else "Such a question"
