"""What a stop says: the numbers that met it, the same wherever they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from mfdebug.cli.main import main
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.opening.graphs import load_graph
from mfdebug.opening.shipped import shipped
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul, ReLU, Sub, Sum


def session(graph: str, *lines: str) -> Session:
    run = open_session(ComputedDebugger(load_graph(graph)))
    for line in lines:
        run.run(line)
    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "meant"),
    [
        ("cost > 1", "break if cost > 1"),
        ("norm(W1.grad) > 3", "break if norm(W1.grad) > 3"),
        ("W1[0,0] == 3", "break if W1[0,0] == 3"),
        ("W1.grad changes", "break on-change W1.grad"),
    ],
)
def test_a_stop_without_its_word_is_answered_with_the_line_that_sets_it(
    stop: str, meant: str
) -> None:
    run = session("xor")
    with pytest.raises(DebuggerError) as error:
        run.run(f"break {stop}")
    assert error.value.hint == meant
    run.run(meant)


# What the description of a shipped graph tells the reader to type after b, and where it stops.
PROMISED = {
    "vanishing": ("vanishing", "layer2/z"),
    "log-nan": ("nan", "if_0"),
    "exploding": ("inf", "h2"),
}


def test_a_shipped_graph_stops_where_its_description_says() -> None:
    for graph in shipped():
        if "press c" not in graph.description:
            assert graph.name not in PROMISED
            continue
        stop, place = PROMISED[graph.name]
        assert f"press b, type {stop}, press c" in graph.description.lower()
        assert re.search(rf"{place} is infinite|stops at {place}\.", graph.description)
        run = session(graph.name, f"break {stop}", "continue")
        node = run.debugger.where.node
        assert node is not None
        assert run.debugger.graph.nodes[node].label == place


@pytest.mark.parametrize(
    ("graph", "stop", "reason", "ref"),
    [
        ("wx", "if cost < 500", "cost < 500: cost = 368.64", "cost"),
        ("wx", "if 500 > cost", "500 > cost: cost = 368.64", "cost"),
        ("wx", "if cost < prev(cost)", "cost < prev(cost): cost = 576, prev(cost) = 900", "cost"),
        ("wx", "if not cost > 500", "not cost > 500: cost = 368.64", "cost"),
        (
            "wx",
            "if w < 4 and (cost < 1 or y < 39)",
            "w < 4 and (cost < 1 or y < 39): w = 3.536, y = 35.36",
            "w",
        ),
        ("wx", "if sgd_step == 3", "sgd_step == 3: sgd_step = 3", None),
        ("wx", "if 0 < w <= 4.4", "0 < w <= 4.4: w = 4.4", "w"),
        ("wx", "if isnan(cost) == 0", "isnan(cost) == 0: isnan(cost) = 0", "cost"),
        ("wx", "w update if w < 4.5", "update of w: w < 4.5: w = 4.4", "w"),
        (
            "xor",
            "if any(abs(W1.grad) > 0.003)",
            "any(abs(W1.grad) > 0.003): abs(W1.grad)[0,0] = 0.00334791",
            "∂cost/∂W1[0,0]",
        ),
        (
            "xor",
            "if all(s1 > 0.4)",
            "all(s1 > 0.4): s1[3,0] = 0.400129",
            "s1[3,0]",
        ),
        ("xor", "if max(s1) > 0.7", "max(s1) > 0.7: max(s1) = 0.700088 at [2,1]", "s1[2,1]"),
        ("xor", "if W1[0,0] < 0.6", "W1[0,0] < 0.6: W1[0,0] = -0.4", "W1[0,0]"),
        ("xor", "if W1[0][0] < 0.6", "W1[0][0] < 0.6: W1[0][0] = -0.4", "W1[0,0]"),
        ("xor", "if norm(W1.grad) > 0.001", "norm(W1.grad) > 0.001: norm(W1.grad) = ", None),
        ("xor", "if any(W1 - W1 == 0)", "any(W1 - W1 == 0): (W1 - W1)[0,0] = 0", None),
        ("xor", "if shape(W1)[0] == 2", "shape(W1)[0] == 2: shape(W1)[0] = 2", None),
        ("log-nan", "if any(isnan(if_0))", "any(isnan(if_0)): if_0[3,0] = nan", "if_0[3,0]"),
        ("wx", "w update", "update of w: w = 4.4", None),
        ("wx", "y backward", "backward of y: ∂cost/∂y = 60", None),
        ("xor", "s1 forward", "forward of s1: s1 (shape 4x2, values ", None),
        ("wx", "on-change w by 0.1", "w changed: 5 -> 4.4", "w"),
        ("log-nan", "nan", "nan: if_0[3,0] = nan, made by Mul of ", "if_0[3,0]"),
        ("dead-relu", "dead", "dead: r1: 100 % of its entries are 0", None),
    ],
)
def test_the_numbers_that_met_it_are_said(
    graph: str, stop: str, reason: str, ref: str | None
) -> None:
    run = session(graph, f"break {stop}")
    reply = run.run("continue")
    (told,) = reply.data["stops"]
    assert told["reason"].startswith(reason)
    assert f"stop 1: {told['reason']}" in reply.text.split("\n")
    assert reply.stopped == f"stop 1: {told['reason']}"
    if ref is not None:
        assert reply.ref is not None
        assert reply.ref.text(run.debugger) == ref


@pytest.mark.parametrize(
    ("condition", "best"),
    [
        ("any(W1 > 0.1)", lambda x: x.argmax()),
        ("any(W1 < 0.1)", lambda x: x.argmin()),
        ("any(0.1 > W1)", lambda x: x.argmin()),
        ("all(W1 < 9)", lambda x: x.argmax()),
        ("not any(W1 > 9)", lambda x: x.argmax()),
        ("not all(W1 < 0.1)", lambda x: x.argmax()),
    ],
)
def test_of_an_array_the_entry_speaks_that_goes_furthest_or_comes_nearest(
    condition: str, best: Callable[[np.ndarray], int]
) -> None:
    run = session("xor", f"break if {condition}")
    ref = run.run("continue").ref
    weights = run.debugger.state.value(run.debugger.graph.by_name["W1"])
    assert ref is not None
    assert ref.index == np.unravel_index(best(weights), weights.shape)


def test_numbers_are_told_with_the_digits_that_tell_them_apart() -> None:
    run = session("wx", "set w = 2.0000001", "break if cost != prev(cost)")
    (told,) = run.run("continue").data["stops"]
    sides = told["reason"].split(": ")[1].split(", ")
    assert len({side.split(" = ")[1] for side in sides}) == 2


def test_the_same_is_said_as_text_and_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["-c", "break if cost < 500", "-c", "continue"]
    reason = "cost < 500: cost = 368.64"
    assert main(["wx", "--batch", *lines]) == 0
    assert f"stop 1: {reason}" in capsys.readouterr().out.split("\n")
    assert main(["wx", "--batch", "--json", *lines]) == 0
    answer = json.loads(capsys.readouterr().out.strip().split("\n")[-1])
    assert answer["result"]["stops"] == [{"stop": 1, "reason": reason}]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["break health", "break nan"], "stops 1 and 10: nan: if_0[3,0] = nan, made by Mul of "),
        (["break nan", "break health"], "stops 1 and 2: nan: if_0[3,0] = nan, made by Mul of "),
        (["break nan", "break nan", "tbreak nan"],
         "stops 1, 2 and 3 (break nan, tbreak nan): nan: if_0[3,0] = nan, "),
        (["break nan", "break nan at if_0"],
         "stops 1 and 2 (break nan, break nan at if_0): nan: if_0[3,0] = nan, "),
        (["break if_0 forward", "break if_0"],
         "stops 1 and 2 (break if_0 forward, break if_0): forward of if_0: if_0 (shape 4x1, "),
    ],
)  # fmt: skip
def test_what_several_stops_wait_for_is_told_once(lines: list[str], told: str) -> None:
    run = session("log-nan", "goto 278", *lines)
    reply = run.run("step")
    met = [line for line in reply.text.split("\n") if line.startswith("stop")]
    assert len(met) == 1
    assert met[0].startswith(told)
    assert reply.stopped == met[0]
    stops = [int(number) for number in re.findall(r"\d+", told.split(":")[0].split(" (")[0])]
    assert [stop["stop"] for stop in reply.data["stops"]] == stops
    assert len({stop["reason"] for stop in reply.data["stops"]}) == 1


@pytest.mark.slow
def test_no_moment_is_met_twice_for_the_same_stops() -> None:
    once, twice = (session("log-nan", *lines) for lines in (["break health"], ["break health"] * 2))
    for _ in range(4):
        for run in (once, twice):
            run.run("continue")
        assert once.debugger.moment == twice.debugger.moment


def test_different_reasons_of_one_moment_are_all_told() -> None:
    run = session("log-nan", "goto 278", "break nan", "break if any(isnan(if_0))")
    reply = run.run("step")
    first, second = reply.stopped.split("; stop 2: ")
    assert first.startswith("stop 1: nan: if_0[3,0] = nan, made by Mul of ")
    assert second == "any(isnan(if_0)): if_0[3,0] = nan"


def test_a_stop_that_is_set_again_says_so() -> None:
    run = session("xor", "break nan")
    assert run.run("break nan").text == "stop 2: break nan (same as stop 1)"


def nan_beside_one_that_was_fed(train: bool) -> Debugger:
    """An op entry by entry passes on a NaN and makes another: inf - inf."""
    x = Input("x", value=[np.nan, np.inf])
    w = Input("w", value=[1.0, 1.0], trainable=train)
    difference = Sub(x, Mul(x, w, name="p"), name="q")
    return ComputedDebugger(Graph.of(Sum(difference, name="cost")))


@pytest.mark.parametrize("train", [False, True])
def test_a_nan_made_beside_one_that_is_passed_on_is_found(train: bool) -> None:
    run = open_session(nan_beside_one_that_was_fed(train))
    run.run("break nan")
    assert "x[0] = nan was fed" in run.run("continue").text
    assert "q[1] = nan, made by Sub" in run.run("continue").text


@pytest.mark.parametrize(
    "line",
    ["q forward", "q backward", "w update", "nan", "inf", "if any(q < 9)", "on-change w"],
)
def test_a_shape_is_called_a_shape(line: str) -> None:
    """Seven entries, and no other number with a 7: where one stands alone it looks like a value."""
    x = Input("x", value=[0.5, 1.0, 2.0, 0.0, np.inf, -1.0, 4.0])
    w = Input("w", value=[1.0] * 6 + [-1e300], trainable=True)
    q = Sub(Mul(x, w, name="p"), Input("b", value=[1.0] * 4 + [np.inf] + [1.0] * 2), name="q")
    run = open_session(ComputedDebugger(Graph.of(Sum(ReLU(q, name="r"), name="cost"))))
    run.run("watch q")
    run.run(f"break {line}")
    (told,) = run.run("continue").data["stops"]
    shown = [told["reason"], *run.run("explain").text.split("\n"), run.run("watch").text]
    shown += [run.run("find q").text]
    for text in shown:
        assert re.findall(r"(?<![\w,.\[-])(?<!shape )7\b(?!\])", text) == [], text


def test_a_nan_made_in_a_long_run_beside_one_that_is_passed_on_is_found() -> None:
    x = Input("x", value=[np.nan, 1.0])
    w = Input("w", value=[1.0, 1e300], trainable=True)
    big = Mul(Mul(x, w, name="p"), Input("big", value=[1.0, 1e10]), name="b")
    debugger = ComputedDebugger(Graph.of(Sum(Sub(big, big, name="q"), name="cost")))
    run = open_session(debugger)
    run.run("sgd 3")
    run.run("break nan")
    assert "q[1] = nan, made by Sub" in run.run("continue").text
