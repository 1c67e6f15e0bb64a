"""A drawn plot: lines of characters with styles."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Style = Literal[
    "axis", "blank", "curve", "shade", "path", "mark", "landing", "point", "wrong", "words"
]
Cell = tuple[str, Style]
Line = list[Cell]


class Drawing(Struct, frozen=True):
    """Lines of characters with styles; `steps` are the SGD steps of the marks, by (x, y)."""

    lines: list[Line]
    steps: dict[tuple[int, int], int] = {}

    def text(self) -> str:
        """Return the drawing without its styles."""
        lines = ("".join(text for text, _ in line) for line in self.lines)
        return "\n".join(line.rstrip() for line in lines)
