"""How much work something is: counted, not timed, so the same on a busy machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(work: Callable[[], object]) -> int:
    """Return how many lines of Python are executed by `work`."""
    count = 0

    def traced(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Fail if twice the size takes much more than twice the lines."""
    work(4)  # what is loaded or computed once is not counted
    once, twice = lines_run(lambda: work(size)), lines_run(lambda: work(2 * size))
    assert twice < 2.2 * once, f"{once:,} lines for {size:,}, {twice:,} for {2 * size:,}"
