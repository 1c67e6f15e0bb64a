"""`theme`: the colours of the screen that shows the session."""

from __future__ import annotations

from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import nearest


def run_theme(session: Session, text: str) -> Reply:
    if not session.themes:
        raise DebuggerError("there is no screen here, so no colours", where="theme")
    if text:
        if text not in session.themes:
            hint = nearest(text, session.themes) or f"there are {', '.join(session.themes)}"
            raise DebuggerError(f"there is no theme {text!r} here", where="theme", hint=hint)
        session.theme = text
        return Reply(f"theme {text}", {"theme": text})
    others = ", ".join(name for name in session.themes if name != session.theme)
    data = {"theme": session.theme, "themes": list(session.themes)}
    return Reply(f"theme {session.theme}; others: {others}", data)
