"""A frame as SVG that looks the same whatever fonts the viewer has.

Every word has its own place and width, so that no space is lost; lines, blocks and braille are
polygons.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from mfdebug.pictures.cells import Frame, Run
from mfdebug.pictures.shapes import Shape, shape_of

FONT_SIZE = 16.0
CELL_WIDTH, CELL_HEIGHT = 9.6, 19.2
# The baseline in a cell, from its top.
BASELINE = 14.8
MARGIN = 12.0
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


class _Word(NamedTuple):
    """ASCII characters without a space, or one other character."""

    x: int
    text: str


def svg(frame: Frame, title: str) -> str:
    """Return a frame as the text of an SVG file; `title` is what a screen reader says."""
    width = frame.width * CELL_WIDTH + 2 * MARGIN
    height = frame.height * CELL_HEIGHT + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'role="img" aria-label={quoteattr(title)}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{frame.background}"/>',
        f'<g transform="translate({MARGIN:g} {MARGIN:g})" font-family="{FONTS}" '
        f'font-size="{FONT_SIZE:g}">',
    ]
    for y, row in enumerate(frame.rows):
        lines += [_background(run, y) for run in row if run.background != frame.background]
    drawn: dict[tuple[str, float], list[str]] = {}
    for y, row in enumerate(frame.rows):
        for run in row:
            for piece in _pieces(run):
                if isinstance(piece, _Word):
                    lines.append(_text(piece, run, y))
                else:
                    x, shape = piece
                    path = drawn.setdefault((run.foreground, shape.opacity), [])
                    path += _path(shape, x, y)
    for (colour, opacity), path in drawn.items():
        faded = "" if opacity == 1 else f' fill-opacity="{opacity:g}"'
        lines.append(f'<path fill="{colour}"{faded} d="{"".join(path)}"/>')
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _background(run: Run, y: int) -> str:
    return (
        f'<rect x="{run.x * CELL_WIDTH:g}" y="{y * CELL_HEIGHT:g}" '
        f'width="{len(run.cells) * CELL_WIDTH:g}" height="{CELL_HEIGHT:g}" '
        f'fill="{run.background}" shape-rendering="crispEdges"/>'
    )


def _pieces(run: Run) -> Iterator[_Word | tuple[int, Shape]]:
    """Split a run into words and shapes, without its spaces."""
    start, word = run.x, ""
    for x, cell in enumerate((*run.cells, " "), run.x):
        if cell.isascii() and cell.strip():
            start = start if word else x
            word += cell
            continue
        if word:
            yield _Word(start, word)
            word = ""
        if len(cell) == 1 and (shape := shape_of(cell)):
            yield x, shape
        elif cell.strip():
            yield _Word(x, cell)


def _text(word: _Word, run: Run, y: int) -> str:
    style = f' fill="{run.foreground}"'
    if len(word.text) > 1 and word.text.isascii():
        style += f' textLength="{len(word.text) * CELL_WIDTH:g}"'
    style += ' font-weight="bold"' if run.bold else ""
    style += ' font-style="italic"' if run.italic else ""
    style += ' text-decoration="underline"' if run.underline else ""
    x, baseline = word.x * CELL_WIDTH, y * CELL_HEIGHT + BASELINE
    return f'<text x="{x:g}" y="{baseline:g}"{style}>{escape(word.text)}</text>'


def _path(shape: Shape, x: int, y: int) -> Iterator[str]:
    for polygon in shape.polygons:
        points = " ".join(
            f"{(x + px) * CELL_WIDTH:.2f} {(y + py) * CELL_HEIGHT:.2f}" for px, py in polygon
        )
        yield f"M{points}Z"
