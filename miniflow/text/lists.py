"""Numbers of things in a text, and lists, shortened: a node may have thousands of inputs."""

from __future__ import annotations

from collections.abc import Sequence

# Up to this many terms are written out; of longer lists, the first few.
ALL_UP_TO = 8
FIRST = 3


def series(terms: Sequence[str], separator: str) -> str:
    """Join `terms` with `separator`: `a + b`, `a1 + a2 + a3 + … 1,997 more`."""
    if len(terms) <= ALL_UP_TO:
        return separator.join(terms)
    return separator.join([*terms[:FIRST], f"… {len(terms) - FIRST:,} more"])


def counted(count: int, one: str, many: str = "") -> str:
    """Return how many there are: `1 entry`, `2,000 entries`; `many` is by default with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def ordinal(number: int) -> str:
    """Return a positive whole number as a rank: `1st`, `22nd`, `113th`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number:,}{ending or 'th'}"
