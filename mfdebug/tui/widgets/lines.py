"""The base widget of the panels, which renders only the lines that change.

A step changes a few numbers. `LinesView` compares its new lines with those last rendered and
refreshes only the lines that differ, without a layout; `mfdebug.tui.terminal.cells` then sends only
the cells that differ.

Text may come from a hostile file. Lines consist of segments, never of markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from typing import Self

    from textual.selection import Selection

# Copying a selection reads all its lines, and a virtual view may have millions.
MAX_LINES_COPIED = 10_000


class LinesView(ScrollView, can_focus=False):
    """Lines of text that scroll; only those that change are rendered again.

    Set the lines with `update_lines`, or subclass it, override `line` and call `reload` when the
    results of `line` have changed. Only visible lines are requested, so millions of rows cost the
    same as twenty. Colours that a line does not set are the widget's own. A click does not take the
    focus to it, unless a subclass has `can_focus`.
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
        # The rendered strip of each visible row, and what else it depended on besides the lines.
        self._rendered: dict[int, Strip] = {}
        self._rendered_for: object = None
        self._part_styles: dict[tuple[tuple[str, ...], bool], Style] = {}
        self._painting = False
        self._revealed: int | None = None

    # Content -----------------------------------------------------------------------------

    def line(self, y: int) -> Strip:
        """Return line `y` of the content, counted from 0."""
        return self._lines[y]

    @property
    def line_width(self) -> int:
        """The width available to a line, in cells; `size` includes those under the scrollbar.

        The cell before the scrollbar stays blank: a number that touches it looks truncated.
        """
        bar = self.scrollbar_size_vertical
        return self.size.width - (bar + 1 if bar else 0)

    def update_lines(self, lines: Iterable[Strip]) -> None:
        """Show `lines` instead of the previous ones; reusing the same objects is fastest."""
        self._lines = tuple(lines)
        self.reload(_extent(self._lines))

    def reload(self, extent: Size | None = None, *, reveal: int | None = None) -> None:
        """Request the visible lines again; `extent` is the content's new size, if it changed.

        Line `reveal` is made visible before: lines that it scrolls away would be drawn in vain.
        """
        if extent is not None:
            self._extent = extent
        if not self.is_mounted:
            self._revealed = reveal if reveal is not None else self._revealed
            return
        self._resize_content()
        if reveal is not None:
            self.reveal(reveal)
        self._clear_if_stale()
        width, height = self.size
        if not height:
            # Hidden: Textual would reuse its rendered lines when the widget is shown again.
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
        """Update scrollbars and scroll offset for the new extent.

        Assigning `virtual_size` causes a layout, which is unnecessary while everything fits, and
        where no scrollbar comes or goes.
        """
        if self._extent == self.virtual_size:
            return
        room, styles = self.scrollable_content_region.size, self.styles
        fits = all(
            size.width <= room.width and size.height <= room.height
            for size in (self._extent, self.virtual_size)
        )
        stays = "auto" not in (styles.overflow_x, styles.overflow_y)
        if styles.auto_dimensions or not (fits or stays):
            self.virtual_size = self._extent
            return
        self.set_reactive(Widget.virtual_size, self._extent)
        if stays:
            self._scroll_update(self._extent)

    # Scrolling ---------------------------------------------------------------------------

    def reveal(self, y: int) -> None:
        """Make line `y` visible; if it is out of view, scroll it to the middle.

        Scrolling by one line changes every row; recentring does so only once per half page.
        """
        self._revealed = y
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= y < top + height:
            self.scroll_to(y=max(0, y - height // 2), animate=False)

    def on_resize(self) -> None:
        """Keep the revealed line in view, also if it was revealed before the first layout."""
        if self._revealed is not None:
            self.reveal(self._revealed)

    # Rendering ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Set the size of the content."""
        self.virtual_size = self._extent

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Render everything or `regions` again; for new content, `reload` is cheaper."""
        if repaint:
            self._rendered.clear()
            self._part_styles.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Forget the styles of the parts."""
        self._part_styles.clear()
        super().notify_style_update()

    def get_component_rich_style(
        self, *names: str, partial: bool = False, default: Style | None = None
    ) -> Style:
        """Return the style of a part, which Textual would compute again after every refresh."""
        style = self._part_styles.get((names, partial))
        if style is None:
            style = super().get_component_rich_style(*names, partial=partial, default=default)
            if default is None:
                self._part_styles[names, partial] = style
        return style

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render for the screen."""
        self._clear_if_stale()
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def render_line(self, y: int) -> Strip:
        """Return visible row `y`.

        Textual also calls this to map a mouse selection to the text. Only then do the segments
        carry offsets: on every line they would cost more than the rest of rendering.
        """
        if not self._painting:
            self._clear_if_stale()
        strip = self._rendered.get(y)
        if strip is None:
            strip = self._rendered[y] = self._visible_line(y)
        if self._painting:
            return strip
        return strip.apply_offsets(self.scroll_offset.x, self.scroll_offset.y + y)

    def _clear_if_stale(self) -> None:
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
        """Return the selected text, of at most `MAX_LINES_COPIED` lines."""
        first = selection.start.y if selection.start else 0
        last = selection.end.y if selection.end else self._extent.height - 1
        last = min(last, self._extent.height - 1, first + MAX_LINES_COPIED - 1)
        texts = []
        for y in range(first, last + 1):
            if (span := selection.get_span(y)) is not None:
                start, end = span
                text = self.line(y).text
                texts.append(text[start : len(text) if end < 0 else end].rstrip())
        return "\n".join(texts), "\n"


def _extent(lines: Sequence[Strip]) -> Size:
    return Size(max((line.cell_length for line in lines), default=0), len(lines))
