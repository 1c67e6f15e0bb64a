"""`save` and `quit`."""

from __future__ import annotations

from mfdebug.core.commands.arguments import file_named
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError


def run_save(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("save where?", hint="usage: save FILE")
    debugger = session.debugger
    debugger.save(file_named(text))
    where = debugger.where
    note = ""
    if where.phase == "update" and where.part < where.parts:
        done = f"{where.part} of {where.parts} updates"
        note = f" (after {done}: a run from the file repeats this SGD step)"
    return Reply(f"saved {text}{note}", {"saved": text})


def run_quit(session: Session, _text: str) -> Reply:
    session.closed = True
    return Reply("")
