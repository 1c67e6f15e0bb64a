"""Descriptions that are written to the ring once and referred to by number from then on."""

from __future__ import annotations

import sys

from .ring import Record
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from .ring import Ring


class Forms:
    """Numbers the forms of one kind of record from 0, and writes each to the ring as JSON.

    At most `most` are remembered, since a program whose shapes keep changing never stops making
    new forms. A forgotten form is written again, under another number.
    """

    def __init__(self, ring: Ring, kind: int, most: int = sys.maxsize) -> None:
        self._ring = ring
        self._kind = kind
        self._most = most
        self._next = 0
        self._known: dict[Hashable, int] = {}

    def number_of(self, form: Hashable) -> int:
        """Return the number of a form; a string is taken to be JSON already."""
        number = self._known.get(form)
        if number is None:
            if len(self._known) >= self._most:
                self._known.clear()
            number = self._known[form] = self._next
            self._next += 1
            text = form if isinstance(form, str) else as_json(form)
            self._ring.put(Record(self._kind, number, data=text.encode()))
        return number
