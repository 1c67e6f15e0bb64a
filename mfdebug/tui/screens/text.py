"""A dialog with text: an explanation, a printed value, a table whose rows can be gone to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, cast

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Static

from mfdebug.core.format.cells import cells
from mfdebug.core.format.table import Fitted, Part, Row, Table
from mfdebug.core.session.reply import Target
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.terminal.text_fitting import fit, wrap
from mfdebug.tui.widgets.key_words import KeyWords
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import has_few_colours, select_row

MAX_COLUMNS = 100
# The frame, the padding, and a scrollbar with the blank before it.
AROUND = 8
# The title, the keys, the frame and the blank lines between them.
OTHER_LINES = 6
# The most lines of what the chosen row says, below a table that is cut.
MOST_WORDS = 4


class _Line(NamedTuple):
    text: str
    row: Row | None = None
    is_head: bool = False


class TextLines(LinesView, can_focus=False):
    """Lines of text, some of which are rows of a table; one of those that lead somewhere is chosen.

    The mouse goes where the clicked row leads.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"text--chosen", "text--head"}
    DEFAULT_CSS = """
    TextLines {
        overflow-x: hidden;
        & > .text--chosen { background: $chosen; text-style: bold; }
        & > .text--head { color: $text-muted; }
    }
    """

    class Opened(Message):
        """A row was clicked."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.content: list[_Line] = []
        self._leading: list[int] = []
        self._chosen = 0

    @property
    def chosen(self) -> Row | None:
        """The chosen row, if any row leads somewhere."""
        return self.content[self._leading[self._chosen]].row if self._leading else None

    def show(self, content: list[_Line]) -> None:
        """Show lines; the row that was chosen stays so."""
        self.content = content
        self._leading = [
            y for y, line in enumerate(content) if line.row is not None and line.row.to is not None
        ]
        self._reload()

    def choose(self, by: int) -> None:
        """Choose another row."""
        self._chosen = min(max(self._chosen + by, 0), len(self._leading) - 1)
        self._reload()

    def _reload(self) -> None:
        self.reload(Size(self.line_width, len(self.content)))
        if self._leading:
            # The heads are revealed with the first row.
            self.reveal(self._leading[self._chosen] if self._chosen else 0)

    def line(self, y: int) -> Strip:
        """Return line `y`."""
        line = self.content[y]
        if line.row is not None and line.row is self.chosen:
            style = self.get_component_rich_style("text--chosen")
            row = Strip([Segment(fit(line.text, self.line_width))])
            return select_row(row, style, self.line_width, few=has_few_colours(self.app))
        head = self.get_component_rich_style("text--head")
        return Strip([Segment(line.text, head if line.is_head else None)])

    def on_click(self, event: Click) -> None:
        """Choose the clicked row and go there, unless the mouse was used to select text."""
        y = event.y + self.scroll_offset.y
        if y in self._leading and self.text_selection is None:
            self._chosen = self._leading.index(y)
            self._reload()
            self.post_message(self.Opened())


class TextScreen(Dialog[Target | None]):
    """Lines and tables in a frame; it is dismissed with what the chosen row refers to, or None."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("text")

    def __init__(self, title: str, parts: Sequence[Part], *, from_end: bool = False) -> None:
        """`from_end`: what is seen first is the end of the lines."""
        super().__init__()
        self._heading = title
        self._parts = parts
        self._from_end = from_end
        # The columns of its lines; the frame has its new width only after the next layout.
        self._columns = 0

    def compose(self) -> ComposeResult:
        """A title, the lines, what the chosen row says, and how to close."""
        with Vertical(id="dialog"):
            yield Static(self._heading, id="dialog-title", markup=False)
            yield TextLines(id="dialog-text")
            yield Static("", id="dialog-words", markup=False)
            yield KeyWords(id="dialog-keys")

    def on_resize(self, _event: Resize) -> None:
        """Fit the dialog and its lines to the screen."""
        outer = min(self.size.width * 9 // 10, MAX_COLUMNS)
        tables = [part for part in self._parts if isinstance(part, Table)]
        needed = max((cells(line) for table in tables for line in table.lines()), default=0)
        outer = min(self.size.width, max(outer, needed + AROUND))
        dialog, text = self.query_one("#dialog"), self.query_one(TextLines)
        dialog.styles.width = dialog.styles.max_width = outer
        width = self._columns = outer - AROUND
        content, is_cut = self._lines(width)
        words = [wrap(line.row.words, width) for line in content if line.row is not None]
        used = min(MOST_WORDS, max(map(len, words), default=0)) if is_cut else 0
        below = self.query_one("#dialog-words", Static)
        below.display = used > 0
        below.styles.height = used
        room = self.room.height * 9 // 10 - OTHER_LINES - (used + 1 if used else 0)
        text.styles.height = min(len(content), max(3, room))
        text.show(content)
        if text.chosen is None:
            if self._from_end:
                # It waits until the lines have their place.
                text.scroll_end(animate=False)
            else:
                text.scroll_to(y=0, animate=False)
        chooses = text.chosen is not None
        keys = (
            "↑ ↓ choose   Enter goes there   Esc closes" if chooses else "↑ ↓ scroll   Esc closes"
        )
        self.query_one(KeyWords).use(keys)
        self._show_words()

    def _lines(self, width: int) -> tuple[list[_Line], bool]:
        """Return all lines at most `width` cells wide, and whether a table is cut."""
        content: list[_Line] = []
        is_cut = False
        for part in self._parts:
            if isinstance(part, Table):
                fitted = Fitted(part, width)
                is_cut |= fitted.is_cut
                content += _table_lines(fitted)
            else:
                content += map(_Line, _wrapped(part, width))
        return content, is_cut

    def _show_words(self) -> None:
        below = self.query_one("#dialog-words", Static)
        chosen = self.query_one(TextLines).chosen
        if below.display and chosen is not None:
            lines = wrap(chosen.words, max(20, self._columns))
            if len(lines) > MOST_WORDS:
                lines = [*lines[: MOST_WORDS - 1], f"{lines[MOST_WORDS - 1]} …"]
            below.update("\n".join(lines), layout=False)

    async def action_prompt(self) -> None:
        """Close, and open the prompt: the user need not close the dialog first."""
        await self.app.pop_screen()
        await self.app.screen.run_action("prompt('')")

    def action_scroll(self, by: int) -> None:
        """Choose another row, or scroll by lines if no row leads anywhere."""
        text = self.query_one(TextLines)
        if text.chosen is None:
            text.scroll_relative(y=by, animate=False)
        else:
            text.choose(by)
            self._show_words()

    def action_edge(self, side: int) -> None:
        """Go to the first or the last row or line."""
        self.action_scroll(side * len(self.query_one(TextLines).content))

    def action_open(self) -> None:
        """Close, and go where the chosen row leads, if any."""
        chosen = self.query_one(TextLines).chosen
        self.dismiss(None if chosen is None else cast("Target", chosen.to))

    def on_text_lines_opened(self) -> None:
        """Go where the clicked row leads."""
        self.action_open()


def _table_lines(fitted: Fitted) -> Iterator[_Line]:
    table = fitted.table
    if fitted.has_heads:
        yield _Line(fitted.heads, is_head=True)
    for y, row in enumerate(table.rows):
        yield _Line(fitted.line(y), row)
    if rest := table.rest(len(table.rows)):
        yield _Line(rest)


def _wrapped(line: str, width: int) -> list[str]:
    """Wrap a long line, keeping its indent."""
    indent = line[: len(line) - len(line.lstrip())]
    return [indent + part for part in wrap(line.strip(), width - len(indent))] or [""]
