"""Node names fitted to a column so that names that differ do not look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich.cells import cell_len

from mfdebug.tui.terminal.text_fitting import fit, fit_end, fit_middle
from mfdebug.tui.widgets.order_rows import OrderRows


class NameTexts:
    """The names of nodes within their scopes, in a column."""

    def __init__(self, rows: OrderRows) -> None:
        self._rows = rows
        # By the width that is left beside the indentation.
        self._shorteners: dict[int, dict[str, str]] = {}

    def text(self, node: int, width: int) -> str:
        """Return a node's name within its scope in exactly `width` cells."""
        name = self._rows.own_name(node)
        if cell_len(name) <= width:
            return fit(name, width)
        if width not in self._shorteners:
            self._shorteners[width] = self._shortened(width)
        return fit(self._shorteners[width][name], width)

    def _shortened(self, width: int) -> dict[str, str]:
        """Shorten every name that is too long: the way that keeps most of them distinct."""
        names = map(self._rows.own_name, range(len(self._rows.names)))
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
