"""Node names fitted to a column so that names that differ do not look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich.cells import cell_len

from mfdebug.tui.terminal.text_fitting import fit, fit_end, fit_middle
from mfdebug.tui.widgets.order_rows import OrderRows

# All names of a graph of so many nodes are told apart; of a larger one, those of a part of so many
# nodes and of the parts beside it: they are what a screen shows together.
MOST_NODES, PART = 2000, 128


class NameTexts:
    """The names of nodes within their scopes, in a column."""

    def __init__(self, rows: OrderRows) -> None:
        self._rows = rows
        self._count = len(rows.names)
        # By the width that is left beside the indentation, and by the part of the graph.
        self._shorteners: dict[tuple[int, int], dict[str, str]] = {}

    def text(self, node: int, width: int) -> str:
        """Return a node's name within its scope in exactly `width` cells."""
        name = self._rows.own_name(node)
        if cell_len(name) <= width:
            return fit(name, width)
        key = width, node // PART if self._count > MOST_NODES else 0
        if key not in self._shorteners:
            self._shorteners[key] = self._shortened(*key)
        return fit(self._shorteners[key][name], width)

    def _shortened(self, width: int, part: int) -> dict[str, str]:
        """Shorten every name that is too long: the way that keeps most of them distinct."""
        nodes = range(self._count)
        if self._count > MOST_NODES:
            nodes = nodes[max(0, part - 1) * PART : (part + 2) * PART]
        names = map(self._rows.own_name, nodes)
        long = {name for name in names if cell_len(name) > width}
        ways: tuple[Callable[[str, int], str], ...] = (fit_end, fit_middle, fit)
        shortened: dict[str, str] = {}
        for way in ways:
            texts = {name: way(name, width) for name in long if name not in shortened}
            counts = Counter(texts.values())
            taken = set(shortened.values())
            unique = {n: t for n, t in texts.items() if counts[t] == 1 and t not in taken}
            shortened |= unique
        return {name: fit_end(name, width) for name in long} | shortened
