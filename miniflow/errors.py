"""One family of errors, made for people: what is wrong, where, and what to do.

Names in a message may come from a hostile file, so every message passes through
`printable`: no control character reaches a terminal through an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self

from miniflow.text.characters import is_printable, may_stand


class MiniflowError(Exception):
    """Something a person can mend; `str()` is one printable line.

    `problem` says what is wrong, `where` in which file, node or field, and `hint` what to do.
    """

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        self.problem = printable(problem, limit=2000)
        self.where = printable(where, limit=500)
        self.hint = printable(hint, limit=500)
        super().__init__(self.problem)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.problem}{advice}"

    def within(self, place: str) -> Self:
        """Return this error, now known to have happened within `place` (a file, say)."""
        self.where = printable(f"{place}: {self.where}" if self.where else place, limit=500)
        return self


class GraphError(MiniflowError):
    """The graph itself is wrong: a cycle, a repeated name, no cost."""


class ShapeError(MiniflowError):
    """Shapes or values do not fit an op."""


class FeedError(MiniflowError):
    """An input has no value, or one that does not fit."""


class FileError(MiniflowError):
    """A file cannot be read as what it should be."""


def printable(text: str, limit: int = 200) -> str:
    """Return `text` with everything unprintable escaped, cut to `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if is_printable(cut):
        return cut
    return "".join(
        c if may_stand(cut, at) else c.encode("unicode_escape", "backslashreplace").decode()
        for at, c in enumerate(cut)
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known word nearest to `word`, or nothing."""
    candidates = list(known)
    if len(word) > 200:
        return ""
    by_lower = {name.lower(): name for name in reversed(candidates)}
    if match := get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5):
        return f"did you mean {by_lower[match[0]]!r}?"
    return ""
