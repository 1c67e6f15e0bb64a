"""The top line: which graph, and where in time: SGD step, phase, moment, cost, learning rate."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mfdebug.core.commands import cost_text
from mfdebug.core.debugger import Debugger
from mfdebug.core.numbers import scalar
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.order_tree import fit


class StatusLine(LinesView):
    """One line that always says where the cursor is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"status--name", "status--number", "status--label"}
    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        background: $panel;
        & > .status--name { color: $accent; text-style: bold; }
        & > .status--number { color: $text; text-style: bold; }
        & > .status--label { color: $text-muted; }
        &:nocolor, &:ansi { text-style: reverse; }
    }
    """

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger

    def show(self) -> None:
        """Show the present moment."""
        self.update_lines([Strip(self._segments())])

    def on_resize(self) -> None:
        """Fit the line to the screen."""
        self.show()

    def _segments(self) -> list[Segment]:
        debugger, where = self.debugger, self.debugger.where
        name = self.get_component_rich_style("status--name")
        number = self.get_component_rich_style("status--number")
        label = self.get_component_rich_style("status--label")
        part = f" {where.part} of {where.parts}" if where.node is not None else ""
        left = [
            ("SGD step ", label),
            (f"{where.sgd_step}   ", number),
            (f"{where.phase}{part}   ", number),
            ("moment ", label),
            (f"{where.number}  ", number),
        ]
        cost = cost_text(debugger)
        word, _, rest = cost.partition(" ")
        right = [(f"{word} ", label), (f"{rest} ", number)]
        if debugger.graph.trains:
            right += [("  lr ", label), (f"{scalar(debugger.learning_rate)} ", number)]
        used = sum(cell_len(text) for text, _ in left + right)
        room = max(6, min(cell_len(debugger.graph.name), self.size.width - used - 4))
        gap = max(1, self.size.width - used - room - 3)
        pieces: list[tuple[str, Style]] = [(f" {fit(debugger.graph.name, room)}  ", name), *left]
        return [Segment(text, style) for text, style in [*pieces, (" " * gap, label), *right]]
