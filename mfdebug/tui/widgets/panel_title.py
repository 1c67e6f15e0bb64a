"""The title line of a panel, in bold lines while the panel has the focus."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message
from textual.widgets import Static


class PanelTitle(Static):
    """`─ order ── value ─ grad ─`, above the panel with the id `panel`; a note may end it."""

    DEFAULT_CSS = """
    PanelTitle { height: 1; color: $text-muted; }
    """

    class Clicked(Message):
        """A title was clicked, or clicked twice."""

        def __init__(self, panel: str, *, twice: bool) -> None:
            super().__init__()
            self.panel, self.twice = panel, twice

    def __init__(self, panel: str) -> None:
        super().__init__("", id=f"{panel}-title", markup=False)
        self._panel = panel
        self._drawn = ""

    def on_click(self, event: Click) -> None:
        """Report the click."""
        self.post_message(self.Clicked(self._panel, twice=event.chain > 1))

    @property
    def panel(self) -> str:
        """The id of the panel."""
        return self._panel

    def draw(
        self,
        focused: str | None,
        headings: Sequence[tuple[int, str]] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Draw the line to its width; `focused` is the id of the focused widget.

        `headings` are words over columns of the panel, each with its position; the first of the
        notes for which there is room stands at the end.
        """
        mark = "━" if focused == self._panel else "─"
        line = f"{mark} {self._panel} "
        for at, word in headings:
            if len(line) <= at <= self.size.width - len(word):
                line = f"{f'{line.ljust(at - 1, mark)} '[:at]}{word} "
        room = self.size.width - cell_len(line)
        ends = (f" {note} {mark}" for note in notes if note)
        end = next((end for end in ends if cell_len(end) <= room), "")
        line = f"{line}{mark * (room - cell_len(end))}{end}"
        if line != self._drawn:
            self._drawn = line
            self.update(line, layout=False)
