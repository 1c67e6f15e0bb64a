"""Tensors of one shape, such as value and gradient: side by side where that shows more of them.

All of them show the same window, so that they move together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mfdebug.core.format.scaled import ScaledFormat
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.terminal.text_fitting import fit, wrap
from mfdebug.tui.widgets.tensor import GAP, Line, Paint, number_lines, summary_text
from mfdebug.tui.widgets.tensor_window import Window, near, slice_of, window_of
from miniflow.ops.base import Array

# Cells between two columns.
BETWEEN = 3
# The least and the most significant digits to try: fewer if whole rows fit then.
DIGITS = ((4, 6), (4, 4), (3, 3))
# Statistics need this many cells.
STATISTICS = 12
ASKED, NOT_ASKED = "▸ ", "  "


class ShownTensor(Struct, frozen=True):
    """A tensor with its heading: a label, its meaning in symbols, and when it was set.

    `notes` are forms of one note, of which the first that fits is shown, or else the first. A
    `signed` tensor, such as a gradient, is compared with 0 whatever its numbers are.
    """

    label: str
    meaning: str
    notes: tuple[str, ...]
    array: Array
    paint: Paint
    signed: bool = False


class NumberSpan(NamedTuple):
    """Where a number is: its line, its first cell and the one after its last.

    `position` counts the entries of the 2-D slice row by row, `label` is that of its tensor.
    """

    line: int
    start: int
    end: int
    position: int
    label: str


class _Fit(NamedTuple):
    """A window for columns of one width, and the format of each tensor in it."""

    window: Window
    forms: list[ScaledFormat]

    def is_within(self, width: int) -> bool:
        """Whether its lines take at most `width` cells: a single number may be wider."""
        cell = max(form.width for form in self.forms) + len(GAP)
        label, line = self.window.labels[0], self.window.lines[0]
        return len(label) + len(line) * cell <= width


class TensorColumns:
    """The lines of some tensors of one shape around `entry`, in `width` cells and `height` lines.

    `window` is the window that they share, `spans` is where its numbers are.
    """

    def __init__(
        self,
        tensors: Sequence[ShownTensor],
        entry: Index,
        width: int,
        height: int,
        *,
        ascii_only: bool = False,
    ) -> None:
        self._tensors = tensors
        self._entry = entry
        self._ascii_only = ascii_only
        self._near = [near(tensor.array, entry, max(2, height)) for tensor in tensors]
        self._known_forms: dict[tuple[int, int], list[ScaledFormat]] = {}
        count = len(tensors)
        column = (width - BETWEEN * (count - 1)) // count
        side = self._fitted(column, height - self._heading_lines(column))
        below = (
            side
            if count == 1
            else self._fitted(width, height // count - self._heading_lines(width))
        )
        more = side.window.size - below.window.size
        # A short vector is rather on one line than wrapped.
        wraps = side.window.labels[0] and not below.window.labels[0]
        self._beside = side.is_within(column) and (more > 0 or (more == 0 and not wraps))
        shown = side if self._beside else below
        self.window = shown.window
        self.spans: list[NumberSpan] = []
        self.lines = list(self._lines(shown, column if self._beside else width, width))

    def _heading_lines(self, width: int) -> int:
        """Return how many lines the deepest heading takes in `width` cells."""
        heads = zip(self._tensors, self._forms(DIGITS[0]), strict=True)
        return max(len(self._head(tensor, form, width, whole=True)) for tensor, form in heads)

    def _fitted(self, width: int, height: int) -> _Fit:
        """Return the window for columns of `width` cells and `height` lines."""
        found = self._fitted_exactly(width, max(2, height))
        # The line that says what is hidden needs room, too.
        return self._fitted_exactly(width, max(2, height - 1)) if found.window.hidden else found

    def _fitted_exactly(self, width: int, height: int) -> _Fit:
        shape = self._tensors[0].array.shape
        fits: list[_Fit] = []
        for digits in DIGITS:
            forms = self._forms(digits)
            cell = max(form.width for form in forms) + len(GAP)
            window = window_of(shape, self._entry, height, width, cell)
            fits.append(_Fit(window, forms))
            if window.grid.is_line or len(window.lines[0]) == window.grid.columns:
                return fits[-1]
        # Rather more entries than more digits, but not so few that they look alike.
        return max(fits[:2], key=lambda fit: fit.window.size)

    def _forms(self, digits: tuple[int, int]) -> list[ScaledFormat]:
        """Return a format of each tensor for every window that may be shown."""
        if digits not in self._known_forms:
            self._known_forms[digits] = [ScaledFormat.of(a, *digits) for a in self._near]
        return self._known_forms[digits]

    def _lines(self, shown: _Fit, column: int, width: int) -> Iterable[Line]:
        heads = [
            self._head(tensor, form, column, whole=not shown.window.hidden)
            for tensor, form in zip(self._tensors, shown.forms, strict=True)
        ]
        if self._beside:
            deepest = max(map(len, heads))
            heads = [head + [[]] * (deepest - len(head)) for head in heads]
        forms = shown.forms
        if not self._beside:
            # One below the other, the numbers of one entry are in one column.
            widest = max(form.width for form in forms)
            forms = [form.widened(widest) for form in forms]
        blocks = [
            [*head, *number_lines(slice_of(t.array, self._entry), shown.window, form, t.paint)]
            for head, t, form in zip(heads, self._tensors, forms, strict=True)
        ]
        self._note_spans(shown, blocks)
        yield from side_by_side(blocks) if self._beside else itertools.chain(*blocks)
        if shown.window.hidden:
            dim = self._tensors[0].paint.style("dim")
            for part in wrap(f"… {shown.window.hidden}", width - len(GAP)):
                yield [Segment(f"{GAP}{part}", dim)]

    def _note_spans(self, shown: _Fit, blocks: Sequence[Sequence[Line]]) -> None:
        """Note where the numbers are: in the last lines of each block."""
        window = shown.window
        top = left = 0
        for tensor, block in zip(self._tensors, blocks, strict=True):
            first = top + len(block) - len(window.lines)
            numbers = block[len(block) - len(window.lines) :]
            for y, (line, positions) in enumerate(zip(numbers, window.lines, strict=True), first):
                # A gap and a number for each, after the label of the line.
                gaps = line[len(line) - 2 * len(positions) :]
                at = (
                    left
                    + sum(part.cell_length for part in line)
                    - sum(part.cell_length for part in gaps)
                )
                for k, position in enumerate(positions):
                    end = at + gaps[2 * k].cell_length + gaps[2 * k + 1].cell_length
                    self.spans.append(NumberSpan(y, at, end, position, tensor.label))
                    at = end
            if self._beside:
                left += max(Strip(line).cell_length for line in block) + BETWEEN
            else:
                top += len(block)

    def _head(
        self, tensor: ShownTensor, form: ScaledFormat, width: int, *, whole: bool
    ) -> list[Line]:
        """Return the heading of a tensor, with statistics unless it is shown as a `whole`."""
        scale = form.scale(ascii_only=self._ascii_only)
        mark = ASKED if tensor.paint.asked else NOT_ASKED
        parts = [(tensor.meaning,), (scale,), tensor.notes]
        lines = heading(mark + tensor.label, parts, width, tensor.paint)
        left = width - Strip(lines[-1]).cell_length - len(GAP)
        if not whole and left >= STATISTICS and (text := summary_text(tensor.array, left)):
            lines[-1] = [*lines[-1], Segment(f"{GAP}{text}", tensor.paint.style("dim"))]
        return lines


def heading(label: str, parts: Sequence[Sequence[str]], width: int, paint: Paint) -> list[Line]:
    """Return a label and what follows it, each on the same line if it fits, or else below.

    A part has several forms, of which the first that fits on the line is used, or else the first
    that fits on a line of its own. A part of one form is wrapped, as is the last form if none fits.
    """
    dim: Style = paint.style("dim")
    label = label if cell_len(label) <= width else fit(label, width)
    lines: list[Line] = [[Segment(label, paint.style("label"))]]
    for forms in parts:
        room = width - Strip(lines[-1]).cell_length - len(GAP)
        part = next((form for form in forms if not form or cell_len(form) <= room), None)
        if part is None:
            below = next((form for form in forms if cell_len(form) <= width - len(GAP)), None)
            if below is None or len(forms) == 1:
                first, below = _split(forms[-1], room)
                lines[-1].append(Segment(f"{GAP}{first}" if first else "", dim))
            lines += [[Segment(f"{GAP}{text}", dim)] for text in wrap(below, width - len(GAP))]
        elif part:
            lines[-1].append(Segment(f"{GAP}{part}", dim))
    return lines


def _split(text: str, room: int) -> tuple[str, str]:
    """Return the first words of a text that fit into `room`, if they do, and the rest."""
    first, *rest = wrap(text, max(1, room)) or [""]
    if room < 1 or not text.startswith(f"{first} "):
        return "", text
    return first, text.removeprefix(f"{first} ") if rest else ""


def side_by_side(columns: Sequence[Sequence[Line]]) -> Iterable[Line]:
    """Yield the lines of columns, each as wide as its longest line."""
    strips = [[Strip(line) for line in lines] for lines in columns]
    widths = [max((strip.cell_length for strip in lines), default=0) for lines in strips]
    for parts in itertools.zip_longest(*strips, fillvalue=Strip([])):
        line: Line = []
        for part, size in zip(parts, widths, strict=True):
            line += [*part, Segment(" " * (size - part.cell_length + BETWEEN))]
        yield line[:-1]
