"""The lines of a matrix product: both matrices and the result, and the row and column that meet.

```text
∂cost/∂W2 = s1ᵀ · ∂cost/∂l2   (2x4)·(4x1) = 2x1
                                    ▾           ▾
▸ 0.500  0.378  0.401  0.289     0.0625    ▸ -0.0032
  0.500  0.354  0.690  0.550    -0.0620      -0.0067
                                -0.0681
                                 0.0563
∂cost/∂W2[0,0] = 0.5 × 0.0625 + …
```
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment

from mfdebug.core.explain.products import MatrixProduct
from mfdebug.core.format.scaled import ScaledFormat
from mfdebug.tui.terminal.text_fitting import wrap
from mfdebug.tui.widgets.equations import equation_lines
from mfdebug.tui.widgets.tensor import GAP, Line, Paint
from mfdebug.tui.widgets.tensor_columns import BETWEEN, heading, side_by_side
from miniflow.ops.base import Array

ROW, COLUMN = "▸", "▾"
DIGITS = 3
# A number of each matrix fits from this width on.
LEAST_WIDTH = 48
# Columns of the right matrix that are looked at.
MOST_COLUMNS = 8
# Terms of a sum that are looked at for a format.
MOST_TERMS = 64


class _Block(NamedTuple):
    """A part of a matrix; `row` and `column` are the marked ones within it, if any."""

    numbers: Array
    row: int | None
    column: int | None
    form: ScaledFormat

    @property
    def cell(self) -> int:
        return self.form.width + len(GAP)


class ProductLines:
    """The lines of one product in `width` cells, with up to `height` rows of each matrix.

    The width is at least `LEAST_WIDTH`.
    """

    def __init__(
        self,
        product: MatrixProduct,
        width: int,
        height: int,
        paint: Paint,
        *,
        ascii_only: bool = False,
    ) -> None:
        self._product = product
        self._width = width
        self._paint = paint
        self._ascii_only = ascii_only
        self._rows = _page(product.left.shape[0], height, product.row)
        self._terms, self._columns = self._widths(height)

    def _widths(self, height: int) -> tuple[range, range]:
        """Return the terms and the columns that fit: all terms are more important."""
        product = self._product
        length = product.left.shape[1]
        most = min(product.right.shape[1], MOST_COLUMNS)
        fitting = range(0), range(0)
        for count in range(most, 0, -1):
            columns = _page(product.right.shape[1], count, product.column)
            left, right, result = self._forms(range(min(length, height, MOST_TERMS)), columns)
            others = count * right + (count * result if product.result is not None else 0)
            room = self._width - 2 * (1 + BETWEEN) - 1 - others
            wanted = min(length, height)
            terms = range(max(1, min(wanted, room // left)))
            # The numbers of fewer terms may have a wider format.
            while len(terms) > 1 and self._taken(terms, columns) > self._width:
                terms = terms[:-1]
            fitting = terms, columns
            if len(terms) == wanted and self._taken(terms, columns) <= self._width:
                break
        return fitting

    def _taken(self, terms: range, columns: range) -> int:
        """Return the cells that the matrices take with these terms and columns."""
        blocks = self._shown_blocks(terms, columns)
        return sum(map(self._block_width, blocks)) + BETWEEN * (len(blocks) - 1)

    def _block_width(self, block: _Block) -> int:
        """Return the cells of a block's longest line: that of its numbers, or of their scale."""
        scale = cell_len(block.form.scale(ascii_only=self._ascii_only))
        columns: int = block.numbers.shape[1]
        return 1 + max(block.cell * columns, len(GAP) + scale)

    def _shown_blocks(self, terms: range, columns: range) -> Sequence[_Block]:
        blocks = self._blocks(terms, columns)
        return blocks if self._product.result is not None else blocks[:-1]

    def _forms(self, terms: range, columns: range) -> tuple[int, int, int]:
        return tuple(block.cell for block in self._blocks(terms, columns))  # type: ignore[return-value]

    def _blocks(self, terms: range, columns: range) -> tuple[_Block, _Block, _Block]:
        product, rows = self._product, self._rows
        row, column = product.row - rows.start, product.column - columns.start
        parts = (
            (product.left[_cut(rows), _cut(terms)], row, None),
            (product.right[_cut(terms), _cut(columns)], None, column),
            (_result(product)[_cut(rows), _cut(columns)], row, column),
        )
        left, right, result = (
            _Block(numbers, r, c, ScaledFormat.of(numbers, DIGITS, DIGITS))
            for numbers, r, c in parts
        )
        return left, right, result

    def lines(self) -> Iterable[Line]:
        """Yield the title with the shapes, the matrices, and the marked entry as a sum."""
        product, dim = self._product, self._paint.style("dim")
        yield from heading(product.title, [(product.shapes,)], self._width, self._paint)
        blocks = self._shown_blocks(self._terms, self._columns)
        yield from _beside([self._block_lines(block) for block in blocks])
        if hidden := self._hidden():
            for part in wrap(f"… {hidden}", self._width - len(GAP)):
                yield [Segment(f"{GAP}{part}", dim)]
        if product.working:
            text = f"{product.entry} = {product.working}"
            yield from equation_lines(text, product.number, self._width, dim, self._paint)

    def _block_lines(self, block: _Block) -> list[Line]:
        """Return the lines of a part of a matrix, with the marks of row and column."""
        label = self._paint.style("label")
        lines: list[Line] = []
        above = " " * block.cell * (block.column or 0)
        marked = block.column is not None and bool(block.numbers.shape[1])
        mark = f" {above}{COLUMN.rjust(block.cell)}" if marked else ""
        scale = block.form.scale(ascii_only=self._ascii_only)
        if scale:
            lines.append([Segment(f" {GAP}{scale}", self._paint.style("dim"))])
        lines.append([Segment(mark, label)])
        finite = np.abs(block.numbers[np.isfinite(block.numbers)])
        largest = float(finite.max(initial=0.0))
        for i, numbers in enumerate(block.numbers):
            line: Line = [Segment(ROW if i == block.row else " ", label)]
            for j, number in enumerate(numbers):
                text = block.form.fmt(number)
                segment = self._paint.number(text, float(number), largest)
                meets = (block.row in (None, i)) and (block.column in (None, j))
                line += [Segment(GAP), self._paint.chosen(segment) if meets else segment]
            lines.append(line)
        return lines

    def _hidden(self) -> str:
        """Return which rows, terms and columns are shown if not all are."""
        product = self._product
        left, right = product.left.shape, product.right.shape
        parts = (
            _part("row", self._rows, left[0]),
            _part("term", self._terms, left[1]),
            _part("column", self._columns, right[1]),
        )
        return ", ".join(filter(None, parts))


def _result(product: MatrixProduct) -> Array:
    """Return the result, or an array without numbers of its shape."""
    if product.result is not None:
        return product.result
    return np.zeros((product.left.shape[0], 0))


def _beside(blocks: list[list[Line]]) -> Iterable[Line]:
    """Yield blocks side by side, aligned at the line of the column marks."""
    scaled = any(len(lines) > 1 and _is_scale(lines) for lines in blocks)
    blocks = [lines if not scaled or _is_scale(lines) else [[], *lines] for lines in blocks]
    return side_by_side(blocks)


def _is_scale(lines: list[Line]) -> bool:
    return any(text.strip() and text.strip() != COLUMN for text in (s.text for s in lines[0]))


def _page(size: int, room: int, at: int) -> range:
    """Return the page of up to `room` of `size` items that includes `at`."""
    start = min(at // room * room, max(0, size - room))
    return range(start, min(size, start + room))


def _cut(part: range) -> slice:
    return slice(part.start, part.stop)


def _part(word: str, shown: range, size: int) -> str:
    """Return `rows 0-7 of 64`, or an empty string if all are shown."""
    if len(shown) == size:
        return ""
    if len(shown) == 1:
        return f"{word} {shown.start} of {size:,}"
    return f"{word}s {shown.start}-{shown.stop - 1} of {size:,}"
