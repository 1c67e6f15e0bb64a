"""What the signs in the order tree mean, in the lines below it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.events import Resize
from textual.widgets import Static

from mfdebug.core.explain.list_marks import LEGEND
from mfdebug.tui.keys import keys_of

# The lines of signs below a list that needs all the room it can get.
LEAST = 2
# A list of so few nodes leaves a line for the key that opens a node to its edges.
FEW_NODES = 15
# From this width on, two blanks are between two signs.
SPACED = 40


class Legend(Static):
    """Lines below the order tree: as many signs as fit; the help has them all.

    Below a short list a line before them names the key that lists the edges of a node.
    """

    DEFAULT_CSS = """
    Legend { height: 2; padding: 0 0 0 1; color: $text-muted; }
    """

    def __init__(self, nodes: int, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, markup=False)
        self._edges = nodes <= FEW_NODES
        self._room = 0
        self._absent = ""

    def fit(self, lines: int, absent: str) -> None:
        """Use up to so many lines, which the list does not need; it has no `absent` signs."""
        if (lines, absent) != (self._room, self._absent):
            self._room, self._absent = lines, absent
            self._draw()

    def on_resize(self, event: Resize) -> None:
        """Show as many signs as fit."""
        self._draw()

    def _draw(self) -> None:
        width, keys = self.size.width - 1, keys_of(self)
        lines = []
        if self._edges:
            words = f"{keys.name('order-open')}: inbound, outbound nodes"
            lines.append(words if keys.of("order-open") and cell_len(words) <= width else "")
        lines += legend_lines(width, max(LEAST, self._room - len(lines)), self._absent)
        self.styles.height = len(lines)
        self.update("\n".join(lines), layout=False)


def legend_lines(width: int, most: int = LEAST, absent: str = "") -> list[str]:
    """Return the signs that fit into lines of a width, each with its meaning, but no `absent` ones.

    There are at most `most` lines.
    """
    gap = "  " if width >= SPACED else " "
    lines = [""]
    for entry in LEGEND:
        if entry[0] in absent:
            continue
        longer = f"{lines[-1]}{gap if lines[-1] else ''}{entry}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        elif len(lines) < most and cell_len(entry) <= width:
            lines.append(entry)
    return lines
