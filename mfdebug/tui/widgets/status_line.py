"""The top line: graph, SGD step, phase, moment, batch of rows, cost and learning rate."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mfdebug.core.commands.status import cost_text
from mfdebug.core.expressions.names import word_typed
from mfdebug.core.format.batches import batch_words
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
    }
    """

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger
        # Not those of the plan, which a run in the background uses at the same time.
        self._batches = debugger.graph.batches()

    def show(self) -> None:
        """Show the present moment."""
        self.update_lines([Strip(self._segments())])

    def on_resize(self) -> None:
        """Fit the line to the screen."""
        self.show()

    def _segments(self) -> list[Segment]:
        name = self.debugger.graph.name
        left, right = self._fitting(max(SHORTEST_NAME, min(cell_len(name), LONGEST_NAME)))
        used = _width(left + right)
        room = max(SHORTEST_NAME, min(cell_len(name), self.size.width - used - AROUND_NAME))
        named = [(f" {fit(name, room)}  ", self.get_component_rich_style("status--name"))]
        gap = max(1, self.size.width - used - _width(named))
        label = self.get_component_rich_style("status--label")
        pieces = [*named, *left, (" " * gap, label), *right]
        return [Segment(text, style) for text, style in pieces]

    def _fitting(self, name: int) -> tuple[list[Piece], list[Piece]]:
        """Return the longest pieces that fit beside a name.

        Words are shortened before the name is cut, and the name is cut before the words for the
        batch, which come last but for the moment's number, are left out.
        """
        label = self.get_component_rich_style("status--label")
        long, short = self._pieces(short=False), self._pieces(short=True)
        batch = self._batch()
        placed = [([*long[0], (f"   {words}", label)], long[1]) for words in batch]
        placed += [
            ([*short[0], (f"{gap}{words}", label)], short[1])
            for gap in ("   ", " ")
            for words in batch[-1:]
        ]
        for pairs in (placed, [long, (long[0], short[1]), short]):
            for beside in (name, SHORTEST_NAME):
                for left, right in pairs:
                    if _width([*left, *right]) <= self.size.width - beside - AROUND_NAME:
                        return left, right
        return short[0][:-2], short[1]

    def _batch(self) -> list[str]:
        """Return the words for the rows of the present SGD step, the longest first."""
        if self._batches is None or self.debugger.moment <= 0:
            return []
        return batch_words(self._batches, self.debugger.sgd_step)

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
            *(step if debugger.cursor.has_steps and where.phase != "order" else []),
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
SHORTEST_NAME, LONGEST_NAME = 5, 20
# The spaces before and after the name; what is at the right ends with one that may be cut.
AROUND_NAME = 3


def _width(pieces: list[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)
