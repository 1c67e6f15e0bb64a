"""Commands of the quiz: to say what the next moment brings before it is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mfdebug.core.breakpoints.breakpoints import Hit
from mfdebug.core.commands.command import Command, Reply
from mfdebug.core.commands.move import moved
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.timeline.debugger import DebuggerError

if TYPE_CHECKING:
    from mfdebug.core.commands.interpreter import Console


def _quiz(console: Console, text: str) -> Reply:
    score = re.fullmatch(r"on (\d{1,9}) of (\d{1,9})", text)
    if text not in ("", "on", "off") and not score:
        raise DebuggerError(f"{text!r} is neither on nor off", hint="usage: quiz [on|off]")
    if text == "off":
        quiz, console.quiz = console.quiz, None
        told = f"; {quiz.score}" if quiz is not None else ""
        return Reply(f"no more questions{told}", {"quiz": "off"})
    console.quiz = console.quiz or Quiz()
    if score:
        # As a session writes it.
        console.quiz.right, console.quiz.asked = int(score[1]), int(score[2])
    return Reply(asked(console) or "the quiz is on: it asks before each step")


def asked(console: Console) -> str:
    """Return the question about the next moment, or nothing."""
    question = None if console.quiz is None else console.quiz.ask(console.debugger)
    return question.text if question is not None else ""


def _answer(console: Console, text: str) -> Reply:
    if console.quiz is None:
        raise DebuggerError("nothing was asked", hint="quiz asks")
    hits: list[Hit] = []
    verdict = console.quiz.answer(
        console.debugger, text, lambda: hits.extend(console.stops.run(console.debugger.moment + 1))
    )
    after = moved(console, tuple(hits))
    told = f"{verdict.text}  {console.quiz.score}"
    data = {**after.data, "right": verdict.right, "told": verdict.text}
    return Reply(f"{told}\n{after.text}", data, spot=verdict.spot)


PREDICTING = [
    Command(
        "quiz",
        "quiz [on|off]",
        "be asked about each moment before it is shown",
        _quiz,
        details="answer TEXT answers; step goes on without an answer. The score is kept.",
        shows="line",
    ),
    Command(
        "answer",
        "answer TEXT",
        "answer the quiz, and see the working",
        _answer,
        details="A number (1 % off counts as right), + or -, up or down, or a node's name.",
        shows="line",
    ),
]
