"""Commands of the quiz: questions about the next moment before it is shown."""

from __future__ import annotations

import re

from mfdebug.core.breakpoints.stop import Hit
from mfdebug.core.commands.command import Argument, Command
from mfdebug.core.commands.move import moved
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError


def _quiz(session: Session, text: str) -> Reply:
    score = re.fullmatch(r"on (\d{1,9}) of (\d{1,9})", text)
    if text not in ("", "on", "off") and not score:
        raise DebuggerError(f"{text!r} is neither on nor off", hint="usage: quiz [on|off]")
    if text == "off":
        quiz, session.quiz = session.quiz, None
        score_text = f"; {quiz.score}" if quiz is not None else ""
        return Reply(f"no more questions{score_text}", {"quiz": "off"})
    session.quiz = session.quiz or Quiz()
    if score:
        # A saved session writes the score.
        session.quiz.right, session.quiz.asked = int(score[1]), int(score[2])
    return Reply(asked(session) or "the quiz is on: it asks before each step")


def asked(session: Session) -> str:
    """Return the question about the next moment, or an empty text."""
    question = None if session.quiz is None else session.quiz.ask(session.debugger)
    return question.text if question is not None else ""


def _answer(session: Session, text: str) -> Reply:
    if session.quiz is None:
        raise DebuggerError("there is no question to answer", hint="quiz asks one")
    hits: list[Hit] = []
    verdict = session.quiz.answer(
        session.debugger, text, lambda: hits.extend(session.stops.run(session.debugger.moment + 1))
    )
    after = moved(session, tuple(hits))
    judged = f"{verdict.text}  {session.quiz.score}"
    data = {**after.data, "right": verdict.right, "told": verdict.text}
    return Reply(f"{judged}\n{after.text}", data, ref=verdict.ref)


PREDICTING = [
    Command(
        "quiz",
        "quiz [on|off]",
        "ask about each moment before it is shown",
        _quiz,
        details="`answer TEXT` answers; `step` skips the question. The score is kept.",
        shows="line",
        argument=Argument.TEXT,
        choices=("on", "off"),
    ),
    Command(
        "answer",
        "answer TEXT",
        "answer the question and show the working",
        _answer,
        details="A number (1 % off counts as right), + or -, up or down, or a node's name.",
        shows="line",
        argument=Argument.TEXT,
        required=True,
    ),
]
