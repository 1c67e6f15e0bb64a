"""The top line: graph, SGD step, phase, moment, cost and learning rate."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mfdebug.core.commands.status import cost_text
from mfdebug.core.expressions.names import word_typed
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.lines import LinesView


class StatusLine(LinesView):
    """The status line, which always shows the present moment."""

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
        left, right = self._pieces(short=False)
        if _width(left + right) + SHORTEST_NAME + 3 > self.size.width:
            left, right = self._pieces(short=True)
        if _width(left + right) + SHORTEST_NAME + 3 > self.size.width:
            left = left[:-2]  # the moment's number is the least important
        used = _width(left + right)
        name = self.debugger.graph.name
        room = max(SHORTEST_NAME, min(cell_len(name), self.size.width - used - 5))
        named = [(f" {fit(name, room)}  ", self.get_component_rich_style("status--name"))]
        gap = max(1, self.size.width - used - _width(named))
        label = self.get_component_rich_style("status--label")
        pieces = [*named, *left, (" " * gap, label), *right]
        return [Segment(text, style) for text, style in pieces]

    def _pieces(self, *, short: bool) -> tuple[list[Piece], list[Piece]]:
        """Return the left and the right pieces, abbreviated if `short`, for narrow terminals."""
        debugger, where = self.debugger, self.debugger.where
        number = self.get_component_rich_style("status--number")
        label = self.get_component_rich_style("status--label")
        gap = " " if short else "   "
        of = "/" if short else " of "
        part = f" {where.part}{of}{where.parts}" if where.node is not None else ""
        step = [("step " if short else "SGD step ", label), (f"{where.sgd_step}{gap}", number)]
        left = [
            *(step if debugger.cursor.has_steps else []),
            (f"{where.phase}{part}{gap}", number),
            ("at " if short else "moment ", label),
            (f"{where.number}", number),
        ]
        word, _, rest = cost_text(debugger).partition(" ")
        rest = rest.replace("(before the update)", "(before)")
        if short:
            rest = rest.replace("(of SGD step ", "(step ").replace("not computed", "-")
        right = [(f" {word} ", label), (f"{rest} ", number)]
        if debugger.graph.trains and not math.isnan(debugger.state.learning_rate):
            rate = f"{scalar(debugger.state.learning_rate)} "
            word = word_typed("lr", debugger.graph.by_name)
            right += [(f"{'' if short else '  '}{word} ", label), (rate, number)]
        return left, right


Piece = tuple[str, Style]
SHORTEST_NAME = 5


def _width(pieces: list[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)
