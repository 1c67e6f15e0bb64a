"""What the program that runs has printed: the last lines, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from textual.strip import Strip

from mfdebug.core.format.program_output import as_seen
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.side_list import SideList


class OutputList(SideList):
    """A row for each line; what comes last is in view."""

    def __init__(
        self,
        printed: Callable[[], list[str]],
        key: str,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        """`key` is the one that shows all."""
        super().__init__("output", f"{key} shows all", id=id)
        self._printed = printed
        self._shown: list[str] = []

    def show(self) -> None:
        """Show what is printed by now."""
        self._shown = self._printed()
        self.show_rows(len(self._shown), len(self._shown) - 1)

    def row(self, y: int, width: int) -> Strip:
        """Return a line in `width` cells."""
        style = self.get_component_rich_style("list--plain")
        line = as_seen(self._shown[y]).expandtabs()
        return Strip([Segment(fit(f" {line}", width), style)])
