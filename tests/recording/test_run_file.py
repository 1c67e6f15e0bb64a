"""What is written to a run file is read back, bit for bit, also while it is being written."""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfdebug.recording.encoding import VIEW_BYTES, cut, value_of
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import Entry, Fault, Numbers, Run, Shared
from mfdebug.recording.run_rows import Output
from mfdebug.recording.schema import BODY_BYTES, SMALL_INPUT
from mfdebug.recording.writer import RunWriter
from miniflow.errors import FileError
from miniflow.ops.base import Array
from tests.recording.drawn import Drawn, passes
from tests.recording.runs import (
    MANY,
    SQUARE,
    Recording,
    node,
    permuted,
    square,
    structure,
)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with Recording(tmp_path / "a.mfrun") as made:
        yield made


@pytest.fixture
def reader(recording: Recording) -> Iterator[RunReader]:
    made = RunReader(recording.path, live=True)
    yield made
    made.close()


def same(found: Any, expected: Any) -> bool:
    """Whether an array holds a value as the program had it, bit for bit."""
    if type(expected) is int:
        expected = np.array(expected if -(2**63) <= expected < 2**63 else float(expected))
    expected = np.asarray(expected)
    return (found.dtype, found.shape, found.tobytes()) == (
        expected.dtype, expected.shape, expected.tobytes(),
    )  # fmt: skip


def flat(numbers: Numbers) -> dict[tuple[str, int, int], Any]:
    found: dict[tuple[str, int, int], Any] = {}
    found |= {("v", i, -1): value for i, value in numbers.values.items()}
    found |= {("g", i, -1): value for i, value in numbers.own.items()}
    found |= {("s", *key): value for key, value in numbers.sent.items()}
    found |= {("c", *key): value for key, value in numbers.changed.items()}
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(passes(), min_size=1, max_size=4))
def test_every_number_of_every_pass_survives(tmp_path: Path, drawn: list[Drawn]) -> None:
    with Recording(tmp_path / "r.mfrun") as recording:
        for drawn_pass in drawn:
            recording.add(drawn_pass.structure, *drawn_pass.values)
    reader = RunReader(tmp_path / "r.mfrun")
    assert len(reader) == len(drawn)
    for number, drawn_pass in enumerate(drawn):
        outline = reader.outline(number)
        assert (outline.whole, outline.complete) == (True, True)
        assert outline.backward == bool(drawn_pass.structure.backward)
        assert reader.steps(outline.line)[outline.step] == number
        numbers, mapping = reader.numbers(number), reader.mapping(number)
        assert numbers is not None
        expected = {
            (tag, mapping[i], input_index): value
            for tag, i, input_index, value in drawn_pass.values
            if not isinstance(value, str) and mapping[i] >= 0
        }
        found = flat(numbers)
        assert found.keys() == expected.keys()
        assert all(same(found[key], value) for key, value in expected.items())
        inputs = {i: value for i, value in numbers.values.items() if not inbound(reader, number, i)}
        kept = reader.inputs(number)
        assert kept.keys() == inputs.keys()
        assert all(same(kept[i], inputs[i]) for i in inputs)
    reader.close()


def inbound(reader: RunReader, number: int, i: int) -> tuple[int, ...]:
    return reader.lines[reader.outline(number).line].nodes[i].inbound


def test_the_reader_is_a_run(recording: Recording, reader: RunReader) -> None:
    run: Run = reader
    recording.squares(3)
    recording.writer.flush()
    run.run_to(10)
    assert (len(run), run.name, run.ending) == (3, "prog.py", "")
    assert run.lines == [SQUARE]
    assert list(run.steps(0)) == [0, 1, 2]


def test_python_numbers(recording: Recording, reader: RunReader) -> None:
    values = [7, 2**80, 10**309, 10**400, -(2**63), "a list"]
    graph = structure([node("Input", name=f"x{i}") for i in range(len(values))])
    recording.add(graph, *(("v", i, -1, value) for i, value in enumerate(values)))
    recording.writer.flush()
    numbers = reader.numbers(0)
    assert numbers is not None
    assert {i: array.dtype.str for i, array in numbers.values.items()} == {
        0: "<i8", 1: "<f8", 4: "<i8",
    }  # fmt: skip
    assert float(numbers.values[1]) == 2.0**80
    assert numbers.texts == {
        2: "an integer of 310 digits", 3: "an integer of 401 digits", 5: "a list",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "cost"),
    [
        (2.5, 2.5),
        (-0.0, -0.0),
        (3, 3.0),
        (math.inf, math.inf),
        (math.nan, math.nan),
        (np.array([1.0, 2.0], np.float32), 3.0),
        (np.array(True), 1.0),
        (1j * np.ones(2), math.nan),
        (10**400, math.nan),
        ("text", math.nan),
    ],
)
def test_the_cost(recording: Recording, reader: RunReader, value: Any, cost: float) -> None:
    recording.add(structure([node("Input")]), ("v", 0, -1, value))
    recording.writer.flush()
    found = reader.outline(0).cost
    assert np.array(found).tobytes() == np.array(cost).tobytes() or math.isnan(found + cost)
    assert np.array_equal(reader.costs(0), [found], equal_nan=True)


def test_a_pass_comes_again_more_complete(recording: Recording, reader: RunReader) -> None:
    forward = structure(SQUARE.nodes, backward=False)
    recording.squares(2)
    recording.add(forward, ("v", 0, -1, 2.0), complete=False)
    recording.writer.flush()
    assert [reader.outline(2).complete, reader.outline(2).backward] == [False, False]
    assert math.isnan(reader.outline(2).cost)
    numbers = reader.numbers(2)
    assert numbers is not None
    assert list(numbers.values) == [0]
    recording.add(SQUARE, *square(2.0, 5.0), number=2)
    recording.squares(1)
    recording.writer.flush()
    assert len(reader) == 4
    assert [reader.outline(2).complete, reader.outline(2).backward] == [True, True]
    assert list(reader.costs(0)) == [0.0, 1.0, 10.0, 9.0]
    numbers = reader.numbers(2)
    assert numbers is not None
    assert list(numbers.values) == [0, 1, 2]
    with pytest.raises(ValueError, match="pass 1 cannot follow 4"):
        recording.add(SQUARE, *square(2.0, 5.0), number=1)
    with pytest.raises(ValueError, match="pass 5 cannot follow 4"):
        recording.add(SQUARE, *square(2.0, 5.0), number=5)


def test_a_pass_comes_again_in_another_line(recording: Recording, reader: RunReader) -> None:
    other = structure([node("Input", name="a"), node("Neg", 0)])
    recording.squares(2)
    recording.add(other, ("v", 0, -1, 1.0), complete=False)
    recording.squares(1)
    recording.writer.flush()
    assert [list(reader.steps(line)) for line in (0, 1)] == [[0, 1, 3], [2]]
    recording.add(SQUARE, *square(2.0, 5.0), number=2)
    recording.writer.flush()
    assert [list(reader.steps(line)) for line in (0, 1)] == [[0, 1, 2, 3], []]
    assert [reader.outline(number).step for number in range(4)] == [0, 1, 2, 3]
    assert list(reader.costs(0)) == [0.0, 1.0, 10.0, 9.0]
    recording.add(other, ("v", 0, -1, 1.0), number=2)
    recording.writer.flush()
    assert [list(reader.steps(line)) for line in (0, 1)] == [[0, 1, 3], [2]]
    assert [reader.outline(number).step for number in range(4)] == [0, 1, 0, 2]


def test_nothing_is_seen_before_it_is_committed(recording: Recording, reader: RunReader) -> None:
    seen = []
    for number in range(200):
        recording.squares(1)
        seen.append(len(reader))
        if number % 50 == 49:
            recording.writer.flush()
            assert len(reader) == number + 1
            assert reader.outline(number).cost == number**2
    assert seen == sorted(seen)


def test_inputs_after_a_pass(recording: Recording, reader: RunReader) -> None:
    other = structure([node("Input", name="a"), node("Neg", 0)])
    recording.squares(1)
    recording.add(other, ("v", 0, -1, 1.0))
    recording.squares(1)
    recording.writer.flush()
    assert {i: float(x.sum()) for i, x in reader.inputs_after(0).items()} == {0: 2.0, 1: 2.0}
    assert reader.inputs_after(1) == reader.inputs_after(2) == {}
    recording.final(permuted(SQUARE, (1, 2, 0)), ("v", 2, -1, 0.5), ("v", 0, -1, 0.25), graph=0)
    recording.writer.end(0, "")
    assert {i: float(x.sum()) for i, x in reader.inputs_after(2).items()} == {0: 0.5, 1: 0.25}
    assert reader.inputs_after(1) == {}
    assert (reader.ending, reader.status) == ("the program has ended", 0)


def held(values: Mapping[int, Array]) -> dict[int, float]:
    return {i: float(x.sum()) for i, x in sorted(values.items())}


def test_after_a_pass_of_twins(recording: Recording, reader: RunReader) -> None:
    """What is after a pass is of the same objects, never of another graph that comes in between."""
    for number, graph in enumerate((0, 1)):
        recording.add(SQUARE, *square(float(number), 9.0), graph=graph)
    recording.writer.flush()
    assert held(reader.inputs_after(0)) == {0: 1.0, 1: 9.0}
    # So far the second may be the first, built anew.
    assert reader.others_after(0) == {0, 1}
    for number, graph in ((2, 0), (3, 1), (4, 0)):
        recording.add(SQUARE, *square(float(number), 9.0), graph=graph)
    recording.writer.flush()
    after = [held(reader.inputs_after(number)) for number in range(5)]
    assert after == [{0: 2.0, 1: 9.0}, {0: 3.0, 1: 9.0}, {0: 4.0, 1: 9.0}, {}, {}]
    assert not any(reader.others_after(number) for number in range(5))
    recording.final(SQUARE, ("v", 0, -1, 30.0), ("v", 1, -1, 9.0), graph=1)
    recording.final(SQUARE, ("v", 0, -1, 40.0), ("v", 1, -1, 9.0), graph=0)
    recording.writer.flush()
    assert [held(reader.inputs_after(number))[0] for number in (3, 4)] == [30.0, 40.0]
    assert [reader.outline(number).graph for number in range(5)] == [0, 1, 0, 1, 0]


def test_after_a_pass_of_a_graph_built_anew(recording: Recording, reader: RunReader) -> None:
    """An input that the next graph has too is known; of the others it has its own."""
    recording.writer.sharing(0, (Shared(1, 0, ((0, 0),)),))
    for number in range(4):
        sharing = 0 if number else -1
        recording.add(SQUARE, *square(float(number), 9.0), graph=number, sharing=sharing)
    recording.final(SQUARE, ("v", 0, -1, 7.0), ("v", 1, -1, 8.0), graph=2)
    recording.final(SQUARE, ("v", 0, -1, 7.0), ("v", 1, -1, 9.0), graph=3)
    recording.writer.flush()
    after = [held(reader.inputs_after(number)) for number in range(4)]
    assert after == [{0: 1.0, 1: 9.0}, {0: 2.0, 1: 9.0}, {0: 3.0, 1: 9.0}, {0: 7.0, 1: 9.0}]
    assert [reader.others_after(number) for number in range(4)] == [{1}, {1}, {1}, set()]


def test_an_input_that_twins_share_is_known_from_the_other(
    recording: Recording, reader: RunReader
) -> None:
    recording.writer.sharing(0, (Shared(1, 0, ((1, 1),)),))
    for number, (graph, sharing) in enumerate(((0, -1), (1, 0), (0, -1), (1, 0))):
        recording.add(SQUARE, *square(number, 10.0 + number), graph=graph, sharing=sharing)
    recording.final(SQUARE, ("v", 0, -1, 50.0), ("v", 1, -1, 60.0), graph=0)
    recording.final(SQUARE, ("v", 0, -1, 70.0), ("v", 1, -1, 60.0), graph=1)
    recording.writer.flush()
    after = [held(reader.inputs_after(number)) for number in range(4)]
    assert after == [{0: 2, 1: 11}, {0: 3, 1: 12}, {0: 50, 1: 13}, {0: 70, 1: 60}]


def test_a_pass_that_turns_out_to_be_over_another_graph(
    recording: Recording, reader: RunReader
) -> None:
    for number, graph in enumerate((0, 0, 0)):
        recording.add(SQUARE, *square(float(number), 9.0), graph=graph)
    recording.writer.flush()
    assert held(reader.inputs_after(0))[0] == 1.0
    recording.add(SQUARE, *square(1.0, 9.0), number=1, graph=1)
    recording.writer.flush()
    assert held(reader.inputs_after(0))[0] == 2.0
    assert reader.inputs_after(1) == {}


@pytest.mark.slow
def test_what_is_after_a_pass_is_looked_up_in_a_few_rows(recording: Recording) -> None:
    recording.writer.sharing(0, (Shared(1, 0, ((0, 0),)),))
    for number in range(3000):
        recording.add(SQUARE, *square(1.0, 9.0), graph=number, sharing=0 if number else -1)
    recording.writer.flush()
    reader = RunReader(recording.path, live=True)
    asked: list[str] = []
    reader._connection.set_trace_callback(asked.append)
    for number in (0, 1500, 2998):
        del asked[:]
        assert reader.others_after(number) == {1}
        assert sum(query.startswith("SELECT") and "run" not in query for query in asked) < 30
    reader.close()


def test_output(recording: Recording, reader: RunReader) -> None:
    writer = recording.writer
    writer.output(-1, "stdout", b"begun\n")
    recording.squares(1)
    writer.output(0, "stdout", b"a")
    writer.output(0, "stdout", b"b\x1b[2J")
    writer.output(0, "stderr", b"\xff")
    writer.flush()
    writer.output(0, "stdout", b"c")
    recording.squares(2)
    writer.output(2, "stderr", b"end")
    writer.flush()
    assert reader.outputs(-1) == (Output("stdout", b"begun\n"),)
    assert reader.outputs(0) == (
        Output("stdout", b"ab\x1b[2J"), Output("stderr", b"\xff"), Output("stdout", b"c"),
    )  # fmt: skip
    assert reader.outputs(1) == ()
    assert reader.outputs(2) == (Output("stderr", b"end"),)
    assert reader.output_from == -1


def test_a_fault_is_at_the_node_of_the_line(recording: Recording, reader: RunReader) -> None:
    recording.squares(1)
    given = permuted(SQUARE, (2, 1, 0))
    fault = Fault("backward", 0, "Zero\x1bError", "division\nby zero")
    recording.add(given, ("v", 2, -1, 1.0), fault=fault)
    recording.writer.flush()
    assert reader.outline(1).fault == Fault("backward", 2, "Zero\\x1bError", "division\\nby zero")


def test_a_pass_that_is_not_whole_keeps_its_inputs(recording: Recording, reader: RunReader) -> None:
    large = np.arange(SMALL_INPUT // 8 + 1.0)
    recording.add(SQUARE, *square(2.0, large), whole=False)
    recording.add(SQUARE, *square(3.0, 1.0), whole=False)
    recording.writer.flush()
    assert [reader.outline(n).whole for n in (0, 1)] == [False, False]
    assert reader.numbers(0) is None
    inputs = reader.inputs(0)
    assert same(inputs[0], 2.0)
    assert same(inputs[1], large)
    assert reader.outline(0).cost == 2 * large.sum()
    assert {i: float(x.sum()) for i, x in reader.inputs(1).items()} == {0: 3.0, 1: 1.0}


def test_a_temporary_run_goes_when_it_is_closed() -> None:
    recording = Recording(None)
    recording.squares(3)
    recording.writer.flush()
    reader = RunReader(recording.path)
    assert len(reader) == 3
    reader.close()
    assert recording.path.exists()
    recording.close()
    assert not recording.path.parent.exists()


def test_a_closed_run_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20.mfrun"
    with Recording(path) as recording:
        recording.squares(10)
        recording.writer.end(3, "it ended\x1b")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    tmp_path.chmod(0o500)
    try:
        reader = RunReader(path)
        assert (len(reader), reader.ending, reader.status) == (10, "it ended\\x1b", 3)
        reader.close()
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
    finally:
        tmp_path.chmod(0o700)


def test_a_run_closed_under_a_reader_can_be_read(recording: Recording, reader: RunReader) -> None:
    recording.squares(10)
    recording.close()
    assert len(reader) == 10
    other = RunReader(recording.path)
    assert len(other) == 10
    assert other.ending == "the recording was cut off here"
    other.close()


def test_a_run_takes_the_place_of_a_run_and_of_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.mfrun"
    # As a writer that was killed leaves it.
    left = Recording(path)
    left.squares(20)
    left.writer.flush()
    with Recording(path) as again:
        again.squares(2)
    left.close()
    reader = RunReader(path)
    assert len(reader) == 2
    reader.close()
    for other in (b"import miniflow\n", b"SQLite format 3\0" + bytes(200)):
        path.write_bytes(other)
        with pytest.raises(FileError, match="not a run file"):
            Recording(path)
        assert path.read_bytes() == other
    with pytest.raises(FileError, match="it is a folder"):
        Recording(tmp_path)
    with pytest.raises(FileError, match="cannot be written"):
        Recording(tmp_path / "none" / "a.mfrun")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_wrong_calls(tmp_path: Path, recording: Recording) -> None:
    writer: RunWriter = recording.writer
    recording.squares(1)
    rest: dict[str, Any] = {"graph": 0, "whole": True, "complete": True, "fault": None}
    with pytest.raises(ValueError, match="its layout"):
        writer.add_pass(1, 0, 0, data=b"", **rest)
    with pytest.raises(ValueError, match="no layout 9"):
        writer.add_pass(1, 0, 9, data=b"", **rest)
    with pytest.raises(KeyError):
        writer.add_pass(1, 9, 0, data=b"", **rest)
    for entry in (
        Entry("v", 0, -1, "|O8", ()),
        Entry("v", 0, -1, "<f3", ()),
        Entry("v", 0, -1, "<M8", ()),
        Entry("v", 0, -1, "float", (1,)),
        Entry("v", 0, -1, "<f8", (-1,)),
        Entry("v", 0, -1, "<f8", (BODY_BYTES,)),
        Entry("v", 0, -1, "<f8", (0, 2**50)),
    ):
        with pytest.raises(ValueError, match=r"entr|float"):
            writer.layout(5, (entry,))


@pytest.mark.slow
def test_many_passes_are_read_in_one_look_each(recording: Recording) -> None:
    recording.squares(3000)
    recording.writer.flush()
    reader = RunReader(recording.path, live=True)
    asked: list[str] = []
    reader._connection.set_trace_callback(asked.append)
    costs = [reader.outline(number).cost for number in range(3000)]
    assert np.array_equal(costs, reader.costs(0))
    assert list(reader.steps(0)) == list(range(3000))
    # Whether anything is new is asked each time; rows are read never again.
    assert set(asked) == {"PRAGMA data_version"}
    recording.squares(1)
    recording.writer.flush()
    del asked[:]
    assert len(reader) == 3001
    assert sum("FROM pass" in query for query in asked) == 1
    reader.close()


def test_a_full_disk_is_said_at_every_call(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mfrun")
    recording.squares(1)
    (pages,) = recording.writer._connection.execute("PRAGMA page_count").fetchone()
    recording.writer._connection.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(2):
        with pytest.raises(FileError, match="cannot be written: database or disk is full"):
            recording.squares(100_000)
    recording.close()


def test_the_file_says_what_it_is(recording: Recording) -> None:
    recording.squares(1)
    recording.close()
    connection = sqlite3.connect(recording.path)
    assert connection.execute("SELECT number, cost FROM pass").fetchall() == [(0, 0.0)]
    connection.close()
    assert recording.path.read_bytes()[68:72] == b"mfru"
    assert recording.path.stat().st_size < MANY


def test_a_large_pass_is_shown_before_it_is_in_the_file(recording: Recording) -> None:
    x = np.arange(100_000.0)
    live = RunReader(recording.path, live=True, late=recording.writer.late_body)
    elsewhere = RunReader(recording.path, live=True)
    with contextlib.closing(live), contextlib.closing(elsewhere):
        for number in range(4):
            recording.add(SQUARE, *square(float(number), x + number))
            assert recording.writer.publish()
            found = live.numbers(number)
            assert found is not None
            assert same(found.values[1], x + number)
            # What a killed process would leave: all but the large row of this one pass.
            outlines = [elsewhere.outline(i) for i in range(number + 1)]
            assert [outline.whole for outline in outlines] == [True] * number + [False]
            assert elsewhere.numbers(number) is None
            assert elsewhere.inputs(number).keys() == {0}
        recording.writer.flush()
        for reader in (live, elsewhere):
            last = reader.numbers(3)
            assert last is not None
            assert same(last.values[1], x + 3)
            assert reader.outline(3).whole


def test_a_small_pass_is_in_the_file_as_soon_as_it_is_shown(recording: Recording) -> None:
    recording.squares(1)
    assert not recording.writer.publish()
    with contextlib.closing(RunReader(recording.path, live=True)) as reader:
        assert reader.numbers(0) is not None


def test_a_large_body_is_not_copied_and_its_numbers_cannot_be_changed() -> None:
    data = bytearray(8 + VIEW_BYTES)
    body = cut(data, [(8, len(data))])
    numbers = value_of(Entry("v", 0, -1, "<f8", (VIEW_BYTES // 8,)), body, 0)
    assert np.shares_memory(numbers, np.frombuffer(data))
    assert not numbers.flags.writeable
    assert bytes(cut(data, [(0, 8), (16, 24)])) == bytes(16)
