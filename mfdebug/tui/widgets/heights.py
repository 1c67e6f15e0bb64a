"""The heights of items one below the other, for lists in which items open and close."""

from __future__ import annotations

from collections.abc import Iterable


class Heights:
    """Heights by position; every operation takes the logarithm of their number.

    A Fenwick tree (P. M. Fenwick, "A new data structure for cumulative frequency tables", 1994).
    """

    __slots__ = ("_sums", "total")

    def __init__(self, heights: Iterable[int]) -> None:
        self._sums = sums = [0, *heights]
        self.total = sum(sums)
        for i in range(1, len(sums)):
            if (above := i + (i & -i)) < len(sums):
                sums[above] += sums[i]

    def add(self, position: int, by: int) -> None:
        """Change the height at a position."""
        self.total += by
        i = position + 1
        while i < len(self._sums):
            self._sums[i] += by
            i += i & -i

    def before(self, position: int) -> int:
        """Return the sum of the heights before a position."""
        total = 0
        while position:
            total += self._sums[position]
            position &= position - 1
        return total

    def find(self, y: int) -> tuple[int, int]:
        """Return the position of the item that has line `y`, and which of its lines that is.

        Raises `IndexError` if there is no such line.
        """
        if not 0 <= y < self.total:
            raise IndexError(y)
        position, step = 0, 1 << (len(self._sums) - 1).bit_length()
        while step := step >> 1:
            above = position + step
            if above < len(self._sums) and self._sums[above] <= y:
                position, y = above, y - self._sums[above]
        return position, y
