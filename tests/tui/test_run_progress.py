"""The line above the keys during a run, as exact text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.tui.run_progress import RunProgress, time_text


def progress(
    reached: float, aim: float | None, seconds: float = 4, line: str = "sgd 10000"
) -> RunProgress:
    return RunProgress(line, 0, reached, aim, seconds)


def test_with_an_aim_there_are_a_bar_and_the_time_left() -> None:
    assert progress(2500, 10_000).words(77) == (
        "sgd 10000  ━━━━───────────  25 %  SGD step  2,500   12 s left   any key stops"
    )


def test_the_bar_keeps_its_length() -> None:
    bars = set()
    for reached in range(0, 10_001, 100):
        words = progress(reached, 10_000).words(77)
        assert len(words) == 77
        bars.add(words.count("━") + words.count("─"))
    assert len(bars) == 1


def test_at_the_start_the_time_is_not_known() -> None:
    words = progress(0, 10_000).words(77)
    assert "left" not in words
    assert "  0 %  SGD step      0" in words


def test_without_an_aim_it_says_how_far_and_how_fast() -> None:
    words = progress(1234, None, line="continue").words(77)
    assert words == "continue  SGD step 1,234  308 steps a second   any key stops"


def test_a_search_backwards_has_neither_bar_nor_speed() -> None:
    found = RunProgress("reverse-continue", 900, 300, None, 2)
    assert found.words(77) == "reverse-continue  SGD step 300   any key stops"
    assert RunProgress("goto 3", 900, 300, 0.1, 2).part is None


def test_a_long_line_is_cut_and_a_narrow_screen_has_no_bar() -> None:
    words = progress(50, 100, line="source " + "x" * 90).words(60)
    assert words.startswith("source xxxxxxxxxxxxxxxx…  ")
    assert "━" not in words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (12, "12 s"), (119, "119 s"), (200, "3 min"), (7100, "118 min"), (9000, "2 h")],
)
def test_times_are_in_one_unit(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e6), st.integers(20, 200))
def test_any_progress_is_one_line_that_fits(
    reached: float, aim: float, seconds: float, width: int
) -> None:
    found = progress(reached, aim, seconds)
    assert found.part is None or 0 <= found.part <= 1
    words = found.words(width)
    assert "\n" not in words
    if "━" in words or "──" in words:
        assert len(words) <= width
