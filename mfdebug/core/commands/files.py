"""`save` and `quit`."""

from __future__ import annotations

from mfdebug.core.commands.arguments import file_named
from mfdebug.core.commands.command import Argument, Command, Key
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError


def _save(session: Session, text: str) -> Reply:
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


def _quit(session: Session, _text: str) -> Reply:
    session.closed = True
    return Reply("")


CLOSING = [
    Command(
        "save",
        "save FILE",
        "save the graph with its current parameters",
        _save,
        shows="line",
        argument=Argument.FILE,
        required=True,
    ),
    Command("quit", "quit", "quit", _quit, (Key("q", "quit"),), instant=True),
]
