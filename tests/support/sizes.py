"""How much is tried: a sample of every kind at each check, all of it with `pytest --long`.

A test that takes more than a fifth of a second of CPU time is marked slow: it runs with `--slow` or
`--long`, and where its file or folder is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
Param = type(pytest.param())

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


def quick(cases: Iterable[object], count: int) -> list[object]:
    """Return the cases, all but `count` of them marked slow, which are spread evenly."""
    every = list(cases)
    kept = {i * (len(every) - 1) // max(1, count - 1) for i in range(count)}
    return [case if i in kept else _slow(case) for i, case in enumerate(every)]


def _slow(case: Any) -> object:
    if isinstance(case, Param):
        return case._replace(marks=[*case.marks, pytest.mark.slow])
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)


def examples(count: int) -> int:
    """Return how many examples to draw: `count` of them with `--long`, otherwise a sixth."""
    return count if long else max(2, count // 6)
