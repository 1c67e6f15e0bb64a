"""The list of stops: the condition of each, whether it is enabled, and its hit count."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.breakpoints.stop import Stop
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.side_list import SideList


class StopList(SideList):
    """A row per stop; those met at the present moment are marked."""

    def __init__(self, stops: Stops, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("stops", "met", id=id)
        self._stops = stops
        self._shown: list[Stop] = []
        self._met: frozenset[int] = frozenset()

    @property
    def wanted(self) -> bool:
        """Whether there is a stop."""
        return bool(self._stops)

    def show(self) -> None:
        """Show the stops at the present moment."""
        self._shown = list(self._stops)
        self._met = frozenset(hit.stop.number for hit in self._stops.met_now)
        met = (i for i, stop in enumerate(self._shown) if stop.number in self._met)
        self.show_rows(len(self._shown), next(met, None))

    def row(self, y: int, width: int) -> Strip:
        """Return the row of a stop, `width` cells wide."""
        stop = self._shown[y]
        met = stop.enabled and stop.number in self._met
        numbers = max(len(str(shown.number)) for shown in self._shown)
        hits = max(3, *(len(str(shown.hits)) for shown in self._shown))
        notes = "" if stop.enabled else " off"
        if stop.temporary:
            notes += " once"
        if stop.ignored:
            notes += f" passes {stop.ignored}"
        end = f"{notes} {stop.hits:>{hits}} "
        mark = "●" if met else " "
        words = fit(stop.line.partition(" ")[2], max(4, width - numbers - 3 - len(end)))
        text = f"{mark} {stop.number:>{numbers}} {words}{end}"
        kind = "list--met" if met else "list--plain" if stop.enabled else "list--dim"
        return Strip([Segment(text, self.get_component_rich_style(kind))])
