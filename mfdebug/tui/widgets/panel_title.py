"""The title line of a panel, in bold lines while the panel has the focus."""

from __future__ import annotations

from textual.widgets import Static


class PanelTitle(Static):
    """`── order ─────`, above the panel with the id `panel`."""

    DEFAULT_CSS = """
    PanelTitle { height: 1; color: $text-muted; }
    """

    def __init__(self, panel: str) -> None:
        super().__init__("", id=f"{panel}-title", markup=False)
        self._panel = panel

    def draw(self, focused: str | None) -> None:
        """Draw the line to its width; `focused` is the id of the focused widget."""
        mark = "━" if focused == self._panel else "─"
        rest = mark * max(0, self.size.width - len(self._panel) - 3)
        self.update(f"{mark} {self._panel} {rest}", layout=False)
