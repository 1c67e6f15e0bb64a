"""The table of all commands: names, usage, keys and help.

The app builds its key bindings, palette and help screen from it.
"""

from __future__ import annotations

from mfdebug.core.commands.aten import ATEN
from mfdebug.core.commands.branch import BRANCHING
from mfdebug.core.commands.command import Command, find_in, short_forms
from mfdebug.core.commands.demo import DEMONSTRATING
from mfdebug.core.commands.detach import DETACHING
from mfdebug.core.commands.draw import DRAW
from mfdebug.core.commands.edit import EDITING
from mfdebug.core.commands.files import CLOSING
from mfdebug.core.commands.help import help_command
from mfdebug.core.commands.look import LOOKING
from mfdebug.core.commands.modules import MODULES
from mfdebug.core.commands.move import MOVING
from mfdebug.core.commands.order import ORDERING
from mfdebug.core.commands.plots import PLOTTING
from mfdebug.core.commands.quiz import PREDICTING
from mfdebug.core.commands.screen import COLOURING
from mfdebug.core.commands.session import SCRIPTING
from mfdebug.core.commands.stop import STOPPING
from mfdebug.core.commands.unroll import UNROLLING

COMMANDS: dict[str, Command] = {}
# By purpose, as on the help screen.
GROUPS: dict[str, list[Command]] = {
    "move": [*MOVING, *ORDERING],
    "stop": STOPPING,
    "look": [*LOOKING, *PLOTTING, MODULES, DRAW],
    "change": [*EDITING, *UNROLLING, *BRANCHING],
    "quiz": PREDICTING,
    "demos": DEMONSTRATING,
    "program": [*DETACHING, ATEN],
    "files, help, quit": [*SCRIPTING, help_command(COMMANDS), *COLOURING, *CLOSING],
}
COMMANDS.update((row.name, row) for commands in GROUPS.values() for row in commands)

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
    return find_in(COMMANDS, word)
