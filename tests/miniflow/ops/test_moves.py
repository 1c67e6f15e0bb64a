"""Ops that take, join and copy entries: what they return, and where their gradients go."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import miniflow as mf
from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.errors import GraphError, MiniflowError, ShapeError
from miniflow.gradcheck import check
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Expand, Mul, Slice, Split, Stack, Sum, Take, Tile
from miniflow.plans.compile import compile_plan
from tests.support.one_pass import one_pass


def value_and_gradients(op: Node) -> list[Any]:
    """Return the value, and the gradient of each input if its own is 1, 2, 3, ..."""
    graph = Graph.of(op)
    shape = graph.shapes()[-1]
    upstream = Input("upstream", value=np.arange(1.0, math.prod(shape) + 1).reshape(shape))
    graph = Graph.of(Sum(Mul(op, upstream), name="cost"))
    plan = one_pass(graph)
    at = graph.index[op]
    return [plan.value(at).tolist(), *(plan.gradient(i).tolist() for i in graph.inbound[at])]


X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_gradients_of_a_row_that_is_taken_twice_add_up() -> None:
    x, rows = Input("x", value=X), Input("rows", value=[2, 0, 2, -1])
    assert value_and_gradients(Take(x, rows)) == [
        [[5, 6], [1, 2], [5, 6], [5, 6]],
        [[3, 4], [0, 0], [1 + 5 + 7, 2 + 6 + 8]],
        [0, 0, 0, 0],
    ]
    x, row = Input("x", value=X), Input("rows", value=1)
    assert value_and_gradients(Take(x, row, axis=1)) == [[2, 4, 6], [[0, 1], [0, 2], [0, 3]], 0]


@pytest.mark.parametrize("wrong", [3, -4, 0.5, math.nan, math.inf])
def test_a_row_that_does_not_exist_is_named(wrong: float) -> None:
    x, rows = Input("x", value=X), Input("rows", value=np.array([0, wrong]))
    plan = compile_plan(Graph.of(Take(x, rows, name="taken")))
    with pytest.raises(ShapeError, match="taken: an index is a whole number from -3 to 2, not "):
        plan.forward(2)


def test_row_numbers_of_a_file_are_integers_that_are_not_trained_and_come_back(
    tmp_path: Path,
) -> None:
    table = mf.parameter(X, "table")
    rows = Input("rows", value=np.array([0, 2, 2]))
    target = Input("target", value=np.zeros((3, 2)))
    graph = Graph.of(mf.mse(target, mf.take(table, rows, name="taken"), name="cost"))
    mf.save(graph, tmp_path / "rows.json")
    loaded = mf.load(tmp_path / "rows.json")
    assert np.asarray(loaded.nodes[loaded.by_name["rows"]].value).dtype.kind == "i"
    taken = loaded.by_name["taken"]
    verdicts = {
        verdict.source: verdict.judgement for verdict in check(loaded) if verdict.node == taken
    }
    assert verdicts[loaded.by_name["table"]] == "right"
    assert verdicts.get(loaded.by_name["rows"]) in (None, "untested")
    graph.train(3)
    loaded.train(3)
    np.testing.assert_array_equal(
        graph.nodes[graph.by_name["table"]].value, loaded.nodes[loaded.by_name["table"]].value
    )


def test_a_nan_elsewhere_is_no_part_of_the_gradient_of_a_row() -> None:
    x, rows = Input("x", value=X), Input("rows", value=[0, 1])
    weights = Input("weights", value=[[math.nan, 1.0], [2.0, 3.0]])
    cost = Sum(Mul(Take(x, rows, name="taken"), weights), name="cost")
    debugger = ComputedDebugger(Graph.of(cost))
    while not debugger.cursor.at_end:
        debugger.cursor.step()
    cause = why(debugger, EntryRef(debugger.graph.by_name["x"], "grad", (1, 0)))
    assert cause.number == 2
    lines = cause_lines(cause, debugger)
    assert lines[0] == "∂cost/∂x[1,0] = Σₙ ∂cost/∂taken[n,0]·[rows[n] = 1]"
    # The other row, whose gradient is NaN, is no term of it.
    assert lines[1:] == ["  = ∂cost/∂taken[1,0]·[rows[1] = 1]", "  = 2 × 1", "  = 2"]


@pytest.mark.parametrize(
    ("start", "stop", "step", "value"),
    [
        (None, None, -1, [3, 2, 1, 0]),
        (1, None, 2, [1, 3]),
        (-1, 0, -2, [3, 1]),
        (2, -5, -1, [2, 1, 0]),
    ],
)
def test_a_slice_steps_as_in_python(start: Any, stop: Any, step: int, value: list[int]) -> None:
    x = Input("x", value=np.arange(4.0))
    found, gradient = value_and_gradients(Slice(x, start=start, stop=stop, step=step))
    assert found == value
    assert [gradient[i] for i in value] == [*range(1, len(value) + 1)]


def test_a_step_of_0_and_a_split_into_nothing_are_refused() -> None:
    x = Input("x", value=X)
    for make in (
        lambda: Slice(x, step=0),
        lambda: Split(x, parts=0),
        lambda: Split(x, parts=[]),
        lambda: mf.split(x, 0),
    ):
        with pytest.raises(GraphError, match="attribute"):
            make()


def test_split_makes_a_node_for_each_part() -> None:
    x = Input("x", value=X)
    first, second = mf.split(x, [1, 2])
    assert value_and_gradients(first) == [[[1, 2]], [[1, 2], [0, 0], [0, 0]]]
    assert value_and_gradients(second)[0] == [[3, 4], [5, 6]]
    parts = mf.split(x, 2, axis=1)
    assert [value_and_gradients(part)[0] for part in parts] == [[[1], [3], [5]], [[2], [4], [6]]]


def test_a_stack_has_a_new_axis() -> None:
    x, y = Input("x", value=[1.0, 2.0]), Input("y", value=[3.0, 4.0])
    assert value_and_gradients(Stack(x, y)) == [[[1, 2], [3, 4]], [1, 2], [3, 4]]
    assert value_and_gradients(Stack(x, y, axis=-1)) == [[[1, 3], [2, 4]], [1, 3], [2, 4]]
    assert value_and_gradients(Stack(Input("x", value=1.0)))[:2] == [[1], 1]


def test_gradients_of_copies_add_up() -> None:
    x = Input("x", value=[[1.0], [2.0]])
    assert value_and_gradients(Expand(x, shape=[2, 2])) == [[[1, 1], [2, 2]], [[3], [7]]]
    x = Input("x", value=[1.0, 2.0])
    assert value_and_gradients(Tile(x, repeats=[2])) == [[1, 2, 1, 2], [4, 6]]
    assert value_and_gradients(Tile(x, repeats=[2, 1])) == [[[1, 2], [1, 2]], [4, 6]]


@pytest.mark.parametrize("attributes", [{"shape": [0]}, {"shape": 3}, {"shape": ["a"]}])
def test_sizes_are_checked(attributes: dict[str, Any]) -> None:
    with pytest.raises(MiniflowError, match="attribute 'shape' of Expand"):
        Expand(Input("x", value=1.0), **attributes)
