"""The table of all commands: names, usage, keys and help.

The app builds its key bindings, palette and help screen from it.
"""

from __future__ import annotations

from mfdebug.core.commands.command import Command, short_forms
from mfdebug.core.commands.rows import change, demos, files, look, move, program, quiz, stop
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import nearest

# By purpose, as on the help screen.
GROUPS = {
    "move": move.ROWS,
    "stop": stop.ROWS,
    "look": look.ROWS,
    "change": change.ROWS,
    "quiz": quiz.ROWS,
    "demos": demos.ROWS,
    "program": program.ROWS,
    "files, help, quit": files.ROWS,
}
COMMANDS = {row.name: row for commands in GROUPS.values() for row in commands}

# Other names of commands.
ALIASES = {alias: command.name for command in COMMANDS.values() for alias in command.aliases}

# The line that a short form runs.
KEY_OF = {
    short: line for command in COMMANDS.values() for short, line in short_forms(command).items()
}


def split(line: str) -> tuple[str, str]:
    """Split a line into the command's name, with aliases resolved, and the rest."""
    for alias, name in ALIASES.items():
        if line == alias or line.startswith(f"{alias} "):
            return name, line.removeprefix(alias).strip()
    word, rest = [*line.split(None, 1), "", ""][:2]
    return word, rest.strip()


def find(word: str) -> Command:
    """Return the command named `word`, or the only one whose name starts with it."""
    if word in COMMANDS:
        return COMMANDS[word]
    begun = [name for name in COMMANDS if name.startswith(word)]
    if len(begun) == 1:
        return COMMANDS[begun[0]]
    if begun:
        raise DebuggerError(f"{word!r} could be {' or '.join(begun)}")
    raise DebuggerError(
        f"there is no command {word!r}", hint=nearest(word, COMMANDS) or "see: help"
    )
