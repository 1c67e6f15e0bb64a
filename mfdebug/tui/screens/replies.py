"""How the reply to a command line is shown on the main screen: in a dialog or as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from textual.screen import Screen

from mfdebug.config.bindings import Keys
from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.session.reply import Reply
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.keys import with_keys
from mfdebug.tui.screens.on_demand import help_screen, text_screen, why_screen
from mfdebug.tui.widgets.message_line import Tone

if TYPE_CHECKING:
    from mfdebug.core.format.table import Part


class View(NamedTuple):
    """A dialog, or a message in a tone; neither where the panels show all that there is."""

    dialog: Screen[Any] | None = None
    message: str = ""
    tone: Tone = "answer"


def _with_keys(part: Part, keys: Keys) -> Part:
    return with_keys(part, keys) if isinstance(part, str) else part


def view_of(line: str, reply: Reply, debugger: Debugger, keys: Keys) -> View:
    """Return how to show the reply to a line."""
    if reply.stopped:
        return View(message=reply.stopped, tone="stop")
    command = command_of(line)
    if command is not None and command.name == "help":
        from mfdebug.core.commands.help_topics import TOPICS

        asked = line.partition(" ")[2].strip()
        if not asked or reply.subject in TOPICS:
            return View(help_screen(keys, topic=reply.subject or ""))
        if reply.subject is None:
            return View(help_screen(keys, search=asked))
    if command is None or command.shows == "picture" or not reply.text:
        return View()
    if command.name == "why":
        return View(why_screen(debugger, reply.subject))
    if command.name == "quiz" and reply.data["quiz"] == "on":
        from mfdebug.core.commands.quiz import ON

        # The question is asked in a panel that hides the answer.
        return View(message=f"{ON}; {keys.name('step')} asks")
    lines = reply.text.split("\n")
    is_log = command.shows == "log"
    is_text = is_log or command.shows == "text"
    is_text |= command.name in ("print", "quiz") and len(lines) > 1
    if is_text or (reply.parts and not isinstance(reply.parts[0], str) and len(lines) > 1):
        parts: list[Part] = [*(reply.parts or lines)]
        if command.name == "help":
            parts.append(f"  keys: {keys.of_command(reply.subject) or 'none'}")
        told = [_with_keys(part, keys) for part in parts]
        return View(text_screen(line, told, from_end=is_log))
    if command.name == "find" and len(reply.subject) > 1:
        lines[0] += f"   {keys.name('find-next')} next, {keys.name('find-previous')} previous"
    return View(message=lines[0])
