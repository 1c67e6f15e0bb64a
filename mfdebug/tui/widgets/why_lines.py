"""The lines of the `why` dialog: the terms of a number, and the numbers that a term depends on."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.explain.cause_text import term_table
from mfdebug.core.explain.why import Cause
from mfdebug.core.format.table import Fitted
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import has_few_colours, select_row


class WhyLines(LinesView, can_focus=False):
    """Lines of the dialog, in its styles."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"why--chosen", "why--row", "why--dim", "why--here"}
    DEFAULT_CSS = """
    WhyLines {
        background: $panel;
        overflow-x: hidden;
        & > .why--chosen { text-style: reverse; }
        & > .why--row { background: $chosen; text-style: bold; }
        & > .why--dim { color: $text-muted; }
        & > .why--here { color: $accent; text-style: bold; }
    }
    """

    def style(self, name: str) -> Style:
        """Return the style `chosen`, `row`, `dim` or `here`."""
        return self.get_component_rich_style(f"why--{name}")


class LeadLines(WhyLines):
    """The numbers that the selected term depends on; `spans` is where each of them is.

    A place is a line, the first cell of the number and the one after its last.
    """

    class Clicked(Message):
        """A number was clicked."""

        def __init__(self, factor: int) -> None:
            super().__init__()
            self.factor = factor

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.spans: list[tuple[int, int, int]] = []

    def on_click(self, event: Click) -> None:
        """Report the number that was clicked."""
        for factor, (line, start, end) in enumerate(self.spans):
            if event.y == line and start <= event.x < end:
                self.post_message(self.Clicked(factor))


class TermList(WhyLines):
    """A row per term: its amount, the sum so far, and the term in symbols and numbers."""

    class Clicked(Message):
        """A term was clicked, or clicked twice to follow it."""

        def __init__(self, term: int, *, twice: bool) -> None:
            super().__init__()
            self.term, self.twice = term, twice

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._cause: Cause | None = None
        self._term = 0
        self._fitted: Fitted | None = None

    def show(self, cause: Cause, term: int) -> None:
        """Show the terms of a number, and which term is selected."""
        self._cause, self._term = cause, term
        # Before the first layout, and while it is hidden, there is no width.
        width = self.line_width if self.line_width > 0 else None
        self._fitted = Fitted(term_table(cause, cause.left_out_sum), width)
        extent = Size(self.line_width, len(cause.terms) + bool(cause.left_out))
        self.reload(extent, reveal=term)

    def on_click(self, event: Click) -> None:
        """Report the term that was clicked."""
        y = event.y + self.scroll_offset.y
        if self._cause is not None and y < len(self._cause.terms):
            self.post_message(self.Clicked(y, twice=event.chain > 1))

    @property
    def heads(self) -> str:
        """The titles of the columns."""
        return self._at_width().heads

    def _at_width(self) -> Fitted:
        """Return the table at the present width, which the scrollbar changes."""
        assert self._fitted is not None
        if self._fitted.width != self.line_width and self.line_width > 0:
            self._fitted = Fitted(self._fitted.table, self.line_width)
        return self._fitted

    def line(self, y: int) -> Strip:
        """Return the line of a term, or the number of terms that are left out."""
        fitted = self._at_width()
        if y == len(fitted.table.rows):
            return Strip([Segment(fitted.table.rest(y), self.style("dim"))])
        text = fit(fitted.line(y), self.line_width)
        row = Strip([Segment(text)])
        if y != self._term:
            return row
        few = has_few_colours(self.app)
        return select_row(row, self.style("row"), self.line_width, few=few)
