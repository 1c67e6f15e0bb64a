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


class CostPanel(Vertical):
    """Shows the cost plot; the panel is empty until it is displayed or prepared."""

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._debugger = debugger
        self.plot: CostPlot | None = None

    def prepare(self) -> CostPlot:
        """Mount the plot, if it is not; return it."""
        if self.plot is None:
            from mfdebug.tui.widgets.cost_plot import CostPlot

            self.plot = CostPlot(self._debugger)
            self.mount(self.plot)
        return self.plot

    def show(self) -> None:
        """Draw the costs so far, if the panel is displayed and anything has changed."""
        if self.display and self.prepare().is_mounted:
            self.prepare().show()

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
