"""Keys: the bindings that the table of commands makes, and those worth a place at the foot."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from mfdebug.core.commands.table import COMMANDS

# From left to right as many as fit; the last one always.
KEY_HINTS = [
    ("s", "step"),
    ("S", "back"),
    ("n", "phase"),
    ("t", "SGD step"),
    ("c", "continue"),
    ("b", "stop"),
    ("y", "why"),
    ("e", "edit"),
    (":", "command"),
    ("u", "until"),
    ("x", "explain"),
    ("k", "check"),
    ("w", "watch"),
    ("g", "goto"),
    ("P", "play"),
    ("Tab", "panel"),
    ("?", "help"),
]


def command_bindings() -> list[BindingType]:
    """Return a binding for every key of the table, to the action `command(line, asks)`."""
    return [
        Binding(
            key.key,
            f"command({key.line!r}, {key.asks})",
            key.words or command.summary,
            id=f"command.{command.name}.{key.key}",
            tooltip=key.words or command.summary,
            show=False,
        )
        for command in COMMANDS.values()
        for key in command.keys
    ]
