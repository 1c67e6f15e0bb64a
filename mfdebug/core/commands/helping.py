"""Help: the table of commands, told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mfdebug.core.commands.command import Command, Key, Reply, find_in
from mfdebug.core.expressions import FUNCTIONS, WORDS

if TYPE_CHECKING:
    from mfdebug.core.commands.console import Console

KEY_NAMES = {
    "question_mark": "?",
    "right": "→",
    "left": "←",
    "space": "space",
    "slash": "/",
}
EXPRESSIONS = (
    "EXPR: a node is its value; NODE.grad, NODE.shape, NODE[i,j], NODE.grad[0,:]; "
    f"{', '.join(sorted(WORDS))}; + - * / // % ** @, < <= > >= == !=, and or not; "
    f"{', '.join(f'{name}()' for name in sorted(FUNCTIONS))}; prev(x) is x one SGD step earlier"
)


def keys_text(command: Command) -> str:
    """Return a command's keys as people read them: `s → space`."""
    return " ".join(KEY_NAMES.get(key.key, key.key) for key in command.keys)


def _help(console: Console, text: str) -> Reply:
    commands = console.commands
    if text:
        return _one(find_in(commands, text))
    return _all(commands)


def _one(command: Command) -> Reply:
    lines = [command.usage, f"  {command.summary}"]
    if command.details:
        lines.append(f"  {command.details}")
    if "EXPR" in command.usage:
        lines.append(f"  {EXPRESSIONS}")
    if command.keys:
        lines.append(f"  keys: {keys_text(command)}")
    return Reply("\n".join(lines), {"usage": command.usage, "summary": command.summary})


def _all(commands: Mapping[str, Command]) -> Reply:
    rows = [(c.usage, keys_text(c), c.summary) for c in commands.values()]
    width = min(44, max(len(usage) for usage, _, _ in rows))
    keys = max(len(keys) for _, keys, _ in rows)
    lines = [f"{usage:{width}}  {key:{keys}}  {summary}" for usage, key, summary in rows]
    lines.append(EXPRESSIONS)
    return Reply("\n".join(lines), {usage: summary for usage, _, summary in rows})


HELPING = [
    Command(
        "help",
        "help [COMMAND]",
        "this list, or one command",
        _help,
        (Key("question_mark", "help", asks=True),),
        shows="text",
        instant=True,
    )
]
