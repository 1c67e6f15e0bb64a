"""A screen as rows of runs of cells, with the colours that they have."""

from __future__ import annotations

from typing import NamedTuple


class Run(NamedTuple):
    """Neighbouring cells of a row that look alike; colours are `#rrggbb`.

    A cell is a character with its combining characters; the cell after a wide one is empty.
    """

    x: int
    cells: tuple[str, ...]
    foreground: str
    background: str
    bold: bool = False
    italic: bool = False
    underline: bool = False


class Frame(NamedTuple):
    """What a screen of `width` x `height` cells shows, top row first.

    A row's runs are in order from the left; cells without a run have the `background`.
    """

    width: int
    height: int
    background: str
    rows: tuple[tuple[Run, ...], ...]
