"""The output of a program: its last lines, and a callback for new text."""

from __future__ import annotations

import codecs
from collections.abc import Callable

# Lines kept: a program that prints for hours must not fill the memory.
MAX_LINES = 10_000


class Output:
    """The lines printed so far; `on_text` is called with each new piece of text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.dropped = 0
        self.on_text: Callable[[str], object] = lambda _text: None
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        # The pieces of the unfinished line, joined only when it is complete.
        self._open: list[str] = []

    @property
    def all(self) -> list[str]:
        """The lines, including the unfinished one."""
        return [*self.lines, self.unfinished] if self._open else [*self.lines]

    @property
    def unfinished(self) -> str:
        """The unfinished line, as far as it was printed."""
        return "".join(self._open)

    def take(self, data: bytes) -> None:
        """Add output."""
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
        if len(self.lines) > MAX_LINES:
            excess = len(self.lines) - MAX_LINES
            self.dropped += excess
            del self.lines[:excess]
        self.on_text(text)
