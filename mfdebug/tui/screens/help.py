"""The help text, made from the table of commands and the screen's own keys."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

from mfdebug.core.commands.helping import KEY_NAMES
from mfdebug.core.commands.table import COMMANDS

NAMES = {**KEY_NAMES, "colon": ":", "plus": "+", "minus": "-", "tab": "Tab", "escape": "Esc"}


def help_lines(bindings: Iterable[BindingType]) -> list[str]:
    """Return the help: keys first, then what can be typed at the prompt."""
    lines = [
        "lowercase goes forward, UPPERCASE goes back; 10s is ten steps, 500t 500 SGD steps",
        "",
    ]
    shown: dict[str, list[str]] = {}
    for binding in bindings:
        if isinstance(binding, Binding):
            shown.setdefault(binding.description, []).append(NAMES.get(binding.key, binding.key))
    lines += [f"  {' '.join(keys):12} {words}" for words, keys in shown.items()]
    lines += [
        "  ↑ ↓          choose a node; Enter opens its edges",
        "",
        "at the prompt (:)",
    ]
    width = min(36, max(len(command.usage) for command in COMMANDS.values()))
    lines += [f"  {command.usage:{width}}  {command.summary}" for command in COMMANDS.values()]
    return lines
