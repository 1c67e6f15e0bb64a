"""The screen of an app as a frame of cells, for pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.strip import Strip

from mfdebug.config.ascii import BAR_ENDS, in_ascii, row_in_ascii
from mfdebug.pictures.cells import Frame, Run


def whole_screen(app: App[Any]) -> LayoutUpdate:
    """Return the screen with the screens behind it, as a terminal would receive it."""
    whole = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(whole, LayoutUpdate)
    return whole


def frame_of(app: App[Any], *, ascii_only: bool) -> Frame:
    """Return what the screen shows now."""
    theme = app.ansi_theme
    rows = tuple(tuple(_runs(strips, theme, ascii_only)) for strips in whole_screen(app).strips)
    width, height = app.size
    areas: Counter[str] = Counter()
    for row in rows:
        for run in row:
            areas[run.background] += len(run.cells)
    return Frame(width, height, areas.most_common(1)[0][0], rows)


# The colours and the marks of a run: all its fields after the cells.
_Look = tuple[str, str, bool, bool, bool]


def _runs(strips: Iterable[Strip], theme: TerminalTheme, ascii_only: bool) -> Iterator[Run]:
    cells = [
        (" " if ascii_only and cell in BAR_ENDS and strip.cell_length == 1 else cell, look)
        for strip in strips
        for text, style, control in strip
        if not control
        for look in (_look(style or Style.null(), theme),)
        for cell in _cells(text)
    ]
    if ascii_only:
        signs = row_in_ascii([cell or " " for cell, _ in cells], in_ascii)
        cells = [
            (sign if cell else "", look) for sign, (cell, look) in zip(signs, cells, strict=True)
        ]
    x = 0
    for look, alike in groupby(cells, key=lambda cell: cell[1]):
        characters = tuple(cell for cell, _ in alike)
        yield Run(x, characters, *look)
        x += len(characters)


def _cells(text: str) -> list[str]:
    """Return a text cell by cell, with an empty one after each wide character."""
    cells: list[str] = []
    for character in text:
        width = cell_len(character)
        if width == 0 and cells:
            cells[-1] += character
        else:
            cells += [character, *[""] * (width - 1)]
    return cells


def _look(style: Style, theme: TerminalTheme) -> _Look:
    default = Color.default()
    foreground = (style.color or default).get_truecolor(theme, foreground=True)
    background = (style.bgcolor or default).get_truecolor(theme, foreground=False)
    if style.reverse:
        foreground, background = background, foreground
    if style.dim:
        foreground = blend_rgb(foreground, background, cross_fade=0.4)
    marks = bool(style.bold), bool(style.italic), bool(style.underline)
    return foreground.hex, background.hex, *marks
