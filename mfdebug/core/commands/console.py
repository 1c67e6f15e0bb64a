"""Runs command lines: every key, prompt line, script and batch run goes through here."""

from __future__ import annotations

import re

from mfdebug.core.commands.command import Command, Reply
from mfdebug.core.commands.table import COMMANDS, KEY_OF, find
from mfdebug.core.debugger import Debugger, DebuggerError, Progress
from mfdebug.core.quiz import Quiz
from mfdebug.core.stops import Stops
from mfdebug.core.watches import Watches


class Console:
    """Runs command lines against a debugger.

    `progress` is told the present moment during long runs and ends them by returning True.
    """

    def __init__(self, debugger: Debugger, progress: Progress | None = None) -> None:
        self.debugger = debugger
        self.progress = progress
        self.commands = COMMANDS
        self.stops = Stops(debugger)
        self.watches = Watches(debugger)
        self.quiz: Quiz | None = None
        self.closed = False

    def run(self, line: str) -> Reply:
        """Run one command line.

        Raises `MiniflowError` when the command is unknown or cannot be carried out.
        """
        word, rest = [*line.split(None, 1), "", ""][:2]
        if not word or word.startswith("#"):
            return Reply("")
        if not rest and (key := KEY_OF.get(word)) is not None:
            return self.run(key)
        if pressed := re.fullmatch(r"(\d+)\s*(\D)", line.strip()):
            return self.run(key_line(pressed[2], pressed[1]))
        return find(word).run(self, rest.strip())


def key_line(key: str, count: str) -> str:
    """Return the line that a key runs after a count: `sgd 500` for 500 and `t`."""
    for command in COMMANDS.values():
        for known in command.keys:
            if known.key == key and "{n}" in known.line:
                return known.line.replace("{n}", count)
    raise DebuggerError(f"{count}{key}: no key {key!r} takes a count", hint="as in 10s or 500t")


def command_of(line: str) -> Command | None:
    """Return the command that a line names, or None."""
    try:
        return find(line.split(None, 1)[0])
    except (DebuggerError, IndexError):
        return None
