"""What a program prints, kept in order, and handed on as it comes."""

from __future__ import annotations

import codecs
from collections.abc import Callable

# Lines that are kept; a program that prints for hours must not fill the memory.
MOST_LINES = 10_000


class Output:
    """The lines printed so far; `told` is called with each piece of text as it comes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.dropped = 0
        self.on_text: Callable[[str], object] = lambda _text: None
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        # The pieces of the line that is not finished: joined only when it is.
        self._open: list[str] = []

    @property
    def all(self) -> list[str]:
        """The lines, the unfinished one too."""
        return [*self.lines, self.unfinished] if self._open else [*self.lines]

    @property
    def unfinished(self) -> str:
        """The line that is not finished, as far as it was printed."""
        return "".join(self._open)

    def take(self, data: bytes) -> None:
        """Take what was printed."""
        text = self._decode(data)
        if not text:
            return
        first, *rest = text.replace("\r\n", "\n").split("\n")
        if first:
            self._open.append(first)
        if rest:
            self.lines.append("".join(self._open))
            self.lines += rest[:-1]
            self._open = [rest[-1]] if rest[-1] else []
        if len(self.lines) > MOST_LINES:
            gone = len(self.lines) - MOST_LINES
            self.dropped += gone
            del self.lines[:gone]
        self.on_text(text)
