"""The last lines that the debugged program printed, in their order."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from textual.strip import Strip

from mfdebug.core.format.program_output import as_seen
from mfdebug.tui.keys import keys_of
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.side_list import SideList


class OutputList(SideList):
    """A row per line, scrolled to the last one."""

    def __init__(self, printed: Callable[[], list[str]], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("output", id=id)
        self._printed = printed
        self._shown: list[str] = []

    @property
    def wanted(self) -> bool:
        """Whether the program has printed anything."""
        return bool(self._printed())

    def on_mount(self) -> None:
        """Name the key that shows the whole output, beside the title."""
        self._over_last = f"{keys_of(self).name('output')} shows all"

    def show(self) -> None:
        """Show the output so far."""
        self._shown = self._printed()
        self.show_rows(len(self._shown), len(self._shown) - 1)

    def row(self, y: int, width: int) -> Strip:
        """Return a line, `width` cells wide."""
        style = self.get_component_rich_style("list--plain")
        line = as_seen(self._shown[y]).expandtabs()
        return Strip([Segment(fit(f" {line}", width), style)])
