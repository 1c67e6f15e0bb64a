"""The answers drawn in characters: shades over a plane, a curve, a confusion table, a scatter."""

from __future__ import annotations

import numpy as np

from mfdebug.core.answers.answers import Answers
from mfdebug.core.format.numbers import scalar
from mfdebug.core.plots.chart import SHADES, Chart, lines_of
from mfdebug.core.plots.cost_curve import LARGEST, axis_of
from mfdebug.core.plots.drawing import Drawing, Line, Style
from mfdebug.core.plots.row_axis import row_axis_between
from mfdebug.core.plots.words import MARGIN, joined, together, wrapped
from miniflow.ops.base import Array

POINT = "○"
# Class numbers and targets up to this one are drawn as a digit.
MOST_DIGIT = 9
# Points that a scatter draws: more would be in the same cells.
MOST_POINTS = 5000
# So many rows of the data are written out, too: those of the truth table of a gate.
FEW_ROWS = 4


def draw(answers: Answers, width: int, height: int) -> Drawing:
    """Draw answers in `width` columns and `height` lines."""
    if answers.kind == "classes":
        return Drawing(_confusion(answers, width, height))
    room = width - len(MARGIN)
    words = wrapped(_words(answers, room), room)
    words = words[: max(1, height // 2)]
    picture = {"plane": _plane, "curve": _curve, "scatter": _scatter}[answers.kind]
    chart = picture(answers, width, height - len(words))
    below: list[Line] = [[(f"{MARGIN}{line}", "words")] for line in words]
    return Drawing([*chart.lines(), *below])


def shade_bounds(answers: Answers) -> list[float]:
    """Return the answer from which each shade but the first is drawn.

    The shades divide the range of the targets, so that a network that says one half to everything
    has one shade; without targets, the range of the answers.
    """
    assert answers.values is not None
    numbers = answers.values if answers.targets is None else answers.targets
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [low + (high - low) * k / len(SHADES) for k in range(1, len(SHADES))]


def _ends(axis: Array) -> tuple[float, float]:
    return float(axis[0]), float(axis[-1])


def _plane(answers: Answers, width: int, height: int) -> Chart:
    assert answers.values is not None
    x, y = answers.axes
    chart = Chart(_ends(x), row_axis_between(*_ends(y), lines_of(height)), width, height)
    if answers.classes_named:
        chart.write([[_digit(v) for v in row] for row in answers.values])
    else:
        nan = np.isnan(answers.values)
        levels = np.searchsorted(shade_bounds(answers), np.where(nan, 0.0, answers.values), "right")
        chart.shade(np.where(nan, -1, levels).tolist())
    for k, row in enumerate(answers.rows[:MOST_POINTS]):
        target = None if answers.targets is None else float(answers.targets[k])
        sign = POINT if target is None or answers.classes_named else _digit(target)
        chart.mark(float(row[0]), float(row[1]), sign, "point")
    return chart


def _digit(number: float) -> str:
    """Return a class or a target as one character, or a sign if it is not a digit."""
    return f"{number:.0f}" if number in range(MOST_DIGIT + 1) else POINT


def _curve(answers: Answers, width: int, height: int) -> Chart:
    assert answers.values is not None
    heights = np.clip(
        np.where(np.isfinite(answers.values), answers.values, np.nan), -LARGEST, LARGEST
    )
    points = np.zeros(0) if answers.targets is None else answers.targets
    y = axis_of(np.concatenate([heights, points]), (), lines_of(height))
    chart = Chart(_ends(answers.axes[0]), y, width, height)
    chart.curve(heights)
    for row, target in zip(answers.rows[:MOST_POINTS], points, strict=False):
        chart.mark(float(row[0]), float(target), POINT, "point")
    return chart


def _scatter(answers: Answers, width: int, height: int) -> Chart:
    assert answers.targets is not None
    given = np.clip(answers.given, -LARGEST, LARGEST)
    x = axis_of(answers.targets, (), lines_of(height))
    across = np.linspace(x.low, x.high, 2 * width)
    y = axis_of(np.concatenate([given, across]), (), lines_of(height))
    chart = Chart(_ends(across), y, width, height)
    chart.curve(across)
    for target, answer in zip(answers.targets[:MOST_POINTS], given, strict=False):
        chart.mark(float(target), float(answer), POINT, "point")
    return chart


def _words(answers: Answers, width: int) -> list[str]:
    lines = []
    if answers.kind == "plane":
        if answers.classes_named:
            lines.append(f"{answers.answer}: the class that is answered; {POINT} rows of the data")
        else:
            shades = zip(SHADES[1:], shade_bounds(answers), strict=True)
            lines.append(
                f"{answers.answer} from  " + "  ".join(f"{s} {scalar(b, 3)}" for s, b in shades)
            )
        about = f"→ {answers.names[0]}  ↑ {answers.names[1]}"
        digits = answers.target and not answers.classes_named
        lines.append(f"{about}   digits: {answers.target}" if digits else about)
    elif answers.kind == "curve":
        points = f"   {POINT} {answers.target}" if answers.target else ""
        lines.append(f"→ {answers.names[0]}  ↑ {answers.answer}{points}")
    else:
        lines.append(f"→ {answers.target}  ↑ {answers.answer}   line: both are equal")
    if answers.counts is not None:
        lines.append(_accuracy(answers))
    elif answers.targets is not None:
        error = float(np.abs(answers.targets - answers.given).mean())
        lines.append(f"mean |{answers.target} - {answers.answer}| {scalar(error, 4)}")
    if answers.kind == "plane" and answers.counts is None and len(answers.rows) <= FEW_ROWS:
        return [*joined(lines, width), *_rows(answers, width), *answers.notes]
    return [*joined(lines, width), *answers.notes]


def _rows(answers: Answers, width: int) -> list[str]:
    """Return lines of the rows of the data, each with what is wanted and what is answered."""
    head, texts = ["→ ↑"], [" ".join(scalar(x, 3) for x in row) for row in answers.rows]
    columns = [(answers.answer, answers.given)]
    if answers.targets is not None:
        columns.insert(0, (answers.target, answers.targets))
    for name, numbers in columns:
        head.append(name)
        texts = [f"{text} │{scalar(x, 3)}" for text, x in zip(texts, numbers, strict=True)]
    title = " │".join(head)
    cell = max(map(len, texts)) + 2
    across = max(1, (width - len(title)) // cell)
    lines = []
    for start in range(0, len(texts), across):
        lead = title if start == 0 else ""
        row = "".join("  " + text.ljust(cell - 2) for text in texts[start : start + across])
        lines.append(together(f"{lead.ljust(len(title))}{row}".rstrip()))
    return lines


def _accuracy(answers: Answers) -> str:
    rows = len(answers.given)
    return f"accuracy {100 * answers.right / max(1, rows):.4g} %: {answers.right} of {rows} rows"


def _confusion(answers: Answers, width: int, height: int) -> list[Line]:
    """Return the table of counts, a row for each class that is wanted."""
    assert answers.counts is not None
    counts = answers.counts
    first = f"{MARGIN}{answers.target} ↓"
    cell = 1 + max(len(str(counts.max(initial=0))), len(str(len(counts) - 1)))
    margin = max(len(first), len(str(len(counts) - 1))) + 1
    shown = min(len(counts), max(1, (width - margin) // cell))
    lines: list[Line] = [[(f"{MARGIN}{_accuracy(answers)}", "words")]]
    header = "".join(str(k).rjust(cell) for k in range(shown))
    lines.append([(first.ljust(margin), "axis"), (header, "axis")])
    notes = wrapped(answers.notes, width - len(MARGIN))
    room = max(1, height - len(lines) - len(notes))
    down = len(counts) if len(counts) <= room else max(1, room - 1)
    for wanted in range(down):
        cells: Line = [(str(wanted).rjust(margin - 1) + " ", "axis")]
        for given in range(shown):
            count = int(counts[wanted, given])
            style: Style = "mark" if wanted == given else "wrong" if count else "axis"
            text = str(count) if count else "·"
            cells += [(" " * (cell - len(text)), "blank"), (text, style)]
        lines.append(cells)
    if down < len(counts) or shown < len(counts):
        rest = f"classes {min(shown, down)} to {len(counts) - 1}: on a larger screen"
        lines.append([(f"{MARGIN}{rest}", "words")])
    below: list[Line] = [[(f"{MARGIN}{note}", "words")] for note in notes]
    return lines + below
