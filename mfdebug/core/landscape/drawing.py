"""A landscape drawn in characters: a curve or shades, the path, and the words below."""

from __future__ import annotations

import math

import numpy as np

from mfdebug.core.format.numbers import scalar
from mfdebug.core.landscape.landscape import Landing, Landscape, Mark
from mfdebug.core.plots.chart import SHADES, Chart, lines_of
from mfdebug.core.plots.cost_curve import LARGEST, axis_of
from mfdebug.core.plots.drawing import Drawing, Line
from mfdebug.core.plots.row_axis import row_axis_between
from mfdebug.core.plots.words import MARGIN, together, wrapped
from miniflow.ops.base import Array

PATH, PRESENT, LANDING = "○", "◆", "▾"
# What they mean.
STEPS_SIGN, PRESENT_SIGN = together(f"{PATH} SGD steps"), together(f"{PRESENT} now")
SIGNS = f"{STEPS_SIGN}  {PRESENT_SIGN}"
# Marks with a label of their own; more would cover the curve.
MOST_LABELS = 8
# The shades reach up to this multiple of the highest cost of the path: what is beyond is one shade.
BEYOND = 2.0
# Digits of numbers in the words below.
DIGITS = 4


def draw(landscape: Landscape, width: int, height: int) -> Drawing:
    """Draw a landscape with the words below it in `width` columns and `height` lines."""
    words = _words(landscape, width - len(MARGIN))
    # At least half of the lines are the chart's.
    words = words[: max(1, height // 2)]
    room = height - len(words)
    if len(landscape.axes) == 1:
        chart = _line(landscape, width, room)
    else:
        chart = _plane(landscape, width, room)
    below: list[Line] = [[(f"{MARGIN}{line}", "words")] for line in words]
    return Drawing([*chart.lines(), *below], chart.steps)


def _line(landscape: Landscape, width: int, height: int) -> Chart:
    axis = landscape.axes[0].at
    heights = np.zeros(0) if landscape.costs is None else _finite(landscape.costs)
    marked = [mark for mark in (*landscape.path, landscape.present) if mark.cost is not None]
    costs = _finite(np.array([mark.cost for mark in marked], float))
    y = axis_of(np.concatenate([heights, costs]), (), lines_of(height))
    chart = Chart((float(axis[0]), float(axis[-1])), y, width, height)
    if len(heights):
        chart.curve(heights)
    for landing in landscape.landings:
        chart.mark(landing.at[0], landing.cost, LANDING, "landing")
    for mark in landscape.path:
        if mark.cost is not None:
            chart.mark(mark.at[0], mark.cost, PATH, "path", mark.step)
    present = landscape.present
    if present.cost is not None:
        chart.mark(present.at[0], present.cost, PRESENT, "mark", present.step)
    labelled = [*landscape.path[:MOST_LABELS], present]
    if landscape.view.kind == "entries":
        for mark in labelled:
            if mark.cost is not None:
                chart.label(mark.at[0], mark.cost, scalar(mark.at[0], DIGITS), "words")
    return chart


def _plane(landscape: Landscape, width: int, height: int) -> Chart:
    x, y = (axis.at for axis in landscape.axes)
    vertical = row_axis_between(float(y[0]), float(y[-1]), lines_of(height))
    chart = Chart((float(x[0]), float(x[-1])), vertical, width, height)
    if landscape.costs is not None:
        chart.shade(_levels(landscape.costs, _bounds(landscape)))
    for landing in landscape.landings:
        chart.mark(landing.at[0], landing.at[1], LANDING, "landing")
    for mark in landscape.path:
        chart.mark(mark.at[0], mark.at[1], PATH, "path", mark.step)
    present = landscape.present
    chart.mark(present.at[0], present.at[1], PRESENT, "mark", present.step)
    return chart


def _finite(costs: Array) -> Array:
    return np.clip(np.where(np.isfinite(costs), costs, np.nan), -LARGEST, LARGEST)


def _bounds(landscape: Landscape) -> list[float]:
    """Return the cost from which each shade but the first is drawn.

    They are the squares of equal steps: the rings of a bowl are equally wide.
    """
    assert landscape.costs is not None
    finite = landscape.costs[np.isfinite(landscape.costs)]
    if not finite.size:
        return []
    low, high = float(finite.min()), float(finite.max())
    marks: list[Mark | Landing] = [*landscape.path, landscape.present]
    known = [mark.cost for mark in marks if mark.cost is not None and np.isfinite(mark.cost)]
    if len(known) > 1:
        high = min(high, low + BEYOND * (max(known) - low)) if max(known) > low else high
    return [low + (high - low) * (k / len(SHADES)) ** 2 for k in range(1, len(SHADES))]


def _levels(costs: Array, bounds: list[float]) -> list[list[int]]:
    # Without a finite cost there are no bounds: an infinite one has the darkest shade all the same.
    bounds = bounds or [math.inf] * (len(SHADES) - 1)
    levels = np.searchsorted(bounds, np.where(np.isnan(costs), 0.0, costs), side="right")
    found: list[list[int]] = np.where(np.isnan(costs), -1, levels).tolist()
    return found


def _words(landscape: Landscape, width: int) -> list[str]:
    """Return the lines below the chart, the most important first, each as wide as fits."""
    lines = []
    name, kind = landscape.cost_name, landscape.view.kind
    present = landscape.present
    if len(landscape.axes) == 2:
        if landscape.costs is not None:
            bounds = _bounds(landscape)
            shades = [f"{s} {scalar(b, 3)}" for s, b in zip(SHADES[1:], bounds, strict=False)]
            lines.append(f"{name} from  {'  '.join(shades)}")
        x, y = (axis.name for axis in landscape.axes)
        lines.append(f"→ {x}  ↑ {y}   {SIGNS}")
    elif landscape.slope is not None and kind == "gradient":
        lines.append(f"learning rate →   {PRESENT} now: {name} {_number(present.cost)}")
    elif landscape.slope is not None:
        at = scalar(present.at[0], DIGITS)
        lines.append(f"slope at {at}: {_number(landscape.slope)}   {SIGNS}")
    else:
        # Where the cost of this moment is not known, there is no mark.
        known = PRESENT_SIGN if present.cost is not None else f"now {_number(present.at[0])}"
        lines.append(f"→ {landscape.axes[0].name}   {STEPS_SIGN}  {together(known)}")
    lines += _landing_lines(landscape)
    lines += landscape.notes
    return wrapped(lines, width)


def _landing_lines(landscape: Landscape) -> list[str]:
    """Return where other learning rates would lead, in a line."""
    if landscape.view.kind == "gradient":
        texts = [
            f"lr {_number(landing.rate)}: {_number(landing.cost)}" for landing in landscape.landings
        ]
        start = f"{LANDING} {landscape.cost_name} after an update with "
    elif landscape.view.kind == "path":
        return []
    else:
        texts = [
            f"lr {_number(landing.rate)} on {', '.join(map(_number, landing.at))}"
            for landing in landscape.landings
        ]
        start = f"{LANDING} would land: "
    return [start + ", ".join(map(together, texts))] if texts else []


def _number(number: float | None) -> str:
    return "not computed" if number is None else scalar(number, DIGITS)
