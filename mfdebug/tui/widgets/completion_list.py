"""The completions of the line at the prompt, listed above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.events import Click
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.commands.completion import Completion
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import has_few_colours, select_row

# Rows that are seen at once.
ROWS = 8
# Cells of the column of words, at most.
MAX_WORD = 28


class CompletionList(LinesView):
    """The words that fit, each with what it is; hidden while there is nothing to choose from."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"completion--chosen", "completion--about"}
    DEFAULT_CSS = """
    CompletionList {
        layer: overlay;
        dock: bottom;
        margin-bottom: 2;
        width: 1fr;
        max-width: 90;
        height: auto;
        display: none;
        background: $panel;
        & > .completion--chosen { background: $chosen; text-style: bold; }
        & > .completion--about { color: $text-muted; }
    }
    """
    can_focus = False

    class Clicked(Message):
        """A completion was clicked."""

        def __init__(self, completion: Completion) -> None:
            super().__init__()
            self.completion = completion

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._found: Sequence[Completion] = ()
        # The chosen completion; -1 for none.
        self._chosen = -1

    @property
    def is_open(self) -> bool:
        """Whether completions are listed."""
        return bool(self.display)

    def show(self, found: Sequence[Completion]) -> None:
        """List these completions, with none chosen; if there are none, hide the list."""
        self._found, self._chosen = found, -1
        self.display = bool(found)
        self._draw()

    def close(self) -> None:
        """Hide the list."""
        self.show(())

    def move(self, by: int) -> Completion | None:
        """Choose the completion that is `by` rows further, in a circle with a row for none."""
        count = len(self._found) + 1
        self._chosen = (self._chosen + 1 + by) % count - 1
        self._draw()
        return None if self._chosen < 0 else self._found[self._chosen]

    @property
    def _seen(self) -> range:
        """The completions that are seen; where there are more below, the last row says so."""
        if len(self._found) <= ROWS:
            return range(len(self._found))
        first = min(max(0, self._chosen - ROWS + 2), len(self._found) - ROWS)
        below = first + ROWS < len(self._found)
        return range(first, first + ROWS - below)

    def _draw(self) -> None:
        chosen = self.get_component_rich_style("completion--chosen")
        about = self.get_component_rich_style("completion--about")
        few = has_few_colours(self.app)
        seen = self._seen
        words = [self._found[number].word for number in seen]
        column = min(MAX_WORD, max(map(cell_len, words), default=0))
        width = self.size.width or self.screen.size.width
        rows = []
        for number, word in zip(seen, words, strict=True):
            mark = "▸" if number == self._chosen else " "
            left = f" {mark} {fit(word, column)}  "
            right = fit(self._found[number].about, max(0, width - cell_len(left)))
            if number == self._chosen:
                row = Strip([Segment(left), Segment(right, about)])
                # After the mark.
                rows.append(select_row(row, chosen, width, few=few, start=3))
            else:
                rows.append(Strip([Segment(left), Segment(right, about)]))
        if more := len(self._found) - seen.stop:
            rows.append(Strip([Segment(f"   … {more} more", about)]))
        self.styles.height = len(rows)
        self.update_lines(rows)

    def on_click(self, event: Click) -> None:
        """Report the completion that was clicked."""
        if event.y < len(self._seen):
            self.post_message(self.Clicked(self._found[self._seen[event.y]]))
