"""The title line of a panel, in bold lines while the panel has the focus."""

from __future__ import annotations

from rich.cells import cell_len
from textual.widgets import Static


class PanelTitle(Static):
    """`── order ─────`, above the panel with the id `panel`; a note may stand at its end."""

    DEFAULT_CSS = """
    PanelTitle { height: 1; color: $text-muted; }
    """

    def __init__(self, panel: str) -> None:
        super().__init__("", id=f"{panel}-title", markup=False)
        self._panel = panel
        self._drawn = ""

    @property
    def panel(self) -> str:
        """The id of the panel."""
        return self._panel

    def draw(self, focused: str | None, note: str = "") -> None:
        """Draw the line to its width; `focused` is the id of the focused widget."""
        mark = "━" if focused == self._panel else "─"
        end = f" {note} {mark}" if note else ""
        room = self.size.width - len(self._panel) - 3
        if cell_len(end) > room:
            end = ""
        line = f"{mark} {self._panel} {mark * (room - cell_len(end))}{end}"
        if line != self._drawn:
            self._drawn = line
            self.update(line, layout=False)
