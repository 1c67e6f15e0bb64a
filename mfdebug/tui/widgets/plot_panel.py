"""A plot that follows the moment: the landscape of the cost, or the answers of the network.

A plot is computed in slices. What fits in the first slices is in the frame of the key; the rest is
computed by a timer, so that keys are read in between, and given up when the moment changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import BindingType
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from mfdebug.core.plots.drawing import Drawing
from mfdebug.core.plots.words import MARGIN
from mfdebug.core.session.plot import Plot
from mfdebug.core.session.session import Session
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.panel_title import PanelTitle, title_line
from miniflow.errors import MiniflowError

if TYPE_CHECKING:
    from mfdebug.tui.plot_maker import PlotMaker, Result

# Seconds that slices take before a frame, and between two looks at the keys.
AT_ONCE = 0.02
# Seconds between such groups of slices.
PAUSE = 0.005
# In larger graphs even the first slices take too long for the frame of a key.
FEW_NODES = 2000
# Groups of slices between two frames that show the progress.
REPORT_EVERY = 20
# The title line of the plot.
TITLE = 1
STYLES = ("axis", "curve", "shade", "path", "mark", "landing", "point", "wrong", "words")


class PlotPanel(LinesView, can_focus=True):
    """The plot of the session with its title; hidden if there is none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"plot--{style}" for style in STYLES}
    DEFAULT_CSS = """
    PlotPanel {
        background: $background;
        overflow: hidden;
        & > .plot--axis { color: $text-muted; }
        & > .plot--curve { color: $accent; }
        & > .plot--shade { color: $text-muted; }
        & > .plot--path { color: $success; text-style: bold; }
        & > .plot--mark { color: $warning; text-style: bold; }
        & > .plot--landing { color: $error; text-style: bold; }
        & > .plot--point { color: $warning; text-style: bold; }
        & > .plot--wrong { color: $error; }
        & > .plot--words { color: $text; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("cost")

    class StepChosen(Message):
        """The user has clicked on the mark of an SGD step."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, session: Session, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.session = session
        # Whether a command is running, which may move the session.
        self.busy: Callable[[], bool] = lambda: False
        # What is shown or being computed, and what that depends on.
        self._plot: Plot | None = None
        self._key: object = None
        self._result: Result | None = None
        self._problem = ""
        self._slices: Iterator[str | Result] | None = None
        self._timer: Timer | None = None
        self._groups = 0
        self._progress = ""
        self._drawn: object = None
        self._drawing = Drawing([])
        self._focused = False
        # Before the first layout, which would make room for it.
        self.display = False

    @cached_property
    def _maker(self) -> PlotMaker:
        from mfdebug.tui.plot_maker import PlotMaker

        return PlotMaker(self.session.debugger)

    @property
    def wanted(self) -> bool:
        """Whether the session has a plot."""
        return self.session.plot is not None

    @property
    def computing(self) -> bool:
        """Whether the plot of the present moment is still being computed."""
        return self._slices is not None

    def on_mount(self) -> None:
        """Show the plot that it was mounted for."""
        self.show()

    def show(self) -> None:
        """Show the plot of the present moment; compute what has changed."""
        if not self.wanted or not self.display:
            self._give_up()
            self._key = None
            return
        assert self.session.plot is not None
        key = self._maker.key(self.session.plot)
        if key != self._key or (self._slices is None and self._result is None):
            self._give_up()
            self._key = key
            self._begin()
        self._draw()

    def _begin(self) -> None:
        plot = self.session.plot
        assert plot is not None
        self._problem, self._groups = "", 0
        if plot != self._plot:
            # The last result is of another plot: not even as it was.
            self._plot, self._result = plot, None
        slices = self._maker.slices(plot)
        if isinstance(slices, str):
            self._problem, self._result = slices, None
            return
        self._slices = slices
        if len(self.session.debugger.graph.nodes) <= FEW_NODES:
            self._run_slices()
        if self._slices is not None:
            self._timer = self.set_interval(PAUSE, self._continue)

    def _run_slices(self) -> None:
        """Run slices for a moment; the last one gives the result."""
        started = time.monotonic()
        while self._slices is not None and time.monotonic() - started < AT_ONCE:
            try:
                found = next(self._slices)
            except StopIteration:
                self._slices = None
            except MiniflowError as error:
                self._slices, self._result, self._problem = None, None, str(error)
            else:
                if isinstance(found, str):
                    self._progress = found
                else:
                    self._result, self._slices = found, None

    def _continue(self) -> None:
        """Run more slices, unless a command runs: it may move the session."""
        if self.busy():
            self._give_up()
            self._key = None
            return
        self._run_slices()
        self._groups += 1
        if self._slices is None:
            self._stop_timer()
            self._draw()
        elif self._groups % REPORT_EVERY == 0:
            self._draw()

    def _give_up(self) -> None:
        self._slices = None
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    # Drawing -----------------------------------------------------------------------------

    def forget(self) -> None:
        """Draw again at the next `show`, even if nothing has changed."""
        self._drawn = None

    def draw_title(self, *, focused: bool) -> None:
        """Draw the title line in bold lines while the plot has the focus."""
        if focused != self._focused:
            self._focused = focused
            if self.wanted:
                self._draw()

    def on_resize(self) -> None:
        """Draw for the new size; compute it if it was hidden before."""
        self.show()

    def _draw(self) -> None:
        width, height = self.size.width, self.size.height - TITLE
        if width <= 0 or height <= 0:
            return
        state = (id(self._result), self._problem, self.size, self._title(), self._focused)
        if state == self._drawn:
            return
        self._drawn = state
        if self._result is None:
            words = self._problem
            parts = wrap(words, max(1, width - len(MARGIN)))
            self._drawing = Drawing([[(f"{MARGIN}{part}", "words")] for part in parts])
        else:
            self._drawing = self._maker.draw(self._result, width, height)
        styles = {style: self.get_component_rich_style(f"plot--{style}") for style in STYLES}
        lines = [
            Strip([Segment(text, styles.get(style)) for text, style in line])
            for line in self._drawing.lines[:height]
        ]
        self.update_lines([self._rule(), *lines])

    def _title(self) -> str:
        plot = self.session.plot
        title = self._result.title if self._result is not None else plot.kind if plot else ""
        if self._slices is not None:
            stale = ", as it was" if self._result is not None else ""
            title += f"{stale}; computing: {self._progress}"
        return title

    def _rule(self) -> Strip:
        room = self.size.width - len("─  ")
        words = self._title()
        if cell_len(words) > room:
            words = f"{words[: max(0, room - 1)]}…"
        plot, keys = self.session.plot, keys_of(self)
        notes = [f"{keys.name(plot.kind)} hides it"] if plot and keys.of(plot.kind) else []
        text = title_line(words, notes, self.size.width, focused=self._focused)
        return Strip([Segment(text, self.get_component_rich_style("plot--axis"))])

    # Keys and clicks ---------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """Go to the cost of an earlier or later SGD step."""
        debugger = self.session.debugger
        known = len(debugger.cursor.costs)
        if known:
            self.post_message(self.StepChosen(min(max(debugger.sgd_step + by, 0), known - 1)))

    def action_edge(self, side: int) -> None:
        """Go to the first or the last cost."""
        self.action_step(side * len(self.session.debugger.cursor.costs))

    def on_click(self, event: Click) -> None:
        """Go to the SGD step of the mark under the mouse pointer, or beside it."""
        if event.y < TITLE:
            self.post_message(PanelTitle.Clicked(self.id or "", twice=event.chain > 1))
            return
        for x, y in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
            step = self._drawing.steps.get((event.x + x, event.y - TITLE + y))
            if step is not None:
                self.post_message(self.StepChosen(step))
                return
