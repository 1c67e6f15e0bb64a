"""`order` shows how the topological order is found: moments before the start."""

from __future__ import annotations

from mfdebug.core.commands.movement import moved
from mfdebug.core.commands.rows.move import ORDER
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError


def run_order(session: Session, text: str) -> Reply:
    debugger = session.debugger
    if text not in ("", "on", "off"):
        raise DebuggerError(f"{text[:40]!r} is neither on nor off", hint=f"usage: {ORDER}")
    if not isinstance(debugger, ComputedDebugger):
        raise DebuggerError("the order of a program's nodes is the program's own", where="order")
    timeline = debugger.timeline
    shows = text == "on" if text else debugger.moment >= 0
    if shows:
        timeline.shows_order = True
        debugger.move(timeline.first)
    else:
        debugger.move(max(debugger.moment, 0))
        timeline.shows_order = False
    return moved(session)
