"""Two matrices that meet entry by entry, such as a window and a kernel, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from mfdebug.core.format.cells import CUT
from mfdebug.core.format.numbers import NumberFormat, scalar
from miniflow.ops.base import Array

# Rows and columns that are shown of a matrix, and the columns of text for both.
SIDE, WIDTH = 8, 74
_GAP = "    "


class Meeting(Struct, frozen=True):
    """The matrices `left` and `right`, of one shape; `sum` is that of their entries' products."""

    left_name: str
    left: Array
    right_name: str
    right: Array

    @property
    def sum(self) -> float:
        """The sum of the products, entry by entry."""
        with np.errstate(all="ignore"):
            return float(np.sum(self.left.astype(np.float64) * self.right))


def meeting_lines(meetings: Sequence[Meeting], width: int = WIDTH) -> Iterator[str]:
    """Yield the matrices of each meeting, in numbers, side by side if they fit into `width`."""
    for meeting in meetings:
        yield f"{meeting.left_name} ⊙ {meeting.right_name}, together {scalar(meeting.sum)}:"
        left, right = _rows(meeting.left), _rows(meeting.right)
        if len(left[0]) + len(_GAP) + len(right[0]) + 2 <= width:
            yield from (f"  {a}{_GAP}{b}" for a, b in zip(left, right, strict=True))
        else:
            yield from (f"  {row}" for row in left)
            yield from (f"  {_GAP}{row}" for row in right)


def _rows(matrix: Array) -> list[str]:
    shown = matrix[:SIDE, :SIDE]
    form = NumberFormat.of(shown)
    more = f"  {CUT}" if matrix.shape[1] > SIDE else ""
    rows = ["  ".join(map(form.fmt, row)) + more for row in shown.tolist()]
    return [*rows, CUT.ljust(len(rows[0]))] if len(matrix) > SIDE else rows
