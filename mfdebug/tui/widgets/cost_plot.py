"""A plot of the cost after each SGD step, with a mark at the present step.

The curve is binned to the width of the panel before it is drawn: the minimum and the maximum of
each column, so that no spike is lost and a million steps cost the same as a hundred. NaN and
infinity are gaps in the curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static
from textual_plot import HiResMode, NumericAxisFormatter, PlotWidget

from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import descended_name

Costs = NDArray[np.float64]
LARGEST = 1e300
# The fewest costs that make a curve.
MIN_COSTS = 2
# The cost axis spans at least this fraction of the largest magnitude.
MIN_SPAN = 1e-3
# Characters for the labels of the cost axis.
LABEL = 8


class _CostFormatter(NumericAxisFormatter):
    """A few ticks on the cost axis, at most one per two rows, whose labels fit the margin."""

    def __init__(self, rows: int, *, logarithmic: bool) -> None:
        super().__init__()
        self._tick_limit = max(2, rows // 2)
        self._logarithmic = logarithmic

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Return ticks that are in different rows; powers of ten on a logarithmic axis."""
        ticks = super().get_ticks(min_, max_, max_ticks)
        powers = [tick for tick in ticks if float(tick).is_integer()]
        if self._logarithmic and len(powers) > 1:
            ticks = powers
        ticks = [tick for tick in ticks if min_ <= tick <= max_]
        if len(ticks) <= self._tick_limit:
            return ticks
        spread = np.linspace(0, len(ticks) - 1, self._tick_limit).round().astype(int)
        return [ticks[i] for i in spread]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """Return labels of at most `LABEL` characters."""
        return [self._label(float(tick)) for tick in ticks]

    def _label(self, tick: float) -> str:
        if self._logarithmic and abs(tick) >= 5:
            power = math.floor(tick)
            return f"{10 ** (tick - power):.2g}e{power:+03d}"
        text = scalar(10.0**tick if self._logarithmic else tick, 4)
        return text if len(text) <= LABEL else f"{tick:.1e}"


class _StepFormatter(NumericAxisFormatter):
    """Ticks at whole SGD steps, as many as have room for their labels."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Return ticks at integers, none so far right that its label would be cut."""
        room = max(2, min(max_ticks, self._columns // 9))
        ticks = [t for t in super().get_ticks(min_, max_, room) if t.is_integer()]
        cell = (max_ - min_) / max(1, self._columns)
        return [t for t in ticks if (max_ - t) / cell >= len(_short(t)) / 2 - 1]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """Return short labels: 500, 20k, 1.5M."""
        return [_short(tick) for tick in ticks]


def _short(step: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if step >= 10 * size or (step >= size and letter == "M"):
            return f"{step / size:g}{letter}"
    return f"{step:g}"


class CostPlot(Vertical):
    """The plot with its title; `logarithmic` says whether the cost axis is logarithmic."""

    DEFAULT_CSS = """
    CostPlot {
        & > #cost-title { height: 1; color: $text-muted; }
        & > PlotWidget { height: 1fr; background: $background; }
        & > #cost-none { height: 1fr; padding: 0 1; color: $text-muted; display: none; }
        &.empty > PlotWidget { display: none; }
        &.empty > #cost-none { display: block; }
    }
    """

    def __init__(self, debugger: Debugger) -> None:
        super().__init__()
        self.debugger = debugger
        self.logarithmic = False
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        """A title, the plot, and the text shown before there is a curve."""
        yield Static("", id="cost-title", markup=False)
        plot = PlotWidget(allow_pan_and_zoom=False)
        plot.can_focus = False
        plot.set_reactive(PlotWidget.margin_top, 0)
        plot.set_reactive(PlotWidget.margin_bottom, 2)
        plot.set_reactive(PlotWidget.margin_left, LABEL + 1)
        yield plot
        yield Static("the curve grows by a point after each SGD step", id="cost-none", markup=False)

    def show(self) -> None:
        """Draw the costs so far, if anything has changed."""
        debugger = self.debugger
        # A copy: a run in the background cannot append to an array while NumPy exports its buffer.
        costs = np.array(debugger.history.costs[:])
        computed = debugger.cost_freshness() is Freshness.CURRENT
        step = min(debugger.sgd_step - (not computed), len(costs) - 1)
        # As bytes, because NaN never equals itself.
        state = (len(costs), costs[-1:].tobytes(), step, self.logarithmic, self.size)
        if state == self._drawn:
            return
        self._drawn = state
        self.set_class(len(costs) < MIN_COSTS, "empty")
        self.query_one("#cost-title", Static).update(self._title(costs, step), layout=False)
        if len(costs) >= MIN_COSTS:
            self._draw(costs, step)

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
        """Bin again for the new width."""
        self.show()

    def _title(self, costs: Costs, step: int) -> str:
        name = descended_name(self.debugger)
        words = f"{name}, log scale" if self.logarithmic else f"{name} by SGD step"
        broken = np.flatnonzero(~np.isfinite(costs))
        if broken.size:
            words = f"cost, finite to step {broken[0] - 1}" if broken[0] else "cost, never finite"
        if step >= 0:
            mark = f"◆ step {step}: {scalar(float(costs[step]))}"
            fits = len(words) + len(mark) + 6 <= self.size.width
            words = f"{words}   {mark}" if fits else mark
        if self.logarithmic and (costs <= 0).any():
            words += "   costs of 0 or below are left out"
        return f"─ {words} " + "─" * max(0, self.size.width - len(words) - 3)

    def _draw(self, costs: Costs, step: int) -> None:
        plot = self.query_one(PlotWidget)
        plot.clear()
        plot.set_x_formatter(_StepFormatter(self.size.width - LABEL - 3))
        plot.set_y_formatter(_CostFormatter(self.size.height - 4, logarithmic=self.logarithmic))
        with np.errstate(all="ignore"):
            heights = np.log10(costs) if self.logarithmic else costs
        heights = np.where(np.isfinite(heights), heights, np.nan)
        dark = self.app.current_theme.dark
        color = "cyan" if dark else "blue"
        columns = max(8, 2 * (self.size.width - 10))
        xs, ys = binned(heights, columns)
        for part in _unbroken(ys):
            if len(xs[part]) == 1:
                plot.scatter(xs[part], ys[part], marker="•", marker_style=color)
            else:
                plot.plot(xs[part], ys[part], line_style=color, hires_mode=HiResMode.BRAILLE)
        if step >= 0 and np.isfinite(heights[step]):
            mark = "bold yellow" if dark else "bold red"
            plot.scatter([float(step)], [heights[step]], marker="◆", marker_style=mark)
        # Some room at the right, so that the frame does not cover the last point.
        plot.set_xlimits(0, max(len(costs) - 1, 1) * 1.03)
        low, high = _limits(heights)
        plot.set_ylimits(low, high)


def binned(heights: Costs, columns: int) -> tuple[Costs, Costs]:
    """Return x and y of the curve with at most two points per column, its minimum and maximum.

    `heights` has shape (n,); NaN marks a gap.
    """
    n = len(heights)
    if n <= 2 * columns:
        return np.arange(n, dtype=np.float64), heights
    edges = np.linspace(0, n, columns + 1).astype(np.intp)
    starts = edges[:-1]
    filled = np.where(np.isnan(heights), np.inf, heights)
    low = np.minimum.reduceat(filled, starts)
    high = np.maximum.reduceat(np.where(np.isnan(heights), -np.inf, heights), starts)
    ys = np.column_stack([low, high]).ravel()
    xs = np.repeat((edges[:-1] + edges[1:] - 1) / 2, 2)
    return xs, np.where(np.isfinite(ys), ys, np.nan)


def _unbroken(ys: Costs) -> list[slice]:
    """Return the parts of the curve between its gaps."""
    finite = np.concatenate([[False], np.isfinite(ys), [False]])
    turns = np.flatnonzero(finite[1:] != finite[:-1])
    return [slice(start, stop) for start, stop in turns.reshape(-1, 2)]


def _limits(heights: Costs) -> tuple[float, float]:
    finite = heights[np.isfinite(heights)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    # For the axis labels the difference of the limits must be finite.
    low, high = max(low, -LARGEST), min(high, LARGEST)
    # A nearly constant cost must not look like a drop from top to bottom.
    short = MIN_SPAN * max(abs(low), abs(high)) - (high - low)
    if short > 0:
        low, high = low - short / 2, high + short / 2
    room = (high - low) * 0.08 or 1.0
    return low - room, high + room
