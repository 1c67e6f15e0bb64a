"""`theme`: the colours of the screen that shows the session."""

from __future__ import annotations

from mfdebug.core.commands.command import Argument, Command
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import nearest


def _theme(session: Session, text: str) -> Reply:
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


COLOURING = [
    Command(
        "theme",
        "theme [NAME]",
        "choose a theme for the screen; without NAME, list the themes",
        _theme,
        details="A simple terminal has two: dark and light.",
        shows="line",
        instant=True,
        argument=Argument.THEME,
    )
]
