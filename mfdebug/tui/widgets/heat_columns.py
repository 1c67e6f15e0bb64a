"""Tensors of one shape, such as value and gradient, as heatmaps or pictures side by side.

All of them show the same cells, each on a scale of its own, whose ends are the smallest and the
largest of the numbers shown. The marks `▸` and `▾` are at the row and the column of the selected
entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment

from mfdebug.core.explain.images import Picture
from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.shades import ShadeScale
from mfdebug.core.timeline.debugger import index_text
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.terminal.text_fitting import fit, wrap
from mfdebug.tui.widgets.heat_cells import INFINITE, NAN, Shading
from mfdebug.tui.widgets.heat_window import HeatWindow, heat_window, part_of
from mfdebug.tui.widgets.tensor import GAP, Line
from mfdebug.tui.widgets.tensor_columns import (
    ASKED,
    BETWEEN,
    NOT_ASKED,
    ShownTensor,
    heading,
    side_by_side,
)
from mfdebug.tui.widgets.tensor_window import Moves
from miniflow.ops.base import Array

# Cells before a row, for its mark.
_MARKS = 2
# Lines besides the heading and the cells: the columns' mark, the scale, the selected number.
_OTHER_LINES = 3
# Cells of a scale, rather fewer digits than so few cells, and significant digits at its ends.
SAMPLES, FEW_SAMPLES, DIGITS = 9, 4, (4, 3, 2)
# The most that a cell is enlarged.
_HEATMAP_SCALE, _PICTURE_SCALE = 2, 4


class HeatColumns:
    """The lines of some tensors of one shape around `entry`, in `width` cells and `height` lines.

    `picture` says which image of them is shown, if that is asked for. `moves` is how keys move the
    selected entry.
    """

    def __init__(
        self,
        tensors: Sequence[ShownTensor],
        entry: Index,
        width: int,
        height: int,
        shading: Shading,
        picture: Picture | None = None,
    ) -> None:
        self._tensors = tensors
        self._entry = entry
        self._width = width
        self._shading = shading
        self._picture = picture
        arrays = [tensor.array for tensor in tensors]
        self._arrays = arrays if picture is None else [picture.image(a, entry) for a in arrays]
        self._at = entry if picture is None else picture.pixel(entry)
        self._column = (width - BETWEEN * (len(tensors) - 1)) // len(tensors)
        shown = [part_of(array, self._at) for array in self._arrays]
        self._scales = [
            ShadeScale.of(part, diverges=tensor.signed)
            for tensor, part in zip(tensors, shown, strict=True)
        ]
        # Numbers that are not finite make a sum that is not.
        with np.errstate(all="ignore"):
            self._odd = [part for part in shown if not np.isfinite(part.sum())]
        self._heads = [self._head(tensor) for tensor in tensors]
        self._window = self._fitted(height)
        self.moves = self._moves()
        self.lines = list(self._lines())

    def _fitted(self, height: int) -> HeatWindow:
        used = max(map(len, self._heads)) + _OTHER_LINES
        shading = self._shading
        found = None
        # The words below depend on the window, and take lines from it.
        for below in range(1, 5):
            rows = max(1, height - used - below) * shading.rows
            cells = max(1, (self._column - _MARKS) // shading.width)
            most = _HEATMAP_SCALE if self._picture is None else _PICTURE_SCALE
            found = heat_window(self._arrays[0].shape, self._at, rows, cells, most_scale=most)
            if len(self._words(found)) <= below:
                break
        assert found is not None
        return found

    def _moves(self) -> Moves:
        moves, picture = self._window.moves, self._picture
        if picture is None or picture.whole:
            return moves
        # A page is an image; a line of it is a part of a row or a column of the tensor.
        return Moves(picture.width, 1, picture.pixels, picture.by_column)

    def _head(self, tensor: ShownTensor) -> list[Line]:
        mark = ASKED if tensor.paint.asked else NOT_ASKED
        label, column, paint = mark + tensor.label, self._column, tensor.paint
        lines = heading(label, [(tensor.meaning,), tensor.notes], column, paint)
        # The lines are rather for cells.
        return lines if len(lines) == 1 else heading(label, [tensor.notes], column, paint)

    def _lines(self) -> Iterable[Line]:
        deepest = max(map(len, self._heads))
        yield from side_by_side(
            [
                [*head, *[[]] * (deepest - len(head)), *self._heatmap(tensor, array, scale)]
                for head, tensor, array, scale in zip(
                    self._heads, self._tensors, self._arrays, self._scales, strict=True
                )
            ]
        )
        dim = self._tensors[0].paint.style("dim")
        yield from ([Segment(f"{GAP}{text}", dim)] for text in self._words(self._window))

    def _heatmap(self, tensor: ShownTensor, array: Array, scale: ShadeScale) -> Iterable[Line]:
        window, shading, style = self._window, self._shading, tensor.paint.style
        cells = _enlarged(window.cells(array, self._at), window.scale)
        row, column = (at * window.scale for at in window.at)
        marked, half = divmod(row, shading.rows)
        mark = style("title")
        yield [Segment(" " * (_MARKS + column * shading.width)), Segment("▾", mark)]
        # Of the two rows of a line, the mark is at the upper or the lower one.
        sign = "▸" if shading.rows == 1 or window.scale > 1 else "▄" if half else "▀"
        for at, line in enumerate(shading.lines(cells, scale)):
            first = Segment(f"{sign} ", mark) if at == marked else Segment(" " * _MARKS)
            yield [first, *line]
        yield from self._scale(scale, tensor)
        yield from self._number(tensor)

    def _number(self, tensor: ShownTensor) -> Iterable[Line]:
        """Yield the selected number, below its index if the column is narrow."""
        number = float(tensor.array[self._entry])
        before = Segment(f"{GAP}{index_text(self._entry)} = ", tensor.paint.style("dim"))
        forms = [scalar(number), scalar(number, DIGITS[0])]
        room = self._column - before.cell_length
        fitting = next((text for text in forms if cell_len(text) <= room), None)
        if fitting is not None:
            yield [before, tensor.paint.number(fitting, number)]
            return
        name = fit(before.text.removesuffix(" = "), self._column)
        yield [Segment(name, before.style)]
        text = fit(forms[-1], max(1, self._column - len(GAP)))
        yield [Segment("= ", before.style), tensor.paint.number(text, number)]

    def _scale(self, scale: ShadeScale, tensor: ShownTensor) -> Iterable[Line]:
        dim = tensor.paint.style("dim")
        if scale.low is None or scale.high is None:
            yield [Segment(f"{GAP}no finite number", dim)]
            return
        if scale.low == scale.high:
            yield [Segment(fit(f"{GAP}all {scalar(scale.low, DIGITS[0])}", self._column), dim)]
            return
        forms = [[scalar(end, digits) for end in (scale.low, scale.high)] for digits in DIGITS]
        for least in (FEW_SAMPLES, 2):
            for low, high in forms:
                room = self._column - len(GAP) - len(low) - len(high) - 2
                if (count := min(SAMPLES, room // self._shading.width)) >= least:
                    bar = self._shading.sample(scale, count)
                    yield [Segment(f"{GAP}{low} ", dim), *bar, Segment(f" {high}", dim)]
                    return
        for text in wrap(" to ".join(forms[-1]), self._column):
            yield [Segment(text, dim)]

    def _words(self, window: HeatWindow) -> list[str]:
        """Return the lines below: which part is shown, what a cell is, what the signs mean."""
        parts = [] if self._picture is None else [self._picture.words(self._entry)]
        if window.hidden:
            parts.append(window.hidden)
        if window.reduces:
            size = f"{window.deep}x{window.wide}"
            if window.grid.is_line:
                size = str(window.deep * window.wide)
            parts.append(f"each cell: the largest of {size}")
        shading = self._shading
        if not shading.half_blocks:
            # A scale that does not diverge begins at the number nearest to 0.
            diverge = any(scale.diverges for scale in self._scales)
            parts.append(f"{'by size' if diverge else 'shades'}: {shading.shades[1:]}")
        if any(np.isnan(part).any() for part in self._odd):
            parts.append(f"{NAN} NaN")
        if any(np.isinf(part).any() for part in self._odd):
            parts.append(f"{INFINITE} infinite")
        text = "; ".join(parts)
        return wrap(text, self._width - len(GAP)) if text else []


def _enlarged(cells: list[list[float]], scale: int) -> list[list[float]]:
    """Return cells as many times as wide and as high."""
    if scale == 1:
        return cells
    return [[number for number in row for _ in range(scale)] for row in cells for _ in range(scale)]
