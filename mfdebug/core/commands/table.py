"""The table of all commands: names, usage, keys and help.

The app makes its key bindings, its palette and its help screen from it.
"""

from __future__ import annotations

from mfdebug.core.commands.command import Command, find_in, short_forms
from mfdebug.core.commands.demo import DEMONSTRATING
from mfdebug.core.commands.edit import EDITING
from mfdebug.core.commands.files import LEAVING
from mfdebug.core.commands.help import help_command
from mfdebug.core.commands.look import LOOKING
from mfdebug.core.commands.move import MOVING
from mfdebug.core.commands.quiz import PREDICTING
from mfdebug.core.commands.session import SCRIPTING
from mfdebug.core.commands.stop import STOPPING

COMMANDS: dict[str, Command] = {}
# By what they are for, as the help screen shows them.
GROUPS: dict[str, list[Command]] = {
    "move": MOVING,
    "stop": STOPPING,
    "look": LOOKING,
    "change": EDITING,
    "quiz": PREDICTING,
    "demos": DEMONSTRATING,
    "files, help, leaving": [*SCRIPTING, help_command(COMMANDS), *LEAVING],
}
COMMANDS.update((one.name, one) for commands in GROUPS.values() for one in commands)

# Other names of commands.
ALIASES = {alias: command.name for command in COMMANDS.values() for alias in command.aliases}

# What a short form alone runs.
KEY_OF = {
    short: line for command in COMMANDS.values() for short, line in short_forms(command).items()
}


def split(line: str) -> tuple[str, str]:
    """Return the command's name in a line, in place of an alias, and what follows it."""
    for alias, name in ALIASES.items():
        if line == alias or line.startswith(f"{alias} "):
            return name, line.removeprefix(alias).strip()
    word, rest = [*line.split(None, 1), "", ""][:2]
    return word, rest.strip()


def find(word: str) -> Command:
    """Return the command called `word`, or the only one that begins with it."""
    return find_in(COMMANDS, word)
