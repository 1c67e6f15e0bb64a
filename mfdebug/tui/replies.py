"""How the reply to a command line is shown on the main screen: in a dialog or as a message."""

from __future__ import annotations

from typing import Any, NamedTuple

from textual.screen import Screen

from mfdebug.config.bindings import Keys
from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.explain.why import Cause
from mfdebug.core.session.reply import Reply
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.keys import with_keys
from mfdebug.tui.screens.on_demand import help_screen, text_screen, why_screen
from mfdebug.tui.widgets.message_line import Tone


class View(NamedTuple):
    """A dialog, or a message in a tone; neither where the panels show all that there is."""

    dialog: Screen[Any] | None = None
    message: str = ""
    tone: Tone = "answer"


def view_of(line: str, reply: Reply, debugger: Debugger, keys: Keys) -> View:
    """Return how to show the reply to a line."""
    if reply.stopped:
        return View(message=reply.stopped, tone="stop")
    command = command_of(line)
    if command is not None and command.name == "help" and len(line.split()) == 1:
        return View(help_screen(keys))
    if command is None or command.shows == "picture" or not reply.text:
        return View()
    if isinstance(reply.subject, Cause):
        return View(why_screen(debugger, reply.subject))
    lines = reply.text.split("\n")
    if command.shows == "text" or (command.name == "print" and len(lines) > 1):
        if command.name == "help":
            lines.append(f"  keys: {keys.of_command(reply.subject) or 'none'}")
        return View(text_screen(line, [with_keys(text, keys) for text in lines]))
    return View(message=lines[0])
