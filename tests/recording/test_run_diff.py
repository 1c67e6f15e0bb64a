"""`mfdebug diff` of two run files: the first value and the first gradient that differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.format.table import text_lines
from mfdebug.opening.runs import open_run
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import Fault, RecordedNode, Structure
from mfdebug.recording.run_diff import RunComparison, compare_runs
from mfdebug.recording.run_diff_report import run_diff_data, run_diff_parts, spans
from miniflow.errors import MiniflowError
from tests.recording.runs import SQUARE, Recording, node, permuted, square, structure

Values = list[tuple[str, int, int, Any]]


def write(
    path: Path, passes: list[Values], given_structure: Structure = SQUARE, **more: Any
) -> None:
    with Recording(path) as run:
        for values in passes:
            run.add(given_structure, *values, **more)


def compared(folder: Path, *, tolerance: float = 0.0, bits: bool = False) -> RunComparison:
    a, b = RunReader(folder / "a.mfrun"), RunReader(folder / "b.mfrun")
    try:
        return compare_runs(a, b, tolerance, bits=bits)
    finally:
        a.close()
        b.close()


def text(found: RunComparison) -> list[str]:
    return text_lines(run_diff_parts(found, ("A", "B")))


def pair(folder: Path, a: list[Values], b: list[Values], **more: Any) -> RunComparison:
    write(folder / "a.mfrun", a)
    write(folder / "b.mfrun", b)
    return compared(folder, **more)


def test_equal_runs_are_the_same_whatever_the_order_of_their_nodes(tmp_path: Path) -> None:
    write(tmp_path / "a.mfrun", [square(2.0, 3.0), square(3.0, 4.0)])
    order = (1, 0, 2)
    with Recording(tmp_path / "b.mfrun") as run:
        for x, y in ((2.0, 3.0), (3.0, 4.0)):
            moved = [(tag, order.index(i), k, v) for tag, i, k, v in square(x, y)]
            run.add(permuted(SQUARE, order), *moved)
    found = compared(tmp_path)
    assert found.same
    assert found.arrays
    assert text(found) == ["2 passes of both runs: the same to the last bit in all that both keep"]


def test_the_first_value_and_the_first_gradient_are_named_with_both_numbers(tmp_path: Path) -> None:
    a = [square(float(i), np.array([1.0, 2.0])) for i in range(4)]
    b = [*map(list, a)]
    b[1][3] = ("s", 2, 0, 3.5)
    b[2][1] = ("v", 1, -1, np.array([1.0, 2.5]))
    found = pair(tmp_path, a, b)
    assert not found.same
    assert found.value is not None
    assert found.gradient is not None
    assert (found.value.number, found.value.name, found.gradient.number) == (2, "y", 1)
    assert text(found) == [
        "the first difference is in pass 1; 1 pass before it is equal",
        "                  pass  entry     A    B  relative  entries",
        "  first value        2  y[1]      2  2.5     0.2     1 of 2  Input",
        "  first gradient     1  ∂cost/∂x  3  3.5     0.143   1 of 1  as mul1 sent it",
    ]
    data = run_diff_data(found)
    assert data["gradient"]["by"] == "mul1"
    assert (data["value"]["entry"], data["value"]["a"], data["value"]["b"]) == ([1], 2.0, 2.5)
    assert data["same"] is False


def test_the_source_line_and_the_settings_of_a_row_are_said(tmp_path: Path) -> None:
    def graph(probability: float) -> Structure:
        options = {"arguments": ("@0",), "options": (("p", probability), ("training", True))}
        made: dict[str, Any] = {"engine": "torch", "file": "/home/me/train.py", "line": 7}
        return structure(
            [node("Tensor", name="x"), node("dropout", 0, name="drop", attributes=options, **made)]
        )

    write(tmp_path / "a.mfrun", [[("v", 0, -1, 1.0), ("v", 1, -1, 2.0)]], graph(0.1))
    write(tmp_path / "b.mfrun", [[("v", 0, -1, 1.0), ("v", 1, -1, 0.0)]], graph(0.2))
    lines = text(compared(tmp_path))
    assert "train.py:7" in lines[2]
    assert lines[-1] == "  drop is set otherwise: p is 0.1 in A, 0.2 in B"


def test_nan_is_equal_to_nan_and_zeros_differ_only_bit_for_bit(tmp_path: Path) -> None:
    other_nan = np.array([0x7FF8000000000123], np.uint64).view(np.float64)
    a = [[("v", 0, -1, np.array([np.nan, 0.0])), *square(0.0, 0.0)[1:]]]
    b = [[("v", 0, -1, np.array([other_nan[0], -0.0])), *square(0.0, 0.0)[1:]]]
    found = pair(tmp_path, a, b)
    assert found.same
    assert text(found) == [
        "1 pass of both runs have equal numbers, but for the sign of 1 zero (--bits shows where)"
    ]
    bits = compared(tmp_path, bits=True)
    assert bits.value is not None
    assert bits.value.how is not None
    assert (bits.value.how.index, bits.value.how.count) == ((1,), 1)
    assert any(" 0 " in line and " -0 " in line for line in text(bits))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.ones(2), np.ones(3), ("2", "3")),
        (np.ones(2), np.ones(2, np.float32), ("float64", "float32")),
        (np.ones(2, np.int64), np.ones(2), ("int64", "float64")),
        ("a list of two", "a list of three", ("a list of two", "a list of three")),
    ],
)
def test_other_shapes_types_and_texts_are_differences(
    tmp_path: Path, a: Any, b: Any, words: tuple[str, str]
) -> None:
    rest = square(1.0, 2.0)[1:]
    found = pair(tmp_path, [[("v", 0, -1, a), *rest]], [[("v", 0, -1, b), *rest]])
    assert found.value is not None
    assert found.value.how is not None
    assert (found.value.name, found.value.how.words) == ("x", words)
    assert words[0] in "\n".join(text(found))


def test_a_tolerance_takes_small_differences_for_equal(tmp_path: Path) -> None:
    a, b = square(1.0, 2.0), square(1.0, 2.0)
    b[1] = ("v", 1, -1, 2.0 + 1e-9)
    found = pair(tmp_path, [a], [b], tolerance=1e-6)
    assert found.same
    assert found.close == 1
    assert "equal up to 1e-06; 1 entries differ by less" in text(found)[0]
    assert not compared(tmp_path).same


def test_of_another_graph_the_first_row_that_differs_is_said(tmp_path: Path) -> None:
    def graph(*nodes: RecordedNode) -> Structure:
        return structure([node("Input", name="x"), *nodes])

    plain = graph(node("Tanh", 0, name="t"), node("Sum", 1, name="cost"))
    more = graph(
        node("Tanh", 0, name="t"), node("Dropout", 1, name="d"), node("Sum", 2, name="cost")
    )
    write(tmp_path / "a.mfrun", [[("v", i, -1, 1.0) for i in range(3)]], plain)
    write(tmp_path / "b.mfrun", [[("v", i, -1, 1.0) for i in range(4)]], more)
    found = compared(tmp_path)
    assert not found.same
    assert found.value is None
    assert text(found) == [
        "the first difference is in pass 0",
        "  the program ran another graph in pass 0; the first row that differs:",
        "    A: row 2, cost: Sum of t",
        "    B: row 2, d: Dropout of t",
    ]
    assert run_diff_data(found)["graph"]["b"]["node"] == "d"


def test_rows_before_another_graph_begins_are_compared(tmp_path: Path) -> None:
    plain = structure(
        [node("Input", name="x"), node("Tanh", 0, name="t"), node("Sum", 1, name="c")]
    )
    other = structure(
        [node("Input", name="x"), node("Tanh", 0, name="t"), node("Max", 1, name="c")]
    )
    write(tmp_path / "a.mfrun", [[("v", 0, -1, 1.0), ("v", 1, -1, 0.5), ("v", 2, -1, 1.0)]], plain)
    write(tmp_path / "b.mfrun", [[("v", 0, -1, 1.0), ("v", 1, -1, 0.7), ("v", 2, -1, 1.0)]], other)
    found = compared(tmp_path)
    assert found.structure is not None
    assert found.value is not None
    assert found.value.name == "t"


def test_what_is_not_kept_is_said_and_inputs_and_costs_are_compared(tmp_path: Path) -> None:
    a = [square(1.0, float(i)) for i in range(5)]
    b = [square(1.0, float(i)) for i in range(3)] + [square(1.5, 3.0), square(1.5, 4.0)]
    write(tmp_path / "a.mfrun", a)
    write(tmp_path / "b.mfrun", b, whole=False)
    found = compared(tmp_path)
    assert found.value is not None
    assert found.cost is not None
    assert (found.value.name, found.value.number, found.cost.number) == ("x", 3, 3)
    lines = text(found)
    assert lines[-2:] == [
        "  of the gradients that both keep, none differs",
        "B keeps only small inputs and the cost of passes 0 to 4: no more of them was compared",
    ]


def test_the_values_after_the_last_pass_are_compared(tmp_path: Path) -> None:
    for name, last in (("a", 7.0), ("b", 8.0)):
        with Recording(tmp_path / f"{name}.mfrun") as run:
            run.add(SQUARE, *square(1.0, 2.0), graph=0)
            run.final(SQUARE, ("v", 0, -1, last), graph=0)
            run.writer.end(0, "")
    found = compared(tmp_path)
    assert found.value is not None
    assert (found.value.what, found.value.name) == ("final", "x")
    assert "after the last pass" in text(found)[2]


def test_fewer_passes_and_an_error_in_one_run_are_differences(tmp_path: Path) -> None:
    passes = [square(1.0, float(i)) for i in range(3)]
    found = pair(tmp_path, passes, passes[:2])
    assert not found.same
    lines = text(found)
    assert lines[0] == "the runs differ in the number of passes: what both have, 2 passes, is equal"
    assert lines[1].startswith("A has 3 passes (")

    fault = Fault("forward", 2, "ValueError", "no")
    write(tmp_path / "b.mfrun", passes[:1], fault=fault)
    lines = text(compared(tmp_path))
    assert "  pass 0 in A: no node raised" in lines
    assert "  pass 0 in B: mul1 raised ValueError in its forward" in lines


def test_long_lists_of_passes_are_spans() -> None:
    assert spans([1, 3, 4, 5, 9]) == "1, 3 to 5, 9"
    assert spans(range(0, 20, 2)) == "0, 2, 4, 6, 8 and 5 more spans"


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3),
    st.sampled_from([("v", 0, -1), ("v", 1, -1), ("v", 2, -1), ("s", 2, 0), ("s", 2, 1)]),
    st.integers(0, 2),
    st.booleans(),
)
def test_one_changed_number_is_found_where_it_is(
    tmp_path_factory: pytest.TempPathFactory,
    number: int,
    which: tuple[str, int, int],
    entry: int,
    to_nan: bool,
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    arrays = [np.arange(3.0) + 1 + i for i in range(4)]

    def run() -> list[Values]:
        keys = [("v", 0, -1), ("v", 1, -1), ("v", 2, -1), ("s", 2, 0), ("s", 2, 1)]
        return [[(*key, array.copy()) for key in keys] for array in arrays]

    a, b = run(), run()
    for *key, array in b[number]:
        if tuple(key) == which:
            array[entry] = np.nan if to_nan else np.nextafter(array[entry], np.inf)
    found = pair(folder, a, b)
    row = found.value if which[0] == "v" else found.gradient
    other = found.gradient if which[0] == "v" else found.value
    assert row is not None
    assert row.how is not None
    assert other is None
    assert (row.number, row.how.index, row.how.count) == (number, (entry,), 1)
    at = which[1] if which[2] < 0 else SQUARE.nodes[which[1]].inbound[which[2]]
    assert row.name == ("x", "y", "mul1")[at]


def test_a_session_on_a_run_compares_it_with_another_file(tmp_path: Path) -> None:
    a = [square(float(i), 2.0) for i in range(3)]
    b = [*map(list, a)]
    b[1][3] = ("s", 2, 0, 3.5)
    expected = text(pair(tmp_path, a, b))
    session = open_run(str(tmp_path / "a.mfrun"))
    reply = session.run(f"diff {tmp_path / 'b.mfrun'}")
    assert reply.data["gradient"]["pass"] == 1
    said = [line.split() for line in reply.text.splitlines()]
    assert said[1] == ["pass", "entry", "this", "run", "b.mfrun", "relative", "entries"]
    assert said[2:] == [line.split() for line in expected[2:]]
    assert "1 pass before it is equal" in reply.text
    (tmp_path / "other.mfrun").write_text("{}")
    with pytest.raises(MiniflowError, match=r"other\.mfrun"):
        session.run(f"diff {tmp_path / 'other.mfrun'}")
