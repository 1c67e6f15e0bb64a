"""Formulas with their numbers as lines: each number is right after the formula that gives it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mfdebug.core.format.numbers import scalar
from mfdebug.tui.terminal.text_fitting import wrap, wrap_terms
from mfdebug.tui.widgets.tensor import Line, Paint

# A space at which a line does not break.
FIXED = "\xa0"


class Row(NamedTuple):
    """A text and the number that it describes; without a number, `word` may follow instead."""

    text: str
    number: float | None = None
    word: str = ""


def row_lines(rows: Sequence[Row], width: int, dim: Style, paint: Paint) -> Iterable[Line]:
    """Yield rows whose numbers are aligned; a row that is too long is wrapped, then its number."""
    ends = ["" if row.number is None else scalar(row.number) for row in rows]
    ends = [row.word or end for row, end in zip(rows, ends, strict=True)]
    widest = max(map(cell_len, ends), default=0)
    room = width - widest - 2
    column = max((n for row in rows if (n := cell_len(row.text)) <= room), default=0)
    for row, end in zip(rows, ends, strict=True):
        indent = " " * (len(row.text) - len(row.text.lstrip()))
        room_of_text = width - len(indent)
        first, *more = wrap_terms(row.text.lstrip(), room_of_text, room_of_text - 2) or [""]
        lines = [indent + first, *(f"{indent}  {part}" for part in more)]
        yield from ([Segment(line, dim)] for line in lines[:-1])
        last = lines[-1]
        if not end:
            yield [Segment(last, dim)]
            continue
        if len(lines) == 1 and cell_len(last) <= column:
            last += " " * (column - cell_len(last) + widest - cell_len(end))
        shown = _number(row, end, dim, paint)
        if cell_len(last) + 2 + cell_len(end) <= width:
            yield [Segment(f"{last}  ", dim), shown]
        else:
            yield [Segment(last, dim)]
            yield [Segment(f"{indent}    ", dim), shown]


def _number(row: Row, end: str, dim: Style, paint: Paint) -> Segment:
    return Segment(end, dim) if row.number is None else paint.number(end, row.number)


def equation_lines(
    text: str, number: float, width: int, dim: Style, paint: Paint, indent: int = 2
) -> Iterable[Line]:
    """Yield `text = number`, wrapped between its terms; the number is styled."""
    shown = scalar(number)
    parts = wrap_terms(f"{text} ={FIXED}{shown}", max(8, width - indent))
    for part in parts[:-1]:
        yield [Segment(f"{' ' * indent}{part}", dim)]
    head = parts[-1].removesuffix(shown)
    yield [Segment(f"{' ' * indent}{head}", dim), paint.number(shown, number)]


def text_lines(text: str, width: int, indent: int, style: Style) -> Iterable[Line]:
    """Yield a text in lines of `width` cells, or nothing for an empty one."""
    for part in wrap(text, width - indent) if text else ():
        yield [Segment(f"{' ' * indent}{part}", style)]
