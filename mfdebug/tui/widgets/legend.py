"""What the marks in the order tree mean."""

from __future__ import annotations

from textual.widgets import Static

FULL = "✓ value  ∂ gradient  ◐ ⊕ part, all in\n∙ wait   ~ stale  * trained  ! nan  ● stop"
SHORT = "✓ value ∂ grad ◐⊕ part, all\n∙ wait ~ stale * train ! nan ●stop"


class Legend(Static):
    """Two lines below the order tree."""

    DEFAULT_CSS = """
    Legend { height: 2; padding: 0 0 0 1; color: $text-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(SHORT, id=id, markup=False)

    def on_resize(self) -> None:
        """Show the full or the short legend, whichever fits."""
        full = self.size.width >= max(map(len, FULL.split("\n")))
        self.update(FULL if full else SHORT, layout=False)
