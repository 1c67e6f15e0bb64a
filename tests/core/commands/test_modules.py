"""`modules`: value, gradient, what is wrong and the last gradients of each module."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.breakpoints.module_table import (
    MOST_ROWS,
    PASSES,
    ModuleTable,
    dead_units,
    modules_of,
    sparkline,
)
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.commands.live_modules import LiveModules
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.opening.runs import open_run
from mfdebug.opening.shipped import find_run
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, Linear, Mul, ReLU, Sigmoid


def on(graph: Graph) -> Session:
    return open_session(ComputedDebugger(graph))


def gpt() -> Session:
    run = find_run("gpt-with-a-nan.mfrun")
    assert run is not None
    return open_run(str(run))


def test_a_graph_without_modules_has_its_parameters_and_ops() -> None:
    session = on(load_graph("xor"))
    session.run("sgd 4")
    assert session.run("modules").text.splitlines() == [
        "mean |value| and mean |gradient| of each parameter and op",
        "node   value  gradient",
        "W1     0.565    0.0012",
        "b1    0.0126   0.00156",
        "l1     0.416    0.0101",
        "s1     0.462    0.0431",
        "W2     0.689   0.00119",
        "b2    0.0514   0.00284",
        "l2    0.0965    0.0624",
        "s2     0.494      0.25",
        "cost   0.251         1",
    ]


def test_what_is_not_computed_has_no_number() -> None:
    session = on(load_graph("xor"))
    session.run("until l1")
    lines = session.run("modules").text.splitlines()
    assert lines[4].split()[0] == "l1"
    assert lines[4].split()[2:] == ["-"]
    assert lines[5].split() == ["s1", "-", "-"]


def network(first: float) -> Graph:
    x = Input("in/x", value=np.ones((4, 3)))
    W = Input("hidden/W", value=np.full((3, 8), first), trainable=True)
    b = Input("hidden/b", value=np.linspace(-2, 2, 8) - 3 * first, trainable=True)
    relu = ReLU(Linear(x, W, b, name="hidden/linear"), name="hidden/relu")
    V = Input("out/W", value=np.full((8, 1), 0.1), trainable=True)
    c = Input("out/b", value=np.zeros(1), trainable=True)
    out = Linear(relu, V, c, name="out/linear")
    return Graph.of(MSE(Input("in/y", value=np.ones((4, 1))), out, name="cost"))


def rows(session: Session) -> dict[str, str]:
    return {row["name"]: row["label"] for row in session.run("modules").data}


def test_a_module_is_what_has_ops_and_dead_units_are_counted() -> None:
    session = on(network(0.5))
    session.run("until hidden/linear backward")
    assert rows(session) == {"hidden": "dead 4 of 8", "out": ""}


@pytest.mark.parametrize(
    ("line", "label"),
    [("set hidden/W[0,0] = nan", "NaN"), ("set hidden/W[0,0] = inf", "inf")],
)
def test_a_number_that_is_none_comes_before_all_else(line: str, label: str) -> None:
    session = on(network(0.5))
    session.run(line)
    session.run("until cost")
    assert rows(session)["hidden"] == label


def test_gradients_that_vanish_explode_or_are_saturated_are_named() -> None:
    x, w = Input("x", value=np.full((5, 2), 30.0)), Input("w", value=1.0, trainable=True)
    near = Sigmoid(Mul(x, w, name="a/mul"), name="b/sigmoid")
    cost = MSE(Input("y", value=np.zeros((5, 2))), Mul(near, Input("s", value=1e9), name="c/mul"))
    session = on(Graph.of(cost))
    session.run("sgd")
    found = rows(session)
    assert found["b"] in ("saturated", "exploding")
    assert found["c"] == "exploding"


@pytest.mark.slow
def test_the_run_that_turns_nan_shows_where_and_how_it_was_before() -> None:
    session = gpt()
    session.run("goto sgd 6")
    found = {row["name"]: row for row in session.run("modules").data}
    assert found["model.norm"]["label"] == ""
    session.run("finish")
    session.run("goto sgd 7")
    by_name = {row["name"]: row for row in session.run("modules").data}
    broken = by_name["model.blocks.0.norm1"]
    assert len(broken["history"]) == 8
    assert all(math.isfinite(size) for size in broken["history"][:5])
    assert math.isnan(broken["history"][5])


@pytest.mark.slow
def test_the_live_table_is_of_the_newest_pass_whichever_is_present() -> None:
    session = gpt()
    live = LiveModules(session)
    live.refresh()
    assert re.fullmatch(r"SGD step \d+ ∙ loss = [\d.]+", live.words)
    newest = int(live.words.split()[2])
    assert session.debugger.moment == 0 < newest
    assert "NaN" in {row.label for row in live.rows}
    # Where there is no room for all, those with something wrong are shown.
    table = live.table(6)
    assert len(table.rows) == 4
    assert all(row.cells[3] for row in table.rows)
    assert table.left_out == len(live.rows) - 4
    # Not read again at once.
    rows_before = live.rows
    live.refresh()
    assert live.rows is rows_before


@pytest.mark.slow
def test_the_number_of_a_cost_with_a_long_name_fits_on_the_line() -> None:
    session = gpt()
    session.debugger.graph.nodes[session.debugger.graph.cost].name = "criterion.cross_entropy"
    live = LiveModules(session)
    live.refresh()
    assert re.fullmatch(r"SGD step \d+ ∙ cost [\d.]+", live.words)


def test_a_graph_that_keeps_no_passes_has_no_live_table() -> None:
    live = LiveModules(on(load_graph("xor")))
    live.refresh()
    assert live.rows == []


def test_dead_units_are_those_that_are_zero_for_all_examples() -> None:
    images = np.ones((2, 3, 4, 4))
    images[:, 1] = 0
    assert dead_units(images) == "dead 1 of 3"
    assert dead_units(np.zeros((7, 5))) == "dead 5 of 5"
    assert dead_units(np.eye(5)) == ""
    # Of a single example nothing is known about the others.
    assert dead_units(np.zeros((1, 5))) == ""


@given(st.lists(st.none() | st.floats(min_value=0, allow_subnormal=False), max_size=PASSES))
def test_a_sparkline_has_a_sign_for_each_pass(history: list[float | None]) -> None:
    line = sparkline(history)
    assert len(line) == len(history)
    for sign, size in zip(line, history, strict=True):
        assert (sign == " ") == (size is None)
        assert (sign == "!") == (size is not None and not math.isfinite(size))
    known = [
        (size, sign)
        for size, sign in zip(history, line, strict=True)
        if size is not None and math.isfinite(size)
    ]
    signs = [sign for _, sign in sorted(known)]
    assert signs == sorted(signs)


def test_a_graph_of_many_nodes_has_a_table_of_bounded_length() -> None:
    x = Input("x", value=1.0)
    node = Mul(x, x)
    for _ in range(MOST_ROWS + 10):
        node = Mul(node, x)
    debugger = ComputedDebugger(Graph.of(node))
    assert len(modules_of(debugger.graph.nodes, debugger.graph.inbound)) == MOST_ROWS
    assert not ModuleTable(debugger).has_modules
