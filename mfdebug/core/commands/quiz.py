"""Commands of the quiz: questions about the next moment before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.core.breakpoints.stop import Hit
from mfdebug.core.commands.movement import moved
from mfdebug.core.format.table import text_lines
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError

if TYPE_CHECKING:
    from mfdebug.core.quiz.question import Question
    from mfdebug.core.quiz.quiz import Quiz, Verdict

ON = "the quiz is on: it asks before each step"


def run_quiz(session: Session, text: str) -> Reply:
    from mfdebug.core.quiz.quiz import Quiz
    from mfdebug.core.quiz.score import read_score

    word, _, rest = text.partition(" ")
    score = read_score(rest) if word == "on" else None
    if word not in ("", "on", "off", "score") or (rest and score is None):
        raise DebuggerError(
            f"{text[:40]!r} is neither on, off nor score", hint="usage: quiz [on|off|score]"
        )
    if word in ("off", "score"):
        quiz = session.quiz
        if word == "off":
            session.quiz = None
        elif quiz is None:
            raise DebuggerError("the quiz is off", hint="quiz asks before each step")
        return _summary(quiz, "no more questions" if word == "off" else "so far")
    session.quiz = session.quiz or Quiz()
    if rest and score is not None:
        # A saved session writes the score.
        session.quiz.score = score
    question = session.question
    return Reply(asked(session) or ON, {"quiz": "on", "question": _data(question)})


def _summary(quiz: Quiz | None, words: str) -> Reply:
    """Return the score, and if anything was asked a row for each kind of question."""
    if quiz is None or not (quiz.score.answers or quiz.score.asked):
        return Reply(words if quiz is None else f"{words}; nothing was asked", {"quiz": words})
    first = f"{words}; {quiz.score.text}"
    parts = (first, *quiz.score.summary)
    data = {"quiz": words, "score": quiz.score.data}
    return Reply("\n".join(text_lines(parts)), data, parts=parts)


def asked(session: Session) -> str:
    """Return the question about the next moment as one line, or an empty text."""
    question = session.question
    return question.text if question is not None else ""


def _data(question: Question | None) -> dict[str, object] | None:
    """Return a question for programs."""
    if question is None:
        return None
    return {
        "kind": question.kind, "given": list(question.given), "ask": question.ask,
        "choices": list(question.choices), "form": question.form,
    }  # fmt: skip


def _on(session: Session) -> Quiz:
    if session.quiz is None:
        raise DebuggerError("there is no question to answer", hint="quiz asks one")
    return session.quiz


def run_answer(session: Session, text: str) -> Reply:
    quiz, hits = _on(session), list[Hit]()
    verdict = quiz.answer(session.debugger, text, lambda: hits.extend(_advance(session)))
    return _judged(session, quiz, verdict, hits)


def run_skip(session: Session, _text: str) -> Reply:
    quiz, hits = _on(session), list[Hit]()
    verdict = quiz.skip(session.debugger, lambda: hits.extend(_advance(session)))
    return _judged(session, quiz, verdict, hits)


def _advance(session: Session) -> tuple[Hit, ...]:
    return tuple(session.stops.run(session.debugger.moment + 1))


def _judged(session: Session, quiz: Quiz, verdict: Verdict, hits: list[Hit]) -> Reply:
    after = moved(session, tuple(hits))
    judged = f"{verdict.text}  {quiz.score.text}"
    data = {**after.data, "right": verdict.right, "told": verdict.text}
    return Reply(f"{judged}\n{after.text}", data, ref=verdict.ref)


def run_hint(session: Session, _text: str) -> Reply:
    words = _on(session).hint(session.debugger)
    return Reply(f"hint: {words}", {"hint": words})
