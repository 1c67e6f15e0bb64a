"""What the signs in the order tree mean, in the lines below it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.events import Resize
from textual.widgets import Static

from mfdebug.core.explain.list_marks import LEGEND
from mfdebug.tui.keys import keys_of

LINES = 2
# A list of so few nodes leaves a line for the key that opens a node to its edges.
FEW_NODES = 15
# From this width on, two blanks are between two signs.
SPACED = 40


class Legend(Static):
    """Two lines below the order tree: as many signs as fit; the help has them all.

    Below a short list a line before them names the key that lists the edges of a node.
    """

    DEFAULT_CSS = """
    Legend { height: 2; padding: 0 0 0 1; color: $text-muted; }
    Legend.edges { height: 3; }
    """

    def __init__(self, nodes: int, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, markup=False)
        self._edges = nodes <= FEW_NODES
        self.set_class(self._edges, "edges")

    def on_resize(self, event: Resize) -> None:
        """Show as many signs as fit."""
        width = event.size.width - 1
        lines = [legend_text(width)]
        if self._edges:
            keys = keys_of(self)
            words = f"{keys.name('order-open')}: inbound, outbound nodes"
            lines.insert(0, words if keys.of("order-open") and cell_len(words) <= width else "")
        self.update("\n".join(lines), layout=False)


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
