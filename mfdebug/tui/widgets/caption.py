"""Captions of a demo, large enough for an audience."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from mfdebug.core.session.session import Session
from mfdebug.tui.terminal.text_fitting import fit, wrap
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import has_few_colours

# The least height in lines, so that nothing moves from caption to caption.
LINES = 3
# On screens of at least this height a blank line is above and below the caption.
TALL = 30
MARGIN = 3
# Longer lines are hard to read.
MAX_WIDTH = 92


class Caption(LinesView):
    """The text of `say`; hidden while there is none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"caption--text"}
    DEFAULT_CSS = """
    Caption {
        height: auto;
        display: none;
        background: $primary 30%;
        & > .caption--text { color: $text; text-style: bold; }
        &:nocolor, &:ansi { background: $background; }
    }
    """

    def __init__(self, session: Session, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._session = session
        self._text = ""

    def show(self) -> None:
        """Show the session's caption, or nothing if it has none."""
        self._text = self._session.caption
        if self.display != bool(self._text):
            self.display = bool(self._text)
        self._draw()

    def on_resize(self) -> None:
        """Wrap the text to the new width."""
        self._draw()

    def _draw(self) -> None:
        width = self.app.size.width
        style = self.get_component_rich_style("caption--text")
        lines = wrap(self._text, max(20, min(width - 2 * MARGIN, MAX_WIDTH)))
        lines += [""] * (LINES - len(lines))
        if self.app.size.height >= TALL:
            lines = ["", *lines, ""]
        if self.styles.height is None or self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        left = (
            max(MARGIN, (width - max(map(cell_len, lines))) // 2) if width > MAX_WIDTH else MARGIN
        )
        # With few colours a line at the left marks it, not a block of colour.
        mark = " ▌" if has_few_colours(self.app) else ""
        indent = mark.ljust(left)
        self.update_lines(Strip([Segment(fit(f"{indent}{line}", width), style)]) for line in lines)
