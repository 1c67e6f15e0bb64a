"""What passes began with: kept within bounds, and come back bit for bit."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mfdebug.program.opening import run_program
from mfdebug.program.store import BLOCK_BYTES, Store

from tests.program.test_programs import PROGRAMS

floats = st.floats(allow_nan=True, allow_infinity=True)
arrays = st.lists(floats, min_size=0, max_size=6).map(np.array)
scalars = st.one_of(floats, st.integers(-9, 9), st.lists(st.integers(), max_size=3))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.one_of(arrays, scalars), max_size=4), max_size=12))
def test_what_is_given_comes_back_and_nothing_else_changes_it(passes: list[list[Any]]) -> None:
    store = Store(0)
    wanted = []
    for values in passes:
        store.append(values)
        wanted.append([np.array(value) for value in values])
        for value in values:
            if isinstance(value, np.ndarray):
                value += 1.0
    assert len(store) == len(passes)
    for number, values in enumerate(wanted):
        found = store[number]
        assert [np.asarray(one).tobytes() for one in found] == [one.tobytes() for one in values]
        assert [np.shape(one) for one in found] == [one.shape for one in values]


def test_memory_is_bounded_and_old_passes_are_read_from_the_file() -> None:
    memory = 3 * BLOCK_BYTES
    store = Store(memory)
    batch = np.arange(10_000.0)
    for number in range(200):  # 16 MB
        store.append([batch + number, np.float64(number) * np.ones(3)])
        assert store.bytes <= memory + BLOCK_BYTES
    for number in (0, 1, 57, 133, 199):
        first, second = store[number]
        assert first[0] == number
        assert second.tolist() == [number] * 3


def test_batches_of_two_sizes_by_turns_need_no_block_each() -> None:
    store = Store(10**9)
    for number in range(100):
        store.append([np.full(3 + number % 2, float(number))])
    assert store.bytes <= 2 * BLOCK_BYTES
    assert [store[number][0][0] for number in range(100)] == list(range(100))


def test_a_program_goes_back_over_passes_that_left_the_memory() -> None:
    streams = sys.stdin, sys.stdout, sys.stderr
    program, console = run_program(str(PROGRAMS / "housing.py"), [], memory=1)
    try:
        console.run("continue")
        last = console.run("print W1").data
        console.run("goto sgd 1")
        console.run("goto end")
        assert (console.run("print W1").data == last).all()
    finally:
        program.kill()
    assert (sys.stdin, sys.stdout, sys.stderr) == streams


@pytest.mark.parametrize("value", [[1, 2], 3, 2.5, np.float32(1.5), np.arange(3)])
def test_values_that_are_no_float_arrays_are_kept_as_given(value: Any) -> None:
    store = Store(0)
    store.append([value, np.ones(2)])
    assert type(store[0][0]) is type(value)
    assert np.array_equal(store[0][0], value)
