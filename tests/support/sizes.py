"""How much is tried: a sample of every kind at each check, all of it with `pytest --long`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

# Set before any test is imported.
long = False


def pick(everything: T, sample: T) -> T:
    """Return everything there is to try with `--long`, otherwise the sample of it."""
    return everything if long else sample


def some(cases: Iterable[T], count: int) -> list[T]:
    """Return `count` of the cases, spread evenly from the first to the last, or all of them."""
    every = list(cases)
    if long or count >= len(every):
        return every
    return [every[i * (len(every) - 1) // max(1, count - 1)] for i in range(count)]


def examples(count: int) -> int:
    """Return how many examples to draw: `count` of them with `--long`, otherwise a sixth."""
    return count if long else max(2, count // 6)
