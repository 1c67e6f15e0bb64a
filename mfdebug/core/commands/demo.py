"""Commands for demos: captions, questions, pauses and expectations."""

from __future__ import annotations

import re

from mfdebug.core.breakpoints.evidence import evidence, evidence_text
from mfdebug.core.expressions.parser import parse
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError

LONGEST_WAIT = 600.0


def run_say(session: Session, text: str) -> Reply:
    session.caption = text
    return Reply(text, {"say": text})


def run_pause(_console: Session, text: str) -> Reply:
    if text:
        raise DebuggerError(f"{text!r} is not understood", hint="usage: pause")
    return Reply("")


def seconds_of(text: str) -> float:
    """Parse `2`, `2s`, `0.5 s` or `300ms` as seconds; raise `DebuggerError` for anything else."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*(s|ms)?", text)
    seconds = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        hint = f"usage: wait 2s, at most {LONGEST_WAIT:g}s"
        raise DebuggerError(f"{text!r} is not a time to wait", hint=hint)
    return seconds


def run_wait(_console: Session, text: str) -> Reply:
    seconds = seconds_of(text)
    return Reply("", {"wait": seconds})


def run_ask(session: Session, text: str) -> Reply:
    from mfdebug.core.quiz.answers import right_words
    from mfdebug.core.quiz.scripted import scripted_question

    question = scripted_question(session.debugger, text)
    right = right_words(question)
    data = {"ask": question.ask, "choices": list(question.choices), "answer": right}
    return Reply(f"{question.ask} {right}", data, subject=question)


def run_expect(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("expect what?", hint="usage: expect EXPR, as in: expect cost < 1")
    present = PresentEnvironment(session.debugger)
    condition = parse(text, present.node_names())
    if condition.holds(present):
        return Reply("as expected", {"expect": text})
    found = evidence_text(evidence(condition, present))
    raise DebuggerError(f"{text} is not true here" + (f": {found}" if found else ""))
