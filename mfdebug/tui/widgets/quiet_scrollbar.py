"""A vertical scrollbar that is blank while there is nothing to scroll."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment, Segments
from textual.scrollbar import ScrollBarRender


class QuietScrollBar(ScrollBarRender):
    """Renders the scrollbar of a widget that always has one, and so is not laid out for it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Textual's bar, or blanks while all lines are in view: its window has no size then."""
        if self.window_size:
            yield from super().__rich_console__(console, options)
        else:
            rows = options.height or console.height
            yield Segments([Segment(" " * self.thickness)] * rows, new_lines=True)
