"""What the plot of a session shows: computed in slices, and drawn in characters.

Beside the panel, as it takes twenty modules that a session without a plot never needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from mfdebug.core.answers.answers import Answers
from mfdebug.core.answers.drawing import draw as draw_answers
from mfdebug.core.answers.inquiry import Inquirer
from mfdebug.core.answers.subject import Subject, find_subject
from mfdebug.core.landscape.drawing import draw as draw_landscape
from mfdebug.core.landscape.landscape import Landscape, View
from mfdebug.core.landscape.survey import Surveyor
from mfdebug.core.landscape.views import view_named
from mfdebug.core.plots.drawing import Drawing
from mfdebug.core.session.plot import Plot
from mfdebug.core.timeline.debugger import Debugger
from miniflow.errors import MiniflowError

Result = Landscape | Answers


class PlotMaker:
    """Computes and draws plots of a debugger's present moment."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._surveyor = Surveyor(debugger)
        self._inquirer = Inquirer(debugger)
        # What the last plot asked for shows, or why there is none, and what that depends on.
        self._shown: View | Subject | str = ""
        self._shown_for: object = None

    def key(self, plot: Plot) -> object:
        """Return what the result depends on, at the present moment."""
        shown = self._find(plot)
        if isinstance(shown, View):
            return self._surveyor.key(shown)
        return self._inquirer.key(shown) if isinstance(shown, Subject) else shown

    def slices(self, plot: Plot) -> Iterator[str | Result] | str:
        """Return slices that say how far they are, the last the result; or why there is none."""
        shown = self._find(plot)
        if isinstance(shown, View):
            return self._surveyor.survey(shown)
        return self._inquirer.inquire(shown) if isinstance(shown, Subject) else shown

    def _find(self, plot: Plot) -> View | Subject | str:
        """Return what a plot shows, or why there is none; it is searched only once."""
        shown_for = plot, self._debugger.timeline.builds
        if shown_for != self._shown_for:
            try:
                find = view_named if plot.kind == "landscape" else find_subject
                self._shown = find(self._debugger, plot.argument)
            except MiniflowError as error:
                self._shown = str(error)
            self._shown_for = shown_for
        return self._shown

    @staticmethod
    def draw(result: Result, width: int, height: int) -> Drawing:
        """Draw a result in `width` columns and `height` lines."""
        if isinstance(result, Landscape):
            return draw_landscape(result, width, height)
        return draw_answers(result, width, height)
