"""What a command is: its names, its keys, and the function that runs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Literal

from msgspec import Struct

from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import nearest

# No run comes this far: at a million moments a second it would take eleven days.
LARGEST_COUNT = 10**12 - 1


class Key(Struct, frozen=True):
    """A key of the app and the line it runs.

    In the line {n} stands for the count typed before the key, {node} for the node under the app's
    cursor, {entry} for the chosen entry of the node that is shown. `asks`: the command wants an
    argument, which a dialog or the prompt asks for. `id` is what settings call it, if it is not
    the command's name.
    """

    key: str
    line: str
    words: str = ""
    asks: bool = False
    id: str = ""


class Argument(Enum):
    """What follows a command's name; completion and the app's prompt go by it."""

    NONE = auto()
    COUNT = auto()
    NODE = auto()
    ENTRY = auto()
    INDEX = auto()
    EXPRESSION = auto()
    ASSIGNMENT = auto()
    TRIGGER = auto()
    MOMENT = auto()
    MOMENTS = auto()
    STOP_NUMBER = auto()
    WATCH_NUMBER = auto()
    GRAPH_NUMBER = auto()
    FILE = auto()
    COMMAND = auto()
    TEXT = auto()


class Command(Struct, frozen=True):
    """A row of the table. Keys without words of their own are described by the `summary`.

    `argument` is what follows the name, `choices` the words that can follow as well; `required`:
    nothing is done without it. `shows` is where the app puts the answer: nowhere (the picture
    shows it), in one line, or as a text; `instant` commands always end at once. `aliases` are
    other names, which gdb's users expect.
    """

    name: str
    usage: str
    summary: str
    run: Callable[[Session, str], Reply]
    keys: tuple[Key, ...] = ()
    details: str = ""
    argument: Argument = Argument.NONE
    choices: tuple[str, ...] = ()
    required: bool = False
    aliases: tuple[str, ...] = ()
    shows: Literal["picture", "line", "text"] = "picture"
    instant: bool = False


def short_forms(command: Command) -> dict[str, str]:
    """Return the characters that stand for a line of a command, with that line.

    They are those of its keys as they ship, where the line needs no node and asks for nothing.
    """
    forms = {
        key.key: key.line.replace("{n}", "1")
        for key in command.keys
        if len(key.key) == 1 and not key.asks and "{node}" not in key.line
        and "{entry}" not in key.line
    }  # fmt: skip
    return forms | ({"?": "help"} if command.name == "help" else {})


def count_of(text: str, usage: str, *, negative: bool = False) -> int:
    """Return the number of times that `text` asks for: 1 if it says nothing.

    Raises `DebuggerError` for what is not a whole number, and for one above `LARGEST_COUNT`.
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


def find_in(commands: Mapping[str, Command], word: str) -> Command:
    """Return the command called `word`, or the only one that begins with it."""
    if word in commands:
        return commands[word]
    begun = [name for name in commands if name.startswith(word)]
    if len(begun) == 1:
        return commands[begun[0]]
    if begun:
        raise DebuggerError(f"{word!r} could be {' or '.join(begun)}")
    raise DebuggerError(
        f"there is no command {word!r}", hint=nearest(word, commands) or "see: help"
    )
