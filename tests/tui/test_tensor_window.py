"""The window of a tensor: it contains the selected entry, fits, and moves by pages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.tui.widgets.tensor_window import near, numbers_in, slice_of, window_of
from tests.support.sizes import examples


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], int, int, int]:
    shape = tuple(draw(st.lists(st.integers(1, 90), min_size=1, max_size=2)))
    shape = (*draw(st.lists(st.integers(1, 3), max_size=1)), *shape) if len(shape) == 2 else shape
    entry = tuple(draw(st.integers(0, n - 1)) for n in shape)
    return (
        shape,
        entry,
        draw(st.integers(1, 20)),
        draw(st.integers(8, 120)),
        draw(st.integers(2, 9)),
    )


@pytest.mark.slow
@settings(max_examples=examples(600), deadline=None)
@given(cases())
def test_a_window_contains_the_entry_and_fits(case: tuple[object, ...]) -> None:
    shape, entry, height, width, cell = case
    array = np.arange(math.prod(shape), dtype=float).reshape(shape)
    window = window_of(shape, entry, height, width, cell)
    block = slice_of(array, entry)
    shown = numbers_in(block, window)
    assert float(array[entry]) in [number for line in shown for number in line]
    assert 1 <= len(window.lines) <= height
    for label, line, numbers in zip(window.labels, window.lines, shown, strict=True):
        assert numbers == block.reshape(-1)[line.start : line.stop].tolist()
        assert len(label) + len(line) * cell <= width or len(line) == 1
    # What is not shown is said, and what is shown was looked at for its format.
    assert bool(window.hidden) == (window.size < block.size or len(shape) > 2)
    seen = set(near(array, entry, height).reshape(-1).tolist())
    assert {number for line in shown for number in line} <= seen


@settings(max_examples=examples(300), deadline=None)
@given(cases())
def test_an_entry_that_moves_in_the_window_does_not_move_it(case: tuple[object, ...]) -> None:
    shape, entry, height, width, cell = case
    window = window_of(shape, entry, height, width, cell)
    columns, first = window.grid.columns, window.lines[0]
    if window.labels[0]:
        aligned = first.start // len(first) % window.page == 0
    else:
        row, column = divmod(first.start, columns)
        aligned = row % window.page == 0 and column % len(first) == 0
    for position in (first.start, window.lines[-1].stop - 1):
        inside = divmod(position, columns) if len(shape) > 1 else (position,)
        moved = window_of(shape, (*entry[:-2], *inside), height, width, cell)
        assert position in {p for line in moved.lines for p in line}
        # The last page overlaps the one before it: there, an entry may be on both.
        assert not aligned or moved.lines == window.lines
