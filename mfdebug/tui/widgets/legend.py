"""What the signs in the order tree mean, in the lines below it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.events import Resize
from textual.widgets import Static

from mfdebug.core.explain.list_marks import LEGEND

LINES = 2
# From this width on, two blanks are between two signs.
SPACED = 40


class Legend(Static):
    """Two lines below the order tree: as many signs as fit; the help has them all."""

    DEFAULT_CSS = """
    Legend { height: 2; padding: 0 0 0 1; color: $text-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, markup=False)

    def on_resize(self, event: Resize) -> None:
        """Show as many signs as fit."""
        self.update(legend_text(event.size.width - 1), layout=False)


def legend_text(width: int) -> str:
    """Return the signs that fit into two lines of a width, each with its meaning."""
    gap = "  " if width >= SPACED else " "
    lines = [""]
    for entry in LEGEND:
        longer = f"{lines[-1]}{gap if lines[-1] else ''}{entry}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        elif len(lines) < LINES and cell_len(entry) <= width:
            lines.append(entry)
    return "\n".join(lines)
