"""The smallest app with what `test_lines_bytes` measures: a panel of numbers, a long list."""

from __future__ import annotations

import random
import sys
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size
from textual.strip import Strip

from mfdebug.tui.terminal.cells import CellApp
from mfdebug.tui.widgets.lines import LinesView

DIM, STRONG, HOT = Style.parse("#8888aa"), Style.parse("bold"), Style.parse("bold #ffd700")
# Wide, combining and joined characters: whatever a name may hold.
PARTS = ["0.5000", "-1.25e-07", "σ(l1)", "数値", "e\u0301", "🙂", "─┬─", "   ", "gradient"]


class Panel(LinesView):
    """Lines with one number each."""

    numbers: dict[int, float]

    def show(self, **numbers: float) -> None:
        values = {int(key[1:]): value for key, value in numbers.items()}
        self.update_lines(
            Strip(
                [
                    Segment(f" row {y:2} ", DIM),
                    Segment("value ", STRONG),
                    Segment("0.1234  0.5678  0.9012  "),
                    Segment(f"{values.get(y, 0.0):8.4f}", HOT),
                    Segment("  tail", DIM),
                ]
            )
            for y in range(24)
        )


class Rows(LinesView, can_focus=True):
    """A hundred thousand rows that are made when they are seen."""

    current = 0

    def line(self, y: int) -> Strip:
        style = HOT if y == self.current else DIM
        return Strip([Segment(f" {y:6} ", style), Segment(f"node{y % 7} Linear 4x{y % 9}")])

    def choose(self, y: int) -> None:
        self.current = y
        self.reveal(y)
        self.reload(Size(30, 100_000))


class LinesApp(CellApp[None]):
    CSS = """
    Screen { layout: horizontal; }
    LinesView { width: 1fr; height: 1fr; }
    """
    BINDINGS: ClassVar = [
        Binding("s", "step"),
        Binding("t", "two"),
        Binding("f", "fill"),
        Binding("h", "hostile"),
        Binding("w", "wide"),
        Binding("n", "choose(1)"),
        Binding("m", "choose(10)"),
        Binding("e", "choose(99999)"),
        Binding("j", "jump"),
        Binding("r", "app.redraw"),
        Binding("z", "suspend_process"),
        Binding("q", "quit"),
    ]

    def __init__(self, view: str) -> None:
        super().__init__()
        self.view = view
        self.count = 0
        self.random = random.Random(7)

    def compose(self) -> ComposeResult:
        if self.view in ("panel", "both"):
            yield Panel(id="panel")
        if self.view in ("rows", "both"):
            yield Rows(id="rows")

    def on_mount(self) -> None:
        self.theme = "textual-dark"
        for panel in self.query(Panel):
            panel.show()
        for rows in self.query(Rows):
            rows.choose(0)

    def action_step(self) -> None:
        self.count += 1
        self.query_one(Panel).show(y5=self.count / 7)

    def action_two(self) -> None:
        self.count += 1
        self.query_one(Panel).show(y5=self.count / 7, y6=-self.count / 3)

    def action_fill(self) -> None:
        pick = self.random
        self.query_one(Panel).update_lines(
            Strip([Segment(pick.choice(PARTS), pick.choice([DIM, HOT, None])) for _ in range(14)])
            for _ in range(pick.randrange(40))
        )

    def action_hostile(self) -> None:
        text = "A\x1b[2J\x1b]0;owned\x07B\x9b31mC\x00D\x7f[b]E\ud800F\u202eG"
        self.query_one(Panel).update_lines([Strip([Segment(text)])])

    def action_wide(self) -> None:
        self.count += 1
        text = "ab数値cd" if self.count % 2 else "abx値 cd"
        self.query_one(Panel).update_lines([Strip([Segment(text)])])

    def action_choose(self, by: int) -> None:
        rows = self.query_one(Rows)
        rows.choose(min(99_999, rows.current + by))


if __name__ == "__main__":
    app = LinesApp(sys.argv[1])
    app.run()
    sys.exit(app.return_code or 0)
