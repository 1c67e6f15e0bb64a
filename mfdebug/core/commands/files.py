"""Commands that write files, and the one that leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.core.commands.arguments import file_named
from mfdebug.core.commands.command import Command, Key, Reply
from mfdebug.core.timeline.debugger import DebuggerError

if TYPE_CHECKING:
    from mfdebug.core.commands.interpreter import Console


def _save(console: Console, text: str) -> Reply:
    if not text:
        raise DebuggerError("save where?", hint="usage: save FILE")
    debugger = console.debugger
    debugger.save(file_named(text))
    where = debugger.where
    note = ""
    if where.phase == "update" and where.part < where.parts:
        done = f"{where.part} of {where.parts} updates"
        note = f" (after {done}: a run from the file repeats this SGD step)"
    return Reply(f"saved {text}{note}", {"saved": text})


def _quit(console: Console, _text: str) -> Reply:
    console.closed = True
    return Reply("")


LEAVING = [
    Command("save", "save FILE", "the graph with its present parameters", _save, shows="line"),
    Command("quit", "quit", "leave", _quit, (Key("q", "quit"),), instant=True),
]
