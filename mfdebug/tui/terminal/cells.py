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
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import ReturnType
from textual.geometry import Size
from textual.strip import Strip

from mfdebug.config.ascii import UNKNOWN, in_ascii
from mfdebug.tui.terminal.pacing import PacedApp
from miniflow.text.characters import JOINER, NON_JOINER

if TYPE_CHECKING:
    from typing import Any

    from rich.console import Console, RenderableType
    from rich.segment import Segment
    from rich.style import Style
    from textual.screen import Screen
    from textual.timer import Timer

# Seconds after which a terminal has settled at its new size.
SETTLED = 0.25
# Terminals disagree on the width of a cluster with one of these: one draws a single emoji, another
# each character by itself.
_OF_ANY_WIDTH = frozenset({JOINER, "\ufe0f"})


class CellApp(PacedApp[ReturnType]):
    """An app that sends the terminal only the cells that differ from what it shows."""

    def __init__(self, *args: Any, ascii_only: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._terminal = Terminal()
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


class _Look(NamedTuple):
    """The look of a cell: SGR parameters, and a link (OSC 8).

    A `blank` has only what is visible on a space: its foreground and boldness are unspecified, so
    that the spaces between two words of one style need no change of style.
    """

    attributes: str = ""
    foreground: str = ""
    background: str = ""
    link: str = ""
    blank: bool = False


_PLAIN = _Look()
_BLANK = _Look(blank=True)

# A cell is its character, with combining characters, and its look. The second cell of a wide
# character has the same text after a NUL: it differs from another cell exactly when the first
# does, so no difference starts or ends in the middle of a wide character.
_Cell = tuple[str, _Look]

# Attributes that are visible on a blank: underlines, blinking, reverse, strike, overline.
_SHOWN_ON_BLANKS = {"4", "5", "6", "7", "9", "21", "53"}
# The codes that turn attributes off: bold or dim, italic, underline, blink, reverse, strike.
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}

# Up to this many unchanged cells are sent again, instead of moving the cursor ("\x1b[12;34H").
_MOVE = 8


class Terminal:
    """What the terminal shows, row by row; it is not `known` before a full update."""

    def __init__(self) -> None:
        self.rows: dict[int, list[_Cell | None]] = {}
        self.known = False

    def row(self, y: int, width: int) -> list[_Cell | None]:
        """Return the cells of a row, at least `width` of them; None is an unknown cell."""
        row = self.rows.setdefault(y, [])
        if len(row) < width:
            row.extend([None] * (width - len(row)))
        return row


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
        pen = _Pen(terminal)
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                x = update.region.x
                for strip in strips:
                    pen.draw(x, y, self._cells(strip, colors, strip.cell_length))
                    x += strip.cell_length
            # A frame laid out for the size before a resize may have been cut or wrapped.
            terminal.known = update.region.size == self.size
        else:
            # Whole chops (the parts of a line between edges of widgets): the compositor has
            # rendered them anyway, and a span may start inside a wide character.
            for y, start, stop in update.spans:
                chops = zip(update.chop_ends[y], update.chops[y].items(), strict=True)
                for end, (x, chop) in chops:
                    if chop is not None and x < stop and end > start:
                        pen.draw(x, y, self._cells(chop, colors, end - x))
        return self.sent(pen.text())

    def _cells(self, segments: Iterable[Segment], colors: ColorSystem, width: int) -> list[_Cell]:
        cells = _cells(segments, colors, width)
        if not self.ascii_only:
            return cells
        return [(text if text.isascii() else _column(text), look) for text, look in cells]


class _Pen:
    """Draws the cells that differ, with as few cursor moves and style changes as possible."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.look = _PLAIN
        self.x = self.y = -1
        self.out: list[str] = []

    def draw(self, x: int, y: int, cells: list[_Cell]) -> None:
        shown = self.terminal.row(y, x + len(cells))
        if shown[x : x + len(cells)] == cells:
            return
        for at, cell in enumerate(cells, x):
            if shown[at] == cell:
                continue
            shown[at] = cell
            if cell[0][0] == "\0":
                # The cursor moved past it with the first cell of the character.
                self.x += 1
                continue
            self.go(at, y, cells[max(0, self.x - x) : at - x])
            self.put(cell)

    def go(self, x: int, y: int, between: list[_Cell]) -> None:
        """Move to a cell, by sending the cells `between` again where that is shorter."""
        if y == self.y and x == self.x:
            return
        if (
            y == self.y
            and 0 < x - self.x == len(between) <= _MOVE
            and all(self.suits(look) and text.isascii() for text, look in between)
        ):
            for cell in between:
                self.put(cell)
        else:
            self.out.append(f"\x1b[{y + 1};{x + 1}H")
        self.x, self.y = x, y

    def suits(self, look: _Look) -> bool:
        """Whether a cell of this look needs no change of style; a blank has no foreground."""
        return look is self.look or (look.blank and _shows_as_blank(self.look) == look)

    def put(self, cell: _Cell) -> None:
        text, look = cell
        self.x += 1
        if not self.suits(look):
            self.out.append(_change(self.look, look))
            self.look = look
        if text.isascii() or _OF_ANY_WIDTH.isdisjoint(text):
            self.out.append(text)
            return
        # Blanks erase what a narrow drawing would leave; the cursor is then at an unknown column.
        self.out.append(f"{' ' * cell_len(text)}\x1b[{self.y + 1};{self.x}H{text}")
        self.y = -1

    def text(self) -> str:
        self.out.append(_change(self.look, _PLAIN))
        return "".join(self.out)


def _cells(segments: Iterable[Segment], colors: ColorSystem, width: int) -> list[_Cell]:
    """Return the `width` cells that `segments` occupy on the screen."""
    cells: list[_Cell] = []
    for text, style, control in segments:
        if control:
            continue
        look = _PLAIN if style is None else _look(style, colors)
        blank = _shows_as_blank(look)
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
    return [*cells[:width], *[(" ", _BLANK)] * (width - len(cells))]


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


@lru_cache(4096)
def _look(style: Style, colors: ColorSystem) -> _Look:
    def parameters(foreground: bool) -> str:
        color = style.color if foreground else style.bgcolor
        return ";".join(color.downgrade(colors).get_ansi_codes(foreground)) if color else ""

    plain_link = style.link is not None and style.link.isprintable()
    link = f"id={style.link_id};{style.link}" if plain_link else ""
    return _interned(
        _Look(
            Strip.render_ansi(style.without_color, colors),
            parameters(foreground=True),
            parameters(foreground=False),
            link,
        )
    )


@lru_cache(4096)
def _interned(look: _Look) -> _Look:
    """Return the same object for equal looks, so that cells compare fast."""
    return look


@lru_cache(4096)
def _shows_as_blank(look: _Look) -> _Look:
    """Return the look of a space drawn in this look."""
    if look.link or _SHOWN_ON_BLANKS.intersection(look.attributes.split(";")):
        return look
    return _interned(_Look(background=look.background, blank=True))


@lru_cache(4096)
def _change(old: _Look, new: _Look) -> str:
    """Return the sequence that changes the terminal from one look to another."""
    link = f"\x1b]8;{new.link or ';'}\x1b\\" if new.link != old.link else ""
    if new[:3] == old[:3]:
        return link
    if new[:3] == _PLAIN[:3]:
        return f"{link}\x1b[0m"
    afresh = ["0", *filter(None, new[:3])]
    return f"{link}\x1b[{min(';'.join(_codes(old, new)), ';'.join(afresh), key=len)}m"


def _codes(old: _Look, new: _Look) -> list[str]:
    """Return the SGR parameters that turn off old attributes and turn on new ones."""
    before, after = (look.attributes.split(";") if look.attributes else [] for look in (old, new))
    removed = [code for code in before if code not in after]
    if any(code not in _OFF for code in removed):
        return ["0", *filter(None, new[:3])]
    off = list(dict.fromkeys(_OFF[code] for code in removed))
    # One code turns off both bold and dim: if one of them stays, it is turned on again.
    on = [code for code in after if code not in before or _OFF.get(code) in off]
    codes = [*off, *on]
    if new.foreground != old.foreground:
        codes.append(new.foreground or "39")
    if new.background != old.background:
        codes.append(new.background or "49")
    return codes
