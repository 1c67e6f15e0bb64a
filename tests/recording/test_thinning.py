"""A run that is too large keeps the numbers of some passes, and says which; the file is bounded."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.recording.reader import RunReader
from mfdebug.recording.thinning import StoredRows
from tests.recording.runs import SQUARE, Recording, node, permuted, square, structure

MB = 1 << 20
# Numbers of the second input of SQUARE: too many to be kept always.
LARGE = 1000


def whole(reader: RunReader) -> list[int]:
    return [number for number in range(len(reader)) if reader.outline(number).whole]


@settings(deadline=None)
@given(st.lists(st.integers(0, 99), min_size=1, max_size=400), st.data())
def test_what_is_kept_follows_from_three_numbers(sizes: list[int], data: st.DataObject) -> None:
    shelf, turns = StoredRows(), array("q")
    kept: dict[int, int] = {}
    for number, size in enumerate(sizes):
        turns.append(data.draw(st.sampled_from((number, number // 2))) if number < 5 else number)
        shelf.put(number, size)
        kept[number] = size
        while shelf.total > 500 and (step := shelf.next_step(number - 1)) is not None:
            for dropped in shelf.apply(step, turns):
                del kept[dropped]
        assert shelf.total == sum(kept.values())
        assert shelf.old == sum(size for n, size in kept.items() if n < shelf.thinning.until)
        for n in range(number + 1):
            assert not sizes[n] or (n in kept) == shelf.thinning.keeps(n, turns[n])
        # The last two stay.
        assert {number, max(0, number - 1)} <= kept.keys()


@pytest.mark.slow
@pytest.mark.parametrize("most", [MB, 4 * MB])
def test_the_file_stays_below_its_bound(tmp_path: Path, most: int) -> None:
    recording = Recording(tmp_path / "a.mfrun", most)
    reader = RunReader(recording.path, live=True)
    seen = []
    for _ in range(30):
        recording.squares(60, LARGE)
        recording.writer.flush()
        assert recording.writer.size <= most
        assert recording.path.stat().st_size <= most + MB
        seen.append(len(whole(reader)))
    count = len(reader)
    assert count == 1800
    kept = whole(reader)
    # Of SQLite's pages a quarter or more is in use, by how often a busy machine writes a batch.
    assert len(kept) * LARGE * 8 > most / 6
    assert {count - 1, count - 2} <= set(kept)
    for number in range(count):
        outline = reader.outline(number)
        numbers = reader.numbers(number)
        assert (numbers is not None) == outline.whole
        assert outline.cost == LARGE * number**2
        assert float(reader.inputs(number)[0]) == number
        assert (1 in reader.inputs(number)) == outline.whole
        if numbers is not None:
            assert np.array_equal(numbers.values[1], np.full(LARGE, number))
    gaps = np.diff(kept)
    # The older, the rarer; within an age it is every 2nd, 4th, ...
    assert sum(gap & (gap - 1) != 0 for gap in gaps) <= 1
    assert gaps[0] == gaps.max()
    reader.close()
    recording.close()
    assert whole(RunReader(recording.path)) == kept


def test_all_lines_are_thinned_alike(tmp_path: Path) -> None:
    other = structure([node("Input", name="a"), node("Neg", 0)])
    with Recording(tmp_path / "a.mfrun", MB) as recording:
        for i in range(600):
            recording.add(SQUARE, *square(float(i), np.ones(LARGE)))
            recording.add(other, ("v", 0, -1, np.ones(LARGE)), ("v", 1, -1, -float(i)))
    reader = RunReader(recording.path)
    kept = [sum(reader.outline(n).whole for n in reader.steps(line)) for line in (0, 1)]
    assert min(kept) > max(kept) / 2 > 6


@pytest.mark.slow
def test_a_structure_a_pass_is_bounded_too(tmp_path: Path) -> None:
    nodes = [node("Input", name="x"), *(node("Neg", i) for i in range(6))]
    given = structure(nodes)
    random = np.random.default_rng(0)
    with Recording(tmp_path / "a.mfrun", MB) as recording:
        for i in range(500):
            order = random.permutation(len(nodes)).tolist()
            x = ("v", order.index(0), -1, np.full(LARGE, i))
            recording.add(permuted(given, order), x)
        assert recording.path.stat().st_size < 2 * MB
    reader = RunReader(recording.path)
    assert list(reader.steps(0)) == list(range(500))
    for number in whole(reader):
        (value,) = reader.inputs(number).values()
        assert (value == number).all()


@pytest.mark.slow
def test_small_inputs_go_last(tmp_path: Path) -> None:
    count = 100
    nodes = [node("Input", name=f"x{i}") for i in range(count)]
    given = structure([*nodes, node("Add", *range(count))])
    with Recording(tmp_path / "a.mfrun", MB) as recording:
        for step in range(1500):
            values = [("v", i, -1, np.full(20, step)) for i in range(count)]
            recording.add(given, *values, ("v", count, -1, np.full(20, 100 * step)))
        assert recording.path.stat().st_size < 2 * MB
    reader = RunReader(recording.path)
    with_inputs = [n for n in range(1500) if reader.inputs(n)]
    assert set(whole(reader)) <= set(with_inputs)
    # How many depends on the moments at which it was committed.
    assert 10 < len(with_inputs) < 100
    assert np.array_equal(reader.costs(0), 2000.0 * np.arange(1500))
    for number in with_inputs:
        assert all((x == number).all() for x in list(reader.inputs(number).values())[:count])


def test_a_pass_that_is_too_large_keeps_its_cost(tmp_path: Path) -> None:
    with Recording(tmp_path / "a.mfrun", MB) as recording:
        recording.squares(1, MB // 8)
        recording.squares(1)
    reader = RunReader(recording.path)
    assert whole(reader) == [1]
    assert reader.numbers(0) is None
    assert {i: float(x) for i, x in reader.inputs(0).items()} == {0: 0.0}
    assert list(reader.costs(0)) == [0.0, 1.0]


def test_output_is_bounded(tmp_path: Path) -> None:
    with Recording(tmp_path / "a.mfrun", MB) as recording:
        for number in range(300):
            recording.squares(1)
            recording.writer.output(number, "stdout", b"x" * 1000 + b"%d" % number)
            recording.writer.flush()
        assert recording.path.stat().st_size < 2 * MB
    reader = RunReader(recording.path)
    first = reader.output_from
    assert 150 < first < 200
    assert all(reader.outputs(number) for number in range(first, 300))
    assert not any(reader.outputs(number) for number in range(first - 1))
