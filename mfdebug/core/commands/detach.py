"""Commands that let a program run on unwatched, and watch it again."""

from __future__ import annotations

from mfdebug.core.commands.status import status
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import ProgramControl, Session
from mfdebug.core.timeline.debugger import DebuggerError


def _program(session: Session) -> ProgramControl:
    if session.program is None:
        raise DebuggerError(
            "no program is running here", hint="detach and attach are for: mfdebug prog.py"
        )
    return session.program


def run_detach(session: Session, _text: str) -> Reply:
    program = _program(session)
    if program.ending:
        raise DebuggerError(program.ending)
    if program.detached:
        raise DebuggerError("the program runs on unwatched already", hint="attach watches it again")
    program.detach()
    words = "detached: the program runs on unwatched, its passes are not kept; attach watches again"
    return Reply(words, {"detached": True})


def run_attach(session: Session, _text: str) -> Reply:
    program = _program(session)
    if not program.detached:
        raise DebuggerError("the program is watched already", hint="detach lets it run unwatched")
    debugger = program.attach(session.progress)
    if debugger is None:
        words = "it has run no further pass"
        return Reply(f"attached: {program.ending or words}", {"detached": False})
    session.use(debugger)
    gap = "the passes in between were not kept"
    words = f"attached: {gap if debugger.remark else 'no pass has gone by in between'}"
    return Reply(f"{words}\n{status(debugger)}", {"detached": False}, stopped=words)
