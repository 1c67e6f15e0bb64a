"""The cost after each SGD step as a curve, with a mark at the present step.

The curves of branches that edits have left stay beside it. It is one line until there are two
costs, so that the node's panel has the space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import BindingType
from textual.events import Click
from textual.message import Message
from textual.strip import Strip

from mfdebug.config.bindings import Keys
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.branch_costs import Branch, LeftBranch
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import descended_name
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.panel_title import PanelTitle, title_line
from miniflow.ops.base import Shape

if TYPE_CHECKING:
    from mfdebug.core.plots.cost_curve import Picture
    from mfdebug.core.plots.dots import Floats

# The fewest costs that make a curve.
MIN_COSTS = 2
# Below this height a curve leaves too little space for numbers that an audience can read.
ROOMY_HEIGHT = 30
# Below this height the curve yields to what tensors send back, which needs the room.
HEIGHT_FOR_BACKWARD = 30
# The first nodes say whether a graph has tensors, and small ones, of so many entries at most.
LOOKED_AT, SMALL = 100, 32
# How the curve of another branch looks, for the title.
DASHES = "⠒ ⠒"


class _Drawn(NamedTuple):
    """All that the picture depends on; the cost as bytes, because NaN never equals itself."""

    costs: int
    last_cost: bytes
    step: int
    aim: int
    branch: int
    others: int
    logarithmic: bool
    yields: bool
    size: tuple[int, int]


class CostPlot(LinesView, can_focus=True):
    """The plot with its title; `logarithmic` says whether the cost axis is logarithmic."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "cost--axis",
        "cost--curve",
        "cost--branch",
        "cost--mark",
    }
    DEFAULT_CSS = """
    CostPlot {
        background: $background;
        overflow: hidden;
        & > .cost--axis { color: $text-muted; }
        & > .cost--curve { color: $accent; }
        & > .cost--branch { color: $text-muted; }
        & > .cost--mark { color: $warning; text-style: bold; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("cost")

    class StepChosen(Message):
        """The user has clicked on an SGD step of the curve."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger
        # For an audience: the plot gives way to the numbers on a low screen.
        self.roomy = False
        # The panel that has the whole screen, or "".
        self.zoomed = ""
        # The circuit above the node leaves no room for a curve.
        self.crowded = False
        # Another plot has the room of the curve.
        self.replaced = False
        self.logarithmic = False
        self._drawn: _Drawn | None = None
        self._branch: Branch = debugger.edits
        self._picture: Picture | None = None
        self._steps = 0
        # For which debugger it is known whether its network may have answers.
        self._answering: tuple[Debugger, bool] | None = None
        # Whether the title is drawn in bold lines.
        self._focused = False

    def show(self) -> None:
        """Draw the costs so far, if there are costs, and room for them."""
        self.show_if_it_fits()
        debugger = self.debugger
        self._branch = debugger.edits
        computed = debugger.state.cost_freshness() is Freshness.CURRENT
        known = len(debugger.cursor.costs)
        self._show(known, min(debugger.sgd_step - (not computed), known - 1))

    def show_if_it_fits(self, *, running: bool = False) -> None:
        """Display the plot if there are costs to plot, and room for them; else hide it.

        What a program trains is known when it stops; while it is `running` it may train something.
        """
        cramped = self.roomy and self.screen.size.height < ROOMY_HEIGHT
        hidden = self.crowded or self.replaced
        fits = not cramped and not hidden and not self.screen.has_class("low")
        has_curve = self.has_curve or (running and len(self.debugger.cursor.costs) > 0)
        self.display = has_curve and (self.zoomed == self.id or (fits and not self.zoomed))

    def focus_on_click(self) -> bool:
        """Take the focus at a click only with a curve."""
        return self.is_curve

    @property
    def is_curve(self) -> bool:
        """Whether a curve is drawn, in which steps can be chosen."""
        return bool(self.display) and self._picture is not None

    def action_step(self, by: int) -> None:
        """Go to the cost of an earlier or later SGD step."""
        if self._drawn is not None and self._steps:
            step = min(max(self._drawn.step + by, 0), self._steps - 1)
            self.post_message(self.StepChosen(step))

    def action_edge(self, side: int) -> None:
        """Go to the first or the last cost."""
        self.action_step(side * self._steps)

    def draw_title(self, *, focused: bool) -> None:
        """Draw the title line in bold lines while the curve has the focus."""
        if focused != self._focused:
            self._focused = focused
            self.forget()
            self.show()

    @property
    def has_curve(self) -> bool:
        """Whether there are costs to plot."""
        return self.debugger.graph.trains and self.debugger.moment > 0

    def why_hidden(self, keys: Keys) -> str:
        """Return why there is no plot."""
        if not self.debugger.graph.trains:
            return "nothing is trained: no costs"
        if self.debugger.moment <= 0:
            return f"no costs yet: {keys.name('sgd')} runs an SGD step"
        if self.replaced:
            return "the other plot has the room of the cost plot"
        if self.crowded:
            return f"the circuit has the room of the cost plot: {keys.name('circuit')} hides it"
        return "the window is too low for the cost plot"

    def grow(self, reached: int, aim: int) -> None:
        """Draw the costs of the first `reached` SGD steps during a run in the background.

        `aim` is the SGD step to which it runs, or 0. Commands that visit other branches or earlier
        moments change nothing here.
        """
        known = min(reached, len(self.debugger.cursor.costs))
        if self.debugger.edits is self._branch and known >= self._steps:
            self._show(known, known - 1, aim)

    def toggle_scale(self) -> None:
        """Change between a linear and a logarithmic cost axis."""
        self.logarithmic = not self.logarithmic
        self.show()

    @property
    def scale(self) -> str:
        """The name of the scale of the cost axis."""
        return "a log scale" if self.logarithmic else "a linear scale"

    def forget(self) -> None:
        """Draw again at the next `show`, even if nothing has changed."""
        self._drawn = None

    def on_resize(self) -> None:
        """Draw for the new size."""
        if self._drawn is not None:
            self._show(self._drawn.costs, self._drawn.step, self._drawn.aim)

    def on_click(self, event: Click) -> None:
        """Go to the SGD step under the mouse pointer, or to the last one before it."""
        if event.y == 0:
            self.post_message(PanelTitle.Clicked(self.id or "", twice=event.chain > 1))
            return
        step = None if self._picture is None else self._picture.step_at(event.x, event.y - 1)
        if step is not None and self._steps:
            self.post_message(self.StepChosen(min(round(step), self._steps - 1)))

    def _show(self, known: int, step: int, aim: int = 0) -> None:
        debugger = self.debugger
        all_costs, others = debugger.cursor.costs, debugger.cursor.branch_costs
        state = _Drawn(
            known,
            all_costs[known - 1 : known].tobytes(),
            step,
            aim,
            id(self._branch),
            others.kept,
            self.logarithmic,
            self._yields,
            self.size,
        )
        if state == self._drawn:
            return
        self._drawn, self._steps = state, known
        left = [
            branch
            for branch in others.others(debugger.branches, self._branch, debugger.timeline.length)
            if branch.differs(all_costs)
        ]
        # A copy: a run in the background cannot append to an array while NumPy exports its buffer.
        costs = np.array(all_costs[:known])
        longest = max([known, *(len(branch.costs) for branch in left)])
        one_line = longest < MIN_COSTS or state.yields
        self.set_class(one_line, "line")
        self.set_class(not any(self._first_shapes), "numbers")
        self._picture = None
        if one_line:
            self.update_lines([self._rule(self._words_of_one_line(costs))])
            return
        from mfdebug.core.plots.cost_curve import Curves, draw

        curves = Curves(
            costs,
            step,
            [(branch.fork, np.array(branch.costs)) for branch in left],
            self.logarithmic,
            aim,
        )
        self._picture = draw(curves, self.size.width, self.size.height - 1)
        styles = {
            name: self.get_component_rich_style(f"cost--{name}")
            for name in ("axis", "curve", "branch", "mark")
        }
        lines = [
            Strip([Segment(text, styles.get(style)) for text, style in line])
            for line in self._picture.lines
        ]
        self.update_lines([self._rule(self._title(costs, step, left)), *lines])

    def _rule(self, words: str) -> Strip:
        text = title_line(words, self._notes(), self.size.width, focused=self._focused)
        return Strip([Segment(text, self.get_component_rich_style("cost--axis"))])

    def _notes(self) -> list[str]:
        """Return the keys of other plots of the cost, as many as may fit, the longest first."""
        keys = keys_of(self)
        plots = ("landscape", "answers") if self.has_answers else ("landscape",)
        named = [f"{keys.name(plot)} {plot}" for plot in plots if keys.of(plot)]
        return [*dict.fromkeys(("  ".join(named), *named[:1]))] if named else []

    @property
    def has_answers(self) -> bool:
        """Whether the network may have answers to show; found once for each graph."""
        if self._answering is None or self._answering[0] is not self.debugger:
            from mfdebug.core.answers.subject import may_have_answers

            self._answering = self.debugger, may_have_answers(self.debugger)
        return self._answering[1]

    @property
    def _yields(self) -> bool:
        """Whether the node's panel needs the room of the curve: in backward, for small tensors.

        For the whole phase, so that the panels do not jump at each step. Larger tensors would only
        show more of their numbers there, at the cost of more bytes a step.
        """
        low = self.screen.size.height < HEIGHT_FOR_BACKWARD and not self.zoomed
        if not low or self._focused or self.debugger.where.phase != "backward":
            return False
        shapes = self._first_shapes
        return any(shapes) and all(math.prod(shape) <= SMALL for shape in shapes)

    @property
    def _first_shapes(self) -> list[Shape]:
        debugger = self.debugger
        return [debugger.plan.shapes[node] for node in debugger.timeline.forward[:LOOKED_AT]]

    def _words_of_one_line(self, costs: Floats) -> str:
        name = descended_name(self.debugger)
        number = f"{name} {scalar(costs[-1])}" if len(costs) else f"{name} not computed"
        later: Sequence[str] = "a curve from SGD step 1 on", "a curve from step 1 on"
        if len(costs) >= MIN_COSTS:
            later = "the curve is back after backward", "curve after backward"
        return self._fitting(*(f"{number} ∙ {words}" for words in later), number)

    def _title(self, costs: Floats, step: int, left: list[LeftBranch]) -> str:
        """Return the longest title that fits: what is drawn, the mark, the other branches."""
        name = descended_name(self.debugger)
        names = [f"{name} by SGD step", name]
        if self.logarithmic:
            names = [f"{name}, log scale", "log scale"]
            if (costs <= 0).any():
                names.insert(0, f"{name}, log scale without costs of 0 or below")
        broken = np.flatnonzero(~np.isfinite(costs))
        if broken.size:
            until = f"finite to step {broken[0] - 1}" if broken[0] else "never finite"
            names = [f"{name}, {until}", until]
        mark = [f"◆ step {step}: {scalar(float(costs[step]))}"] if step >= 0 else []
        legends: list[list[str]] = [[]]
        if left:
            one, count = left[0].number, len(left)
            words = f"branch {one}" if count == 1 else f"{count} branches"
            legends = [[f"{DASHES} {words}"], [f"{DASHES} {one if count == 1 else count}"]]
        return self._fitting(
            *(
                "   ".join([*start, *mark, *legend])
                for start in ([names[0]], [names[-1]], [])
                for legend in legends
            )
        )

    def _fitting(self, *titles: str) -> str:
        """Return the first title that fits, or the last; the first may give way to a note."""
        room = self.size.width - len("─  ─")
        chosen = next((title for title in titles if cell_len(title) <= room), titles[-1])
        notes = self._notes()
        if notes and len(titles) > 1 and chosen == titles[0]:
            needed = len(notes[-1]) + len("  ─")
            if cell_len(chosen) + needed > room >= cell_len(titles[1]) + needed:
                return titles[1]
        return chosen
