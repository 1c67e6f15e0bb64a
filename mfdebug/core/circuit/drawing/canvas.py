"""A window of characters, each with the name of its style."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from mfdebug.core.circuit.cells import clusters, cut, is_simple, width

# What a run of characters shows. The one who writes them decides how: see `circuit/text.py`.
STYLES = (
    "plain",
    "wire",  # a wire that carries nothing now, and its shape
    "frame",
    "name",
    "value",
    "gradient",
    "waiting",  # not computed, not known, or of an earlier pass
    "lit-forward",  # a wire that carries a value now
    "lit-backward",  # a wire that carries a gradient now
    "new-value",  # computed at this moment
    "new-gradient",
    "active",  # the box of this moment
    "chosen",
)
_NUMBER = {name: number for number, name in enumerate(STYLES)}
_RUNS = re.compile(rb"(.)\1*", re.DOTALL)

# Characters of one style, and the name of the style.
Run = tuple[str, str]


class Window(NamedTuple):
    """A part of a drawing, in cells: its left column, its top row, and its size."""

    x: int
    y: int
    width: int
    height: int

    def has_row(self, y: int) -> bool:
        """Whether a row is inside."""
        return self.y <= y < self.y + self.height

    def has(self, x: int, y: int) -> bool:
        """Whether a cell is inside."""
        return self.has_row(y) and self.x <= x < self.x + self.width


class Canvas:
    """The characters and styles of a window; what is outside is not drawn.

    The second cell of a wide character holds an empty text.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._characters = [[" "] * window.width for _ in range(window.height)]
        self._styles = [bytearray(window.width) for _ in range(window.height)]

    def copy(self) -> Canvas:
        """Return a copy."""
        found = object.__new__(Canvas)
        found.window = self.window
        found._characters = [row[:] for row in self._characters]
        found._styles = [row[:] for row in self._styles]
        return found

    def put(self, x: int, y: int, sign: str, style: str) -> None:
        """Draw one character that takes one cell."""
        x, y = x - self.window.x, y - self.window.y
        if 0 <= y < self.window.height and 0 <= x < self.window.width:
            self._characters[y][x] = sign
            self._styles[y][x] = _NUMBER[style]

    def put_all(self, y: int, signs: Iterable[tuple[int, str]], style: str) -> None:
        """Draw characters in columns of a row in the window, each of which takes one cell."""
        left, number, end = self.window.x, _NUMBER[style], self.window.width
        characters, styles = self._characters[y - self.window.y], self._styles[y - self.window.y]
        for x, sign in signs:
            if 0 <= x - left < end:
                characters[x - left] = sign
                styles[x - left] = number

    def write(self, x: int, y: int, text: str, style: str) -> None:
        """Write a text from a cell to the right; a wide character that is cut is left out."""
        if not self.window.has_row(y):
            return
        x -= self.window.x
        characters, styles = self._characters[y - self.window.y], self._styles[y - self.window.y]
        number = _NUMBER[style]
        if is_simple(text):
            first, end = max(0, x), min(x + len(text), len(characters))
            if first < end:
                characters[first:end] = text[first - x : end - x]
                styles[first:end] = bytes([number]) * (end - first)
            return
        for cluster in clusters(text):
            wide = width(cluster) == 2
            if x >= 0 and x + wide < len(characters):
                characters[x], styles[x] = cluster, number
                if wide:
                    characters[x + 1], styles[x + 1] = "", number
            x += 1 + wide

    def write_whole(self, x: int, y: int, text: str, style: str) -> None:
        """Write a text unless an edge would cut it: half a number is another number."""
        if x >= self.window.x and x + width(text) <= self.window.x + self.window.width:
            self.write(x, y, text, style)

    def write_name(self, x: int, y: int, text: str, style: str) -> None:
        """Write a text, with `…` where the right edge cuts it."""
        room = self.window.x + self.window.width - x
        if room > 0:
            self.write(x, y, cut(text, room), style)

    def style(self, x: int, y: int, cells: int, style: str) -> None:
        """Change the style of some cells of a row."""
        if self.window.has_row(y):
            first = max(0, x - self.window.x)
            end = min(self.window.width, x - self.window.x + cells)
            if first < end:
                row = self._styles[y - self.window.y]
                row[first:end] = bytes([_NUMBER[style]]) * (end - first)

    def at(self, x: int, y: int) -> str:
        """Return the character of a cell in the window."""
        return self._characters[y - self.window.y][x - self.window.x]

    def rows(self) -> list[list[Run]]:
        """Return the rows as runs of one style each."""
        return [
            [
                ("".join(characters[start:end]), STYLES[styles[start]])
                for start, end in map(re.Match.span, _RUNS.finditer(styles))
            ]
            for characters, styles in zip(self._characters, self._styles, strict=True)
        ]
