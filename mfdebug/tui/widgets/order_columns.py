"""The columns of the order tree: which fit into a width, and how wide they are.

First the name, then the numbers of value and gradient, then the shape (it says whether a number is
a tensor's mean |x|), then the op. Wider panels have a bar for each gradient, the last update of a
parameter, a bar for each value, and a summary of a value's entries.
"""

from __future__ import annotations

from itertools import groupby

from msgspec import Struct

# The marker of stops, that of the present moment, and a gap; the gap after the name.
MARGIN = 3
GAP = 1
# A number, and before it a gap and a mark: a mark that touched the field before would be read as
# part of it.
NARROW_NUMBER, NUMBER, WIDE_NUMBER = 5, 6, 7
MARK = 2
BAR = 8
UPDATE = 6
# A histogram of fewer cells is not readable.
SUMMARY, WIDE_SUMMARY = 10, 24
LEAST_NAME, SOME_NAME = 4, 16
LEAST_OP, SOME_OP, MOST_OP = 4, 5, 14
MOST_SHAPE = 12


class Wanted(Struct, frozen=True):
    """The widths that a graph's names, ops and shapes would have, and whether anything trains.

    The star of a parameter is part of its name.
    """

    name: int
    op: int
    shape: int
    trains: bool


class Columns(Struct, frozen=True):
    """The widths of the columns, without the gaps between them; 0 for one that is absent."""

    name: int
    op: int = 0
    shape: int = 0
    number: int = NUMBER
    gradient_bar: int = 0
    update: int = 0
    value_bar: int = 0
    summary: int = 0

    @property
    def before_numbers(self) -> int:
        """The cells of a row before its value, with the gap and the mark before that."""
        return MARGIN + self.name + GAP + self.middle

    @property
    def middle(self) -> int:
        """The cells of op and shape, with the gaps after and between them."""
        gap = bool(self.op and self.shape)
        return self.op + self.shape + gap

    def with_bar(self, bar: int) -> int:
        """Return the cells of a number and its bar, with the gap between them."""
        return self.number + bar + bool(bar)

    @property
    def after_gradient(self) -> int:
        """The cells of a row after the gradient and its bar."""
        return sum(cells + 1 for cells in (self.update, self.summary) if cells)

    def headings(self, *, ordering: bool = False) -> list[tuple[int, str]]:
        """Return the words over the columns of numbers, each with its position.

        Those of the moments at which the order is found have the places of value and gradient.
        """
        at = self.before_numbers + MARK + (self.number == WIDE_NUMBER)
        words = [(at, "waits" if ordering else "value")]
        at += self.with_bar(self.value_bar) + MARK
        if ordering:
            return [*words, (at, "place")]
        room = self.with_bar(self.gradient_bar)
        words.append((at, "gradient" if room >= 8 else "grad"))
        at += room + 1
        if self.update:
            words.append((at - (self.number == WIDE_NUMBER), "update"))
            at += self.update + 1
        if self.summary:
            words.append((at - (self.number == WIDE_NUMBER), "entries"))
        return words


def listed_widths(wanted: Wanted, least: int, most: int) -> list[int]:
    """Return widths above `least`, up to `most`, in which a list says more, the best first.

    First with ops and shapes, then with ops, then with shapes: the widest and the narrowest of
    each, as the circuit is laid out beside each. None is wider than names, ops, shapes and numbers.
    """
    name, shape = min(wanted.name, SOME_NAME), min(wanted.shape, MOST_SHAPE)
    every = Columns(name, min(wanted.op, MOST_OP), shape)
    most = min(most, every.before_numbers + 2 * (MARK + NARROW_NUMBER))

    def columns(width: int) -> tuple[bool, bool]:
        fitted = fit_columns(wanted, width)
        # In a place of fewer cells, most ops would be cut.
        return fitted.op >= min(SOME_OP, wanted.op), fitted.shape > 0

    def said(width: int) -> tuple[bool, bool, int]:
        return *columns(width), fit_columns(wanted, width).op

    wider = range(most, least, -1)
    widths = [width for width in wider if any(columns(width)) and said(width) > said(least)]
    alike = [[*group] for _, group in groupby(sorted(widths, key=columns, reverse=True), columns)]
    return [width for group in alike for width in dict.fromkeys((group[0], group[-1]))]


def fit_columns(wanted: Wanted, width: int) -> Columns:
    """Return the columns that fit into a width."""
    room = width - MARGIN - GAP - 2 * (MARK + NARROW_NUMBER)
    name = max(LEAST_NAME, min(wanted.name, SOME_NAME, room))
    room -= name
    shape = min(wanted.shape, MOST_SHAPE)
    shape = shape if shape <= room else 0
    room -= shape
    op = min(wanted.op, MOST_OP, room - bool(shape))
    op = op if op >= min(LEAST_OP, wanted.op) else 0
    room -= op + bool(shape and op)
    longer = max(0, min(wanted.name - name, room))
    name, room = name + longer, room - longer
    number = min(NARROW_NUMBER + room // 2, WIDE_NUMBER)
    needed = 2 * (WIDE_NUMBER - NARROW_NUMBER) + BAR + 1
    if wanted.trains and 0 <= room - needed < UPDATE + 1 <= room - needed + 2:
        # The last update says more than the decimal points of negative numbers in their column.
        number = NUMBER
    room -= 2 * (number - NARROW_NUMBER)
    found = []
    offers = ((BAR, True), (UPDATE, wanted.trains), (BAR, True), (SUMMARY, True))
    for cells, wished in offers:
        fits = wished and room >= cells + 1
        found.append(cells if fits else 0)
        room -= (cells + 1) * fits
        if wished and not fits:
            # What is less important has no place either.
            break
    bar, update, value_bar, summary = [*found, 0, 0, 0][:4]
    summary += min(room, WIDE_SUMMARY - SUMMARY) if summary else 0
    return Columns(name, op, shape, number, bar, update, value_bar, summary)
