"""Presentation mode: more space, and a display of the pressed keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len

from mfdebug.config.bindings import BOUND, Bound, Keys
from mfdebug.config.key_names import shown
from mfdebug.core.commands.interpreter import command_of

MAX_SHOWN = 30


class Presentation(NamedTuple):
    """Whether the layout is `roomy`, for a projector, and whether pressed `keys` are shown."""

    roomy: bool = False
    keys: bool = False


class KeyCast:
    """The last pressed keys in readable form: `s ×3  t  :set lr = 0.01`."""

    def __init__(self) -> None:
        self._pressed: list[tuple[str, int]] = []

    def press(self, name: str) -> None:
        """Add a key, or a line that was typed."""
        last, times = self._pressed[-1] if self._pressed else ("", 0)
        if name == last:
            self._pressed[-1] = (name, times + 1)
        else:
            self._pressed.append((name, 1))
        del self._pressed[: -MAX_SHOWN // 2]

    def text(self, width: int) -> str:
        """Return as many of the last keys as fit in `width` cells."""
        shown_text = ""
        for name, times in reversed(self._pressed):
            longer = f"{name} ×{times}" if times > 1 else name
            longer = f"{longer}  {shown_text}" if shown_text else longer
            if cell_len(longer) > width:
                break
            shown_text = longer
        return shown_text


def key_text(key: str) -> str:
    """Return the displayed name of a key with the given Textual name."""
    return shown(key)


def line_text(line: str, keys: Keys) -> str:
    """Return the keys for a command line: `s`, `12t`, or the line typed at the prompt."""
    command = command_of(line)
    if command is not None:
        _, _, rest = line.partition(" ")
        for bound in _bound_to(command.name):
            template = bound.action.split("'")[1]
            if template == command.name and not rest:
                return keys.name(bound.id)
            if template == f"{command.name} {{n}}" and (not rest or rest.isdecimal()):
                count = rest if rest not in ("", "1") else ""
                return f"{count}{keys.name(bound.id)}"
    return f":{line}"


def _bound_to(command: str) -> Iterable[Bound]:
    return (bound for bound in BOUND.values() if bound.command == command)
