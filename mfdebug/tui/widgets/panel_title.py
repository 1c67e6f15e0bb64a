"""The title line of a panel, in bold lines while the panel has the focus."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widgets import Static


class PanelTitle(Static):
    """`─ order ── value ─ grad ─`, above the panel with the id `panel`."""

    DEFAULT_CSS = """
    PanelTitle { height: 1; color: $text-muted; }
    """

    def __init__(self, panel: str) -> None:
        super().__init__("", id=f"{panel}-title", markup=False)
        self._panel = panel

    def draw(self, focused: str | None, headings: Sequence[tuple[int, str]] = ()) -> None:
        """Draw the line to its width; `focused` is the id of the focused widget.

        `headings` are words over columns of the panel, each with its position.
        """
        mark = "━" if focused == self._panel else "─"
        line = f"{mark} {self._panel} "
        for at, word in headings:
            if len(line) <= at <= self.size.width - len(word):
                line = f"{f'{line.ljust(at - 1, mark)} '[:at]}{word} "
        self.update(line.ljust(self.size.width, mark), layout=False)
