"""Panels that cost what changes in them: a line-API base widget and a frame that sends cells.

A step changes a few numbers, and over ssh every byte counts. Textual marks dirty regions but
sends each span from the left edge of its widget, style by style (Textual #5625): one number in
each of two lines of an 80x24 panel took 7459 bytes as a whole widget, 624 as two lines, 446 as
two exact spans. Narrower regions therefore cannot help. Sending cells can: 69 bytes.

So there are two halves, each alone correct:

- `LinesView` renders what changed: it compares its new lines with those last rendered and
  refreshes only the lines that differ, without a layout.
- `CellApp` sends what changed: it keeps the cells that the terminal shows, and of each frame
  it sends only those that differ. That serves every widget: a plot drawn anew, a focus
  that moved, a list that scrolled, a dialog over it all.

Text here may come from a hostile file. Lines are made of segments, never of markup, and no
control character of a segment gets past `CellApp`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from typing import Any, Self

    from rich.console import Console, RenderableType
    from rich.style import Style
    from textual.screen import Screen
    from textual.selection import Selection

# Copying a selection asks for every line of it; a virtual view may have millions.
MOST_LINES_COPIED = 10_000

JOINER = "\u200d"


class LinesView(ScrollView):
    """Lines of text that scroll; only those that change are rendered again.

    Give it lines with `update_lines`, or subclass it, override `line` and call `reload` when
    the answers of `line` have changed. Only visible lines are ever asked for, so millions of
    rows cost what twenty do. Where a line leaves them open, colours are the widget's own.
    """

    DEFAULT_CSS = """
    LinesView {
        scrollbar-size: 1 1;
    }
    """

    def __init__(
        self,
        lines: Iterable[Strip] = (),
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._lines: tuple[Strip, ...] = tuple(lines)
        self._extent = _extent(self._lines)
        # What was rendered at each visible row, and what it depended on besides the lines.
        self._rendered: dict[int, Strip] = {}
        self._rendered_for: object = None
        self._painting = False
        self._revealed: int | None = None

    # Content -----------------------------------------------------------------------------

    def line(self, y: int) -> Strip:
        """Return line `y` of the content, counted from 0."""
        return self._lines[y]

    def update_lines(self, lines: Iterable[Strip]) -> None:
        """Show `lines` instead of those before; lines that are the same objects cost least."""
        self._lines = tuple(lines)
        self.reload(_extent(self._lines))

    def reload(self, extent: Size | None = None) -> None:
        """Ask `line` again for what is visible; `extent` is the content's new size, if any."""
        if extent is not None:
            self._extent = extent
        if not self.is_mounted:
            return
        self._resize_content()
        self._forget_if_moved()
        width, height = self.size
        if not height:
            # Hidden: Textual keeps rendered lines for when it is shown again in the same size.
            self.refresh()
        changed = []
        for y in range(height):
            fresh = self._visible_line(y)
            if self._rendered.get(y) != fresh:
                self._rendered[y] = fresh
                changed.append(Region(0, y, width, 1))
        if changed:
            super().refresh(*changed)

    def _resize_content(self) -> None:
        """Let scrollbars and scroll offset know the new extent.

        Assigning `virtual_size` lays the screen out; nothing needs that while all fits.
        """
        if self._extent == self.virtual_size:
            return
        room = self.scrollable_content_region.size
        fits = all(
            size.width <= room.width and size.height <= room.height
            for size in (self._extent, self.virtual_size)
        )
        if fits and not self.styles.auto_dimensions:
            self.set_reactive(Widget.virtual_size, self._extent)
        else:
            self.virtual_size = self._extent

    # Scrolling ---------------------------------------------------------------------------

    def reveal(self, y: int) -> None:
        """Make line `y` visible: where it is out of view, scroll so that it is in the middle.

        A list that scrolls by one changes every row; recentring does so once in half a page.
        """
        self._revealed = y
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= y < top + height:
            self.scroll_to(y=max(0, y - height // 2), animate=False)

    def on_resize(self) -> None:
        """Keep the line that was revealed in view, also if that was before the first layout."""
        if self._revealed is not None:
            self.reveal(self._revealed)

    # Rendering ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Size the content."""
        self.virtual_size = self._extent

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Render again, all or `regions`; to show new content, `reload` is cheaper."""
        if repaint:
            self._rendered.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render for the screen."""
        self._forget_if_moved()
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def render_line(self, y: int) -> Strip:
        """Return visible row `y`.

        Textual asks here too where in the text a mouse selection is. Only then do the segments
        carry offsets: on every line they would cost more than the rest of rendering.
        """
        if not self._painting:
            self._forget_if_moved()
        strip = self._rendered.get(y)
        if strip is None:
            strip = self._rendered[y] = self._visible_line(y)
        if self._painting:
            return strip
        return strip.apply_offsets(self.scroll_offset.x, self.scroll_offset.y + y)

    def _forget_if_moved(self) -> None:
        now = (self.scroll_offset, self.size, self.visual_style, self.text_selection)
        if now != self._rendered_for:
            self._rendered.clear()
            self._rendered_for = now

    def _visible_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width = self.size.width
        style = self.visual_style.rich_style
        if top + y >= self._extent.height:
            return Strip.blank(width, style)
        line = self.line(top + y)
        if (selection := self.text_selection) is not None:
            line = self._with_selection(line, selection.get_span(top + y))
        return line.crop_extend(left, left + width, style).apply_style(style)

    # Selecting text with the mouse -------------------------------------------------------

    def _with_selection(self, line: Strip, span: tuple[int, int] | None) -> Strip:
        if span is None:
            return line
        text = line.text
        start = cell_len(text[: span[0]])
        end = line.cell_length if span[1] < 0 else cell_len(text[: span[1]])
        style = self.screen.get_component_rich_style("screen--selection")
        chosen = Segment.apply_style(line.crop(start, end), post_style=style)
        return Strip.join([line.crop(0, start), Strip(chosen), line.crop(end, line.cell_length)])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text, of at most `MOST_LINES_COPIED` lines."""
        first = selection.start.y if selection.start else 0
        last = selection.end.y if selection.end else self._extent.height - 1
        last = min(last, self._extent.height - 1, first + MOST_LINES_COPIED - 1)
        texts = []
        for y in range(first, last + 1):
            if (span := selection.get_span(y)) is not None:
                start, end = span
                text = self.line(y).text
                texts.append(text[start : len(text) if end < 0 else end].rstrip())
        return "\n".join(texts), "\n"


def _extent(lines: Sequence[Strip]) -> Size:
    return Size(max((line.cell_length for line in lines), default=0), len(lines))


class CellApp(App[ReturnType]):
    """An app that sends the terminal only the cells that differ from what it shows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._terminal = _Terminal()
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            # A page scrolled at 80x24 is sent 17 times, 62 kB, when the scrolling is animated.
            self.animation_level = "none"

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        # The one place every frame passes. Inline apps send other kinds of update, untouched.
        frame: Any = renderable
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            frame = _CellUpdate(renderable, self._terminal, self.size)
        super()._display(screen, frame)

    def action_redraw(self) -> None:
        """Send the whole screen again, for when something else has written to it."""
        self._terminal.known = False
        self.refresh(layout=True)

    def on_mount(self) -> None:
        """After a suspension nothing of ours is on the screen (Textual #6298: it stays blank)."""
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())

    def on_resize(self) -> None:
        """Trust nothing on the screen: terminals cut, wrap or clear when they are resized."""
        self.action_redraw()


class _Look(NamedTuple):
    """How a cell looks: parameters of SGR, and a link (OSC 8)."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""
    link: str = ""


_PLAIN = _Look()

# A cell is its character, with what combines with it, and its look. The second cell of a wide
# character holds the same after a NUL: it differs from another cell exactly when the first
# does, so no difference begins or ends in the middle of one.
_Cell = tuple[str, _Look]

# What moving the cursor takes ("\x1b[12;34H"), in cells that may be sent again instead.
_MOVE = 8


class _Terminal:
    """What the terminal shows, row by row; nothing of it is `known` before a full update."""

    def __init__(self) -> None:
        self.rows: dict[int, list[_Cell | None]] = {}
        self.known = False

    def row(self, y: int, width: int) -> list[_Cell | None]:
        row = self.rows.setdefault(y, [])
        if len(row) < width:
            row.extend([None] * (width - len(row)))
        return row


class _CellUpdate(CompositorUpdate):
    """A frame of Textual's, sent as the cells that differ."""

    def __init__(self, update: ChopsUpdate | LayoutUpdate, terminal: _Terminal, size: Size) -> None:
        self.update = update
        self.terminal = terminal
        self.size = size

    def render_segments(self, console: Console) -> str:
        """Return what is to be sent. It is sent for sure: Textual asks when it writes."""
        colors = console._color_system or ColorSystem.TRUECOLOR  # as Strip.render does
        terminal, update = self.terminal, self.update
        if not terminal.known:
            terminal.rows.clear()
        pen = _Pen(terminal)
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                x = update.region.x
                for strip in strips:
                    pen.draw(x, y, _cells(strip, colors, strip.cell_length))
                    x += strip.cell_length
            # One that was laid out for the size before a resize may have been cut or wrapped.
            terminal.known = update.region.size == self.size
        else:
            # Whole chops, the parts of a line between edges of widgets: the compositor has
            # rendered them anyway, and a span may begin inside a wide character.
            for y, start, stop in update.spans:
                chops = zip(update.chop_ends[y], update.chops[y].items(), strict=True)
                for end, (x, chop) in chops:
                    if chop is not None and x < stop and end > start:
                        pen.draw(x, y, _cells(chop, colors, end - x))
        return pen.text()


class _Pen:
    """Draws cells where they differ, with as few moves and changes of style as will do."""

    def __init__(self, terminal: _Terminal) -> None:
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
            self.go(at, y, cells[max(0, self.x - x) : at - x])
            self.put(cell)

    def go(self, x: int, y: int, between: list[_Cell]) -> None:
        """Go to a cell: over the ones `between`, sending them again, where that is shorter."""
        if y == self.y and x == self.x:
            return
        if (
            y == self.y
            and 0 < x - self.x == len(between) <= _MOVE
            and all(look == self.look and text.isascii() for text, look in between)
        ):
            for cell in between:
                self.put(cell)
        else:
            self.out.append(f"\x1b[{y + 1};{x + 1}H")
        self.x, self.y = x, y

    def put(self, cell: _Cell) -> None:
        text, look = cell
        self.x += 1
        if text[0] == "\0":
            return
        if look is not self.look:
            self.out.append(_change(self.look, look))
            self.look = look
        self.out.append(text)

    def text(self) -> str:
        self.out.append(_change(self.look, _PLAIN))
        return "".join(self.out)


def _cells(segments: Iterable[Segment], colors: ColorSystem, width: int) -> list[_Cell]:
    """Return the `width` cells that `segments` take on the screen."""
    cells: list[_Cell] = []
    for text, style, control in segments:
        if control:
            continue
        look = _PLAIN if style is None else _look(style, colors)
        if text.isascii() and text.isprintable():
            cells += [(character, look) for character in text]
        else:
            for cluster in _clusters(text):
                if size := cell_len(cluster):
                    cells += [(cluster, look), *[("\0" + cluster, look)] * (size - 1)]
                elif cells and cells[-1][0][0] != "\0":
                    # What combines with the last character of the segment before.
                    cells[-1] = cells[-1][0] + cluster, cells[-1][1]
    # Rich counts some nonsense differently (a control character after a joiner).
    return [*cells[:width], *[(" ", _PLAIN)] * (width - len(cells))]


def _clusters(text: str) -> list[str]:
    """Split `text` into characters with what combines with them; drop control characters."""
    clusters: list[str] = []
    for character in text:
        width = cell_len(character)
        joins = not width or (clusters and clusters[-1].endswith(JOINER))
        if not character.isprintable() and character != JOINER:
            # Lone surrogates cannot be encoded, and no one knows what private ones look like.
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
    """Return one object for equal looks, so that cells compare fast."""
    return look


@lru_cache(4096)
def _change(old: _Look, new: _Look) -> str:
    """Return what takes the terminal from one look to another."""
    if new == old:
        return ""
    link = f"\x1b]8;{new.link or ';'}\x1b\\" if new.link != old.link else ""
    if new[:3] == _PLAIN[:3]:
        return link if old[:3] == new[:3] else f"{link}\x1b[0m"
    codes = []
    if new.attributes != old.attributes:
        # Attributes can be added one by one; taking one away is shortest as a fresh start.
        if old.attributes:
            codes.append("0")
            old = _PLAIN
        codes.append(new.attributes)
    if new.foreground != old.foreground:
        codes.append(new.foreground or "39")
    if new.background != old.background:
        codes.append(new.background or "49")
    return f"{link}\x1b[{';'.join(code for code in codes if code)}m" if codes else link
