"""A dialog with text: an explanation, a printed value, the help of a command."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Static

from mfdebug.tui.keys import bindings_at
from mfdebug.tui.terminal.text_fitting import wrap
from mfdebug.tui.widgets.lines import LinesView

MAX_COLUMNS = 100


class TextScreen(ModalScreen[None]):
    """Lines of text in a frame."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("text")

    def __init__(self, title: str, lines: list[str]) -> None:
        super().__init__()
        self._heading = title
        self._text = lines

    def compose(self) -> ComposeResult:
        """A title, the lines, and how to close."""
        with Vertical(id="dialog"):
            yield Static(self._heading, id="dialog-title", markup=False)
            yield LinesView(id="dialog-text")
            yield Static("↑ ↓ scroll   Esc closes", id="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Size the dialog to its text."""
        width = min(self.size.width * 9 // 10, MAX_COLUMNS) - 8
        lines = [part for line in self._text for part in _wrapped(line, width)]
        text = self.query_one("#dialog-text", LinesView)
        text.styles.height = min(len(lines), max(3, self.size.height - 8))
        text.update_lines(Strip([Segment(line)]) for line in lines)

    async def action_prompt(self) -> None:
        """Close, and open the prompt: the user need not close the dialog first."""
        await self.app.pop_screen()
        await self.app.screen.run_action("prompt('')")

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one("#dialog-text", LinesView).scroll_relative(y=by, animate=False)


def _wrapped(line: str, width: int) -> list[str]:
    """Wrap a long line, keeping its indent."""
    indent = line[: len(line) - len(line.lstrip())]
    return [indent + part for part in wrap(line.strip(), width - len(indent))] or [""]
