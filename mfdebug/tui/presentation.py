"""What helps an audience: more room, and the keys that are pressed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len

from mfdebug.config.bindings import BOUND, Bound, Keys
from mfdebug.config.key_names import shown
from mfdebug.core.commands.interpreter import command_of

MOST_SHOWN = 30


class Presentation(NamedTuple):
    """Whether the screen is `roomy`, for a projector, and `keys` that are pressed are shown."""

    roomy: bool = False
    keys: bool = False


class KeyCast:
    """The last keys, as an audience reads them: `s ×3  t  :set lr = 0.01`."""

    def __init__(self) -> None:
        self._pressed: list[tuple[str, int]] = []

    def press(self, name: str) -> None:
        """Note a key, or a line that was typed."""
        last, times = self._pressed[-1] if self._pressed else ("", 0)
        if name == last:
            self._pressed[-1] = (name, times + 1)
        else:
            self._pressed.append((name, 1))
        del self._pressed[: -MOST_SHOWN // 2]

    def text(self, width: int) -> str:
        """Return as many of the last ones as fit."""
        told = ""
        for name, times in reversed(self._pressed):
            longer = f"{name} ×{times}" if times > 1 else name
            longer = f"{longer}  {told}" if told else longer
            if cell_len(longer) > width:
                break
            told = longer
        return told


def key_text(key: str) -> str:
    """Return a key that was pressed, by Textual's name."""
    return shown(key)


def line_text(line: str, keys: Keys) -> str:
    """Return what one presses for a command line: `s`, `12t`, or the line at the prompt."""
    command = command_of(line)
    if command is not None:
        _, _, rest = line.partition(" ")
        for one in _of(command.name):
            wanted = one.action.split("'")[1]
            if wanted == command.name and not rest:
                return keys.name(one.id)
            if wanted == f"{command.name} {{n}}" and (not rest or rest.isdecimal()):
                count = rest if rest not in ("", "1") else ""
                return f"{count}{keys.name(one.id)}"
    return f":{line}"


def _of(name: str) -> Iterable[Bound]:
    return (one for one in BOUND.values() if one.command == name)
