"""An app that sends the terminal only the cells that differ from what it shows.

Over ssh every byte counts. Textual marks dirty regions but sends each span from the left edge of
its widget, style by style (Textual #5625): one number in each of two lines of an 80x24 panel took
7459 bytes as a whole widget, 624 as two lines, 446 as two exact spans. So narrower regions do not
help; sending cells does, and takes 69 bytes.

That helps every widget: a redrawn plot, a moved focus, a scrolled list, a dialog. It also keeps
control characters in any widget's text from the terminal and, if only ASCII can be shown, all
other characters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import ReturnType
from textual.geometry import Size

from mfdebug.config.ascii import BAR_ENDS, UNKNOWN, in_ascii, row_in_ascii
from mfdebug.tui.terminal.looks import BLANK, PLAIN, look_of, shows_as_blank
from mfdebug.tui.terminal.pacing import PacedApp
from mfdebug.tui.terminal.pen import Cell, Pen, Terminal
from miniflow.text.characters import JOINER, NON_JOINER

if TYPE_CHECKING:
    from typing import Any

    from rich.console import Console, RenderableType
    from rich.segment import Segment
    from textual.screen import Screen
    from textual.strip import Strip
    from textual.timer import Timer

# Seconds after which a terminal has settled at its new size.
SETTLED = 0.25


class CellApp(PacedApp[ReturnType]):
    """An app that sends the terminal only the cells that differ from what it shows."""

    def __init__(
        self, *args: Any, ascii_only: bool = False, erases: bool = False, **kwargs: Any
    ) -> None:
        """`erases` says whether what the terminal erases gets the present background."""
        super().__init__(*args, **kwargs)
        self._terminal = Terminal(erases=erases)
        self._redrawing: Timer | None = None
        self.ascii_only = ascii_only
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            # A page scrolled at 80x24 is sent 17 times, 62 kB, when the scrolling is animated.
            self.animation_level = "none"

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        # Every frame passes here. Inline apps send other kinds of update, which stay unchanged.
        frame: Any = renderable
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            frame = CellUpdate(
                renderable, self._terminal, self.size, self.paced, ascii_only=self.ascii_only
            )
        super()._display(screen, frame)

    def _set_pointer_shape(self, shape: str) -> None:
        """Do not change the mouse pointer: older terminals print the sequence (OSC 22)."""

    def action_redraw(self) -> None:
        """Send the whole screen again, after something else has written to it."""
        self._terminal.known = False
        self.refresh(layout=True)

    def on_mount(self) -> None:
        """Redraw after a suspension, when the screen is blank (Textual #6298)."""
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())

    def on_resize(self) -> None:
        """Redraw everything: terminals cut, wrap or clear the screen when they are resized.

        Redraw again a little later: a frame in transit met a screen of another size.
        """
        if self._terminal.rows:
            if self._redrawing is not None:
                self._redrawing.stop()
            self._redrawing = self.set_timer(SETTLED, self.action_redraw)
        self.action_redraw()


class CellUpdate(CompositorUpdate):
    """A frame of Textual's, rendered as the cells that differ from what the `terminal` shows."""

    def __init__(
        self,
        update: ChopsUpdate | LayoutUpdate,
        terminal: Terminal,
        size: Size,
        sent: Callable[[str], str] = str,
        *,
        ascii_only: bool = False,
    ) -> None:
        """`sent` maps the text of the frame to what is sent, and is called only when it is sent."""
        self.update = update
        self.terminal = terminal
        self.size = size
        self.sent = sent
        self.ascii_only = ascii_only

    def render_segments(self, console: Console) -> str:
        """Return the text to send. Textual calls this only when it writes the frame."""
        colors = console._color_system or ColorSystem.TRUECOLOR  # as Strip.render does
        terminal, update = self.terminal, self.update
        if not terminal.known:
            terminal.rows.clear()
        terminal.width = self.size.width
        pen = Pen(terminal)
        if isinstance(update, LayoutUpdate):
            # A frame laid out for the size before a resize may have been cut or wrapped.
            terminal.known = update.region.size == self.size
        pieces = [*self._pieces()]
        # Scrollbars last: one change of colour for all of their rows, instead of two in each.
        for narrow in (False, True):
            pen.draw_all(
                [
                    (x, y, self._cells(strip, colors, width))
                    for x, y, strip, width in pieces
                    if (width == 1) is narrow
                ]
            )
        return self.sent(pen.text())

    def _pieces(self) -> Iterator[tuple[int, int, Strip, int]]:
        """Yield the parts of lines that the frame has, each with its column, row and width."""
        update = self.update
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                x = update.region.x
                for strip in strips:
                    yield x, y, strip, strip.cell_length
                    x += strip.cell_length
            return
        # Whole chops (the parts of a line between edges of widgets): the compositor has rendered
        # them anyway, and a span may start inside a wide character.
        for y, start, stop in update.spans:
            for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=True):
                if chop is not None and x < stop and end > start:
                    yield x, y, chop, end - x

    def _cells(self, segments: Iterable[Segment], colors: ColorSystem, width: int) -> list[Cell]:
        cells = _cells(segments, colors, width)
        if not self.ascii_only:
            return cells
        if width == 1:
            cells = [
                (" ", shows_as_blank(look)) if text in BAR_ENDS else (text, look)
                for text, look in cells
            ]
        texts = row_in_ascii([text for text, _ in cells], _column)
        return [(text, look) for text, (_, look) in zip(texts, cells, strict=True)]


def _cells(segments: Iterable[Segment], colors: ColorSystem, width: int) -> list[Cell]:
    """Return the `width` cells that `segments` occupy on the screen."""
    cells: list[Cell] = []
    for text, style, control in segments:
        if control:
            continue
        look = PLAIN if style is None else look_of(style, colors)
        blank = shows_as_blank(look)
        if text.isascii() and text.isprintable():
            cells += [(character, blank if character == " " else look) for character in text]
        else:
            for cluster in _clusters(text):
                if cluster == " ":
                    cells.append((cluster, blank))
                elif size := cell_len(cluster):
                    cells += [(cluster, look), *[("\0" + cluster, look)] * (size - 1)]
                elif cells and cells[-1][0][0] != "\0":
                    # It combines with the last character of the segment before.
                    cells[-1] = cells[-1][0] + cluster, cells[-1][1]
    # Rich counts some odd sequences differently (a control character after a joiner).
    return [*cells[:width], *[(" ", BLANK)] * (width - len(cells))]


def _column(text: str) -> str:
    """Return the ASCII character of a cell, also of the second cell of a wide character."""
    sign = in_ascii(text.lstrip("\0"))
    return sign if text[0] != "\0" or sign == UNKNOWN else " "


def _clusters(text: str) -> list[str]:
    """Split `text` into characters with their combining characters; replace control characters."""
    clusters: list[str] = []
    for character in text:
        width = cell_len(character)
        joins = not width or (clusters and clusters[-1].endswith(JOINER))
        if not character.isprintable() and character not in (JOINER, NON_JOINER):
            # Lone surrogates cannot be encoded, and private-use characters have no known look.
            character = " " if character.isspace() else "\ufffd"
            clusters += [character] * width
        elif joins and clusters:
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters
