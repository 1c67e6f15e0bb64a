"""The panel of the cost plot, which is mounted when the first screen is drawn already.

The first moment of a run has no costs, and loading and styling the plot takes 15 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

from mfdebug.config.bindings import Keys
from mfdebug.core.timeline.debugger import Debugger

if TYPE_CHECKING:
    from mfdebug.tui.widgets.cost_plot import CostPlot

# Below this height a curve leaves too little space for numbers that an audience can read.
ROOMY_HEIGHT = 30


class CostPanel(Vertical):
    """Shows the cost plot; the panel is empty until it is displayed or prepared."""

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._debugger = debugger
        self.plot: CostPlot | None = None
        # For an audience: the plot gives way to the numbers on a low screen.
        self.roomy = False
        # The panel that has the whole screen, or "".
        self.zoomed = ""

    def prepare(self) -> None:
        """Mount the plot of a graph that is trained, if it is not mounted yet."""
        if self.plot is None and self._debugger.graph.trains:
            from mfdebug.tui.widgets.cost_plot import CostPlot

            self.plot = CostPlot(self._debugger)
            self.mount(self.plot)

    def show(self) -> None:
        """Draw the costs so far, if there are costs, and room for them."""
        self.show_if_it_fits()
        if self.display:
            self.prepare()
            if self.plot is not None and self.plot.is_mounted:
                self.plot.show()

    def show_if_it_fits(self) -> None:
        """Display the plot if there are costs to plot, and room for them; else hide it."""
        cramped = self.roomy and self.screen.size.height < ROOMY_HEIGHT
        fits = not cramped and not self.screen.has_class("low")
        self.display = self.has_curve and (self.zoomed == self.id or (fits and not self.zoomed))

    @property
    def has_curve(self) -> bool:
        """Whether there are costs to plot."""
        return self._debugger.graph.trains and self._debugger.moment > 0

    def forget(self) -> None:
        """Draw again at the next `show`, even if nothing has changed."""
        if self.plot is not None:
            self.plot.forget()

    def why_hidden(self, keys: Keys) -> str:
        """Return why there is no plot."""
        if not self._debugger.graph.trains:
            return "nothing is trained: no costs"
        if not self._debugger.moment:
            return f"no costs yet: {keys.name('sgd')} runs an SGD step"
        return "the window is too low for the cost plot"
