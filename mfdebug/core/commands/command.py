"""The command type: names, keys, argument, and the function that runs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from mfdebug.core.timeline.debugger import DebuggerError

if TYPE_CHECKING:
    from mfdebug.core.session.reply import Reply
    from mfdebug.core.session.session import Session

# No run gets this far: at a million moments a second it would take eleven days.
LARGEST_COUNT = 10**12 - 1


# What runs a command: it takes the session and the rest of the line.
Action: TypeAlias = "Callable[[Session, str], Reply]"


class Key(Struct, frozen=True):
    """A key of the app and the command line that it runs.

    Placeholders in the line: {n} is the count typed before the key, {node} the node under the
    app's cursor, {entry} the selected entry of the node on the screen, {index} its index if that is
    the node of the present moment. With `asks`, a dialog or
    the prompt asks for the command's argument. `id` is the key's name in the settings; the default
    is the command's name.
    """

    key: str
    line: str
    words: str = ""
    asks: bool = False
    id: str = ""


class Argument(Enum):
    """The kind of a command's argument, used by completion and by the app's prompt."""

    NONE = auto()
    COUNT = auto()
    NODE = auto()
    LAYER = auto()
    ENTRY = auto()
    INDEX = auto()
    EXPRESSION = auto()
    ASSIGNMENT = auto()
    TRIGGER = auto()
    MOMENT = auto()
    MOMENTS_OR_FILE = auto()
    STOP_NUMBER = auto()
    WATCH_NUMBER = auto()
    GRAPH_NUMBER = auto()
    FILE = auto()
    COMMAND = auto()
    THEME = auto()
    TEXT = auto()


class Command(Struct, frozen=True):
    """A row of the command table. The `summary` describes keys that have no words of their own.

    `module` is the module of this folder whose function `run_NAME` runs the command, with `_` for
    a hyphen; it is imported when the command first runs, since most sessions run few of them.
    `argument` is the kind of argument, `choices` are words accepted in its place, and `required`
    says that the command needs it. `shows` is where the app puts the reply: in the panels
    ("picture"), in the message line, or as a text; a "log" is seen from its end. `instant` commands
    always return at once. `aliases` are other names, mostly those of gdb.
    """

    name: str
    usage: str
    summary: str
    module: str
    keys: tuple[Key, ...] = ()
    details: str = ""
    argument: Argument = Argument.NONE
    choices: tuple[str, ...] = ()
    required: bool = False
    aliases: tuple[str, ...] = ()
    shows: Literal["picture", "line", "text", "log"] = "picture"
    instant: bool = False

    def run(self, session: Session, text: str) -> Reply:
        """Run the command with the rest of its line; raise `MiniflowError` if it fails."""
        module = import_module(f"{__package__}.{self.module}")
        function: Action = getattr(module, f"run_{self.name.replace('-', '_')}")
        return function(session, text)


def short_forms(command: Command) -> dict[str, str]:
    """Return the one-character short forms of a command, each with the line that it runs.

    These are its default keys whose line has no node or entry and asks for no argument.
    """
    forms = {
        key.key: key.line.replace("{n}", "1").replace(" {index}", "")
        for key in command.keys
        if len(key.key) == 1 and not key.asks and "{node}" not in key.line
        and "{entry}" not in key.line
    }  # fmt: skip
    return forms | ({"?": "help"} if command.name == "help" else {})


def count_of(text: str, usage: str, *, negative: bool = False) -> int:
    """Parse a repeat count; an empty text is 1.

    Raises `DebuggerError` if it is not a whole number or is above `LARGEST_COUNT`.
    """
    if not text:
        return 1
    if not re.fullmatch(r"[+-]?\d+", text) or (text.startswith("-") and not negative):
        raise DebuggerError(f"{text[:40]!r} is not a count", hint=f"usage: {usage}")
    digits = text.lstrip("+-0")
    if len(digits) > len(str(LARGEST_COUNT)):
        asked = digits if len(digits) <= 20 else f"a number of {len(digits):,} digits"
        problem = f"{asked} is too large: at most {LARGEST_COUNT}"
        raise DebuggerError(problem, hint=f"usage: {usage}")
    return int(text)
