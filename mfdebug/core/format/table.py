"""Tables: columns aligned by terminal cells, and cut visibly where the width is too small.

All lists with columns that commands print, in the app and at the prompt, are tables of this form.
It loads neither NumPy nor msgspec, because `mfdebug --list` prints one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from mfdebug.core.format.cells import CUT, cells, cut_end, cut_name

GAP = "  "
# The fewest cells of a column that is cut, and the fewest before other columns are left out.
_LEAST = {"name": 16, "end": 12}
_COMFORTABLE = 24
# A number, which words may follow, as in `-0.25 so far`.
_NUMBER = re.compile(r"([+-]?(?:[\d,]+|inf|nan))((?:\.\d+)?(?:e[+-]\d+)?(?: .*)?)")


class Column(NamedTuple):
    """A column: "point" aligns numbers by their decimal points, and other words to the right.

    `cut` says how a column gets narrower if the table is too wide: at its end, or as a name, from
    the left in its scopes. Columns with a `rank` above 0 can be left out, the highest first.
    """

    head: str = ""
    align: Literal["left", "right", "point"] = "left"
    cut: Literal["", "end", "name"] = ""
    rank: int = 0


class Row(NamedTuple):
    """A row: a text per column, and what it refers to, for who wants to go there.

    `to` is a reference to a number (`EntryRef`), or the command line that goes there. `words` says
    in sentences what the row says, and what has no column.
    """

    cells: tuple[str, ...]
    to: object = None
    words: str = ""


class Table(NamedTuple):
    """Rows under the heads of their columns.

    `left_out` rows more are only counted; `more` says what they are. A text has at most `most`
    rows, if given; a screen of its own can show all.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    indent: int = 0
    left_out: int = 0
    more: str = "more"
    most: int | None = None

    def lines(self, width: int | None = None) -> list[str]:
        """Return the table as text of at most `width` cells."""
        fitted = Fitted(self, width)
        count = len(self.rows[: self.most])
        lines = [fitted.heads] if fitted.has_heads else []
        lines += [fitted.line(y) for y in range(count)]
        if rest := self.rest(count):
            lines.append(rest if width is None else cut_end(rest, width))
        return lines

    def rest(self, shown: int) -> str:
        """Return a line that counts the rows after the first `shown`, or an empty string."""
        count = len(self.rows) - shown + self.left_out
        return f"{' ' * self.indent}{CUT} {count:,} {self.more}" if count else ""


# A reply is lines of text and tables.
Part = str | Table


def text_lines(parts: Iterable[Part], width: int | None = None) -> list[str]:
    """Return lines and tables as text; only tables are fitted to `width` cells, if given."""
    lines: list[str] = []
    for part in parts:
        lines += part.lines(width) if isinstance(part, Table) else part.split("\n")
    return lines


class Fitted:
    """A table fitted to a width in cells, None for as much as it needs; lines are made on demand.

    Columns that are empty in all rows are left out. Where the width does not suffice, columns are
    left out in the order of their ranks, which `…` in place of their heads says, then cut.
    """

    def __init__(self, table: Table, width: int | None = None) -> None:
        self.table = table
        self.width = width
        self._texts = [_column_texts(table, i) for i in range(len(table.columns))]
        self._shown = [i for i, texts in enumerate(self._texts) if any(texts)]
        self._dropped = False
        self._widths = {
            i: max(cells(table.columns[i].head), *map(cells, self._texts[i])) for i in self._shown
        }
        if width is not None:
            self._drop(width)
            self._narrow(width)

    @property
    def has_heads(self) -> bool:
        """Whether any column that is shown has a head, or columns are left out."""
        return self._dropped or any(self.table.columns[i].head for i in self._shown)

    @cached_property
    def heads(self) -> str:
        """The line of the heads."""
        line = self._joined([column.head for column in self.table.columns])
        line += f"{GAP}{CUT}" if self._dropped else ""
        return line if self.width is None else cut_end(line, self.width)

    def line(self, y: int) -> str:
        """Return row `y`, counted from 0, as text."""
        return self._joined([texts[y] for texts in self._texts])

    @property
    def is_cut(self) -> bool:
        """Whether something is left out or cut."""
        return self._dropped or any(
            cells(text) > self._widths[i] for i in self._shown for text in self._texts[i]
        )

    def _joined(self, texts: Sequence[str]) -> str:
        parts = []
        for i in self._shown:
            column, size = self.table.columns[i], self._widths[i]
            cut = cut_name if column.cut == "name" else cut_end
            text = cut(texts[i], size)
            blank = " " * (size - cells(text))
            parts.append(text + blank if column.align == "left" else blank + text)
        line = (" " * self.table.indent + GAP.join(parts)).rstrip()
        return line if self.width is None else cut_end(line, self.width)

    def _total(self) -> int:
        gaps = len(GAP) * max(0, len(self._shown) - 1)
        mark = len(GAP) + 1 if self._dropped else 0
        return self.table.indent + sum(self._widths[i] for i in self._shown) + gaps + mark

    def _drop(self, width: int) -> None:
        """Leave out columns until the others fit, where cutting a few cells is not enough."""
        columns = self.table.columns
        while self._total() - self._spare() > width:
            highest = max((columns[i].rank for i in self._shown), default=0)
            kept = [i for i in self._shown if columns[i].rank != highest]
            if not (highest and kept):
                return
            self._shown, self._dropped = kept, True

    def _spare(self) -> int:
        """Return how many cells can be saved while what is cut can still be read."""
        return sum(max(0, self._widths[i] - _COMFORTABLE) for i in self._shown if self._is_cut(i))

    def _is_cut(self, i: int) -> bool:
        return bool(self.table.columns[i].cut)

    def _least(self, i: int) -> int:
        return max(_LEAST[self.table.columns[i].cut], cells(self.table.columns[i].head))

    def _narrow(self, width: int) -> None:
        """Cut the widest of the columns that can be cut, down to their least widths."""
        while (excess := self._total() - width) > 0:
            wide = [i for i in self._shown if self._is_cut(i) and self._widths[i] > self._least(i)]
            if not wide:
                return
            widest = max(wide, key=lambda i: self._widths[i])
            size = self._widths[widest]
            next_widest = max((w for i in wide if (w := self._widths[i]) < size), default=0)
            self._widths[widest] = max(self._least(widest), next_widest, size - excess)


def _column_texts(table: Table, i: int) -> list[str]:
    texts = [row.cells[i] for row in table.rows]
    return _pointed(texts) if table.columns[i].align == "point" else texts


def _pointed(texts: Sequence[str]) -> list[str]:
    """Pad numbers at their right, so that right-aligned their decimal points are in one column."""
    tails = [_tail(text) for text in texts]
    most = max((cells(tail) for tail in tails if tail is not None), default=0)
    return [
        text if tail is None else text + " " * (most - cells(tail))
        for text, tail in zip(texts, tails, strict=True)
    ]


def _tail(text: str) -> str | None:
    """Return what follows the integer part of a number, or None for a text that is no number."""
    found = _NUMBER.fullmatch(text)
    return None if found is None else found[2]
