"""The exceptions of miniflow, written for users: what is wrong, where, and what to do.

Names in a message may come from a hostile file, so every message passes through `printable`:
no control character reaches a terminal through an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self

from miniflow.text.characters import is_printable, is_printable_at


class MiniflowError(Exception):
    """An error that the user can fix; `str()` is one printable line.

    `problem` is what is wrong, `where` the file, node or field, and `hint` what to do about it.
    """

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        self.problem = printable(problem, limit=2000)
        self.where = printable(where, limit=500)
        self.hint = printable(hint, limit=500)
        super().__init__(self.problem)

    def __str__(self) -> str:
        location = f"{self.where}: " if self.where else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{location}{self.problem}{hint}"

    def within(self, context: str) -> Self:
        """Prefix `where` with an outer context, such as a file name; return self."""
        self.where = printable(f"{context}: {self.where}" if self.where else context, limit=500)
        return self


class GraphError(MiniflowError):
    """The graph is invalid: a cycle, a duplicate name, no cost."""


class ShapeError(MiniflowError):
    """Shapes or values do not fit an op, or a declared shape."""


class FeedError(MiniflowError):
    """An input has no value, or an invalid one."""


class FileError(MiniflowError):
    """A file cannot be read or written, or its content is invalid."""


def printable(text: str, limit: int = 200) -> str:
    """Return `text` cut to `limit` characters, with unprintable characters escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if is_printable(cut):
        return cut
    return "".join(
        c if is_printable_at(cut, i) else c.encode("unicode_escape", "backslashreplace").decode()
        for i, c in enumerate(cut)
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known word closest to `word`, or an empty string."""
    candidates = list(known)
    if len(word) > 200:
        return ""
    by_lower = {name.lower(): name for name in reversed(candidates)}
    if match := get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5):
        return f"did you mean {by_lower[match[0]]!r}?"
    return ""
