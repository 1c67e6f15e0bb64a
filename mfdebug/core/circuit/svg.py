"""A drawing as SVG: wires and frames as lines, each word as a text at its own place.

Box-drawing characters become lines, so that nothing depends on a font that has them; each text
starts at the left of its cells and is as long as they are, so that no space is lost and no font is
too wide.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from mfdebug.core.circuit.cells import clusters, width
from mfdebug.core.circuit.drawing.arms import ARMS_OF, DOWN, JOINT, LEFT, RIGHT, UP
from mfdebug.core.circuit.drawing.canvas import Run

# The size of a cell, of its text, and the height of the text's baseline, in pixels.
CELL_WIDTH, CELL_HEIGHT = 8.0, 17.0
_FONT_SIZE, _BASELINE = 13.0, 12.5
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
_LIGHT_WIDTH, _HEAVY_WIDTH = 1.2, 2.6
# Colours that can be read on white and on black.
_NEUTRAL = {
    "plain": "currentColor",
    "wire": "#808080",
    "frame": "#2b8ca3",
    "name": "currentColor",
    "value": "#3a8f3a",
    "gradient": "#c07010",
    "waiting": "#8a8a8a",
    "lit-forward": "#2f9e2f",
    "lit-backward": "#e04a3a",
    "new-value": "#2f9e2f",
    "new-gradient": "#e04a3a",
    "active": "#c08a00",
    "chosen": "currentColor",
}
_BOLD = ("name", "lit-forward", "lit-backward", "new-value", "new-gradient", "active")
# Where there is a background: its colour and that of the text, light and dark.
_SURFACES = (("#ffffff", "#1f2328"), ("#14171c", "#e6e6e6"))
_WORDS = re.compile(r"\S+(?: \S+)*")
_ROUNDED = {"╭": (DOWN, RIGHT), "╮": (DOWN, LEFT), "╰": (UP, RIGHT), "╯": (UP, LEFT)}


def svg(rows: Sequence[Sequence[Run]], columns: int, title: str, *, background: bool) -> str:
    """Return the rows of a drawing as an SVG of so many columns.

    With a `background` it is a picture of its own, light or dark as the viewer prefers; without one
    it takes the colour of the text around it.
    """
    across, down = columns * CELL_WIDTH, len(rows) * CELL_HEIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mfdebug-circuit" role="img" '
        f'width="{across:g}" height="{down:g}" viewBox="0 0 {across:g} {down:g}" '
        f'font-family="{escape(_FONTS)}" font-size="{_FONT_SIZE:g}">'
    )
    parts = [head, f"<title>{escape(title)}</title>"]
    if background:
        (paper, ink), (dark_paper, dark_ink) = _SURFACES
        parts.append(
            f"<style>.mfdebug-circuit{{color:{ink}}}.mfdebug-paper{{fill:{paper}}}"
            f"@media (prefers-color-scheme: dark){{.mfdebug-circuit{{color:{dark_ink}}}"
            f".mfdebug-paper{{fill:{dark_paper}}}}}</style>"
            f'<rect class="mfdebug-paper" width="100%" height="100%"/>'
        )
    parts += _lines(rows)
    for y, row in enumerate(rows):
        parts += _texts(row, y)
    return "\n".join([*parts, "</svg>"]) + "\n"


def row_svg(row: Sequence[Run]) -> list[str]:
    """Return one row of a drawing as elements of an SVG whose top is that of the row."""
    return [*_lines([row]), *_texts(row, 0)]


def _cells(rows: Sequence[Sequence[Run]]) -> Iterator[tuple[int, int, str, str]]:
    """Yield each character with its column, its row and its style."""
    for y, row in enumerate(rows):
        x = 0
        for text, style in row:
            for sign in clusters(text):
                yield x, y, sign, style
                x += width(sign)


def _lines(rows: Sequence[Sequence[Run]]) -> Iterable[str]:
    """Return the lines of wires and frames: a path for each style and weight."""
    paths: dict[tuple[str, bool], list[str]] = defaultdict(list)
    joints: dict[str, list[str]] = defaultdict(list)
    for x, y, sign, style in _cells(rows):
        middle = (x + 0.5) * CELL_WIDTH, (y + 0.5) * CELL_HEIGHT
        if sign == JOINT and style in ("wire", "lit-forward", "lit-backward"):
            joints[style].append(f'<circle cx="{middle[0]:g}" cy="{middle[1]:g}" r="3"/>')
            arms = paths[style, style != "wire"]
            arms += [_arm(middle, arm) for arm in (UP, RIGHT, DOWN, LEFT)]
        elif sign in _ROUNDED:
            paths[style, False].append(_corner(middle, *_ROUNDED[sign]))
        elif (found := ARMS_OF.get(sign)) is not None:
            for arm in (UP, RIGHT, DOWN, LEFT):
                if (found.light | found.heavy) & arm:
                    paths[style, bool(found.heavy & arm)].append(_arm(middle, arm))
    for (style, heavy), lines in paths.items():
        line = _HEAVY_WIDTH if heavy else _LIGHT_WIDTH
        yield (
            f'<path fill="none" stroke="{_NEUTRAL[style]}" stroke-width="{line:g}" '
            f'stroke-linecap="square" d="{"".join(_joined(lines))}"/>'
        )
    for style, dots in joints.items():
        yield f'<g fill="{_NEUTRAL[style]}">{"".join(dots)}</g>'


def _end(middle: tuple[float, float], arm: int) -> tuple[float, float]:
    """Return where an arm meets the edge of its cell."""
    x, y = middle
    if arm in (LEFT, RIGHT):
        return x + (CELL_WIDTH / 2 if arm == RIGHT else -CELL_WIDTH / 2), y
    return x, y + (CELL_HEIGHT / 2 if arm == DOWN else -CELL_HEIGHT / 2)


def _arm(middle: tuple[float, float], arm: int) -> str:
    first, last = sorted((middle, _end(middle, arm)))
    if arm in (LEFT, RIGHT):
        return f"M{first[0]:g} {first[1]:g}H{last[0]:g}"
    return f"M{first[0]:g} {first[1]:g}V{last[1]:g}"


def _corner(middle: tuple[float, float], along: int, across: int) -> str:
    (x0, y0), (x1, y1) = _end(middle, along), _end(middle, across)
    x, y = middle
    return f"M{x0:g} {y0:g}Q{x:g} {y:g} {x1:g} {y1:g}"


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Join horizontal pieces that continue each other, which are most of a drawing."""
    start, end = "", ""
    for line in lines:
        head, across, to = line.partition("H")
        if across and start and head == f"M{end} {start.split()[1]}":
            end = to
            continue
        if start:
            yield f"{start}H{end}"
        start, end = (head, to) if across else ("", "")
        if not across:
            yield line
    if start:
        yield f"{start}H{end}"


def _texts(row: Sequence[Run], y: int) -> Iterator[str]:
    """Return the words of a row, each at its place."""
    x = 0
    for text, style in row:
        column = x
        lettered = "".join(
            " " * width(sign) if sign in ARMS_OF or (sign == JOINT and style == "wire") else sign
            for sign in clusters(text)
        )
        for word in _WORDS.finditer(lettered):
            column = x + width(lettered[: word.start()])
            yield _text(word[0], column, y, style)
        x += width(text)


def _text(word: str, x: int, y: int, style: str) -> str:
    left, length = x * CELL_WIDTH, width(word) * CELL_WIDTH
    weight = ' font-weight="bold"' if style in _BOLD else ""
    text = (
        f'<text x="{left:g}" y="{y * CELL_HEIGHT + _BASELINE:g}" textLength="{length:g}" '
        f'lengthAdjust="spacingAndGlyphs" fill="{_NEUTRAL[style]}"{weight}>{escape(word)}</text>'
    )
    if not style.startswith("new-"):
        return text
    # The new number: framed by its colour, as it is in reverse on a screen.
    box = (
        f'<rect x="{left - 1:g}" y="{y * CELL_HEIGHT + 1:g}" width="{length + 2:g}" '
        f'height="{CELL_HEIGHT - 2:g}" rx="2" fill="{_NEUTRAL[style]}" fill-opacity="0.2"/>'
    )
    return box + text
