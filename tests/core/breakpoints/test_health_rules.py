"""Health rules: a healthy run breaks none, a faulty one is stopped by the rule that names it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfdebug.core.commands.completion import complete
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.files import load
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, Add, Linear, Pow, Sigmoid, Softmax, Sum
from miniflow.training.optimizers import SGD
from tests.support.paths import ROOT
from tests.support.sizes import quick

BROKEN = ROOT / "tests" / "broken"
# What goes wrong in a shipped graph, and in which SGD step that is found.
SHIPPED_FAULTS = {
    "vanishing": (0, "vanishing: layer2/z"),
    "exploding": (0, "exploding: h1"),
    "dead-relu": (2, "dead: r1"),
    "log-nan": (9, "inf: log_q[3,0] = -inf"),
}
HEALTHY = sorted({path.stem for path in (ROOT / "graphs").glob("*.json")} - set(SHIPPED_FAULTS))
LONG = {"digits": 100, "diabetes": 200, "lenet": 60, "transformer": 100, "lstm": 100}


def session(graph: Graph | str, *lines: str) -> Session:
    run = open_session(ComputedDebugger(load_graph(graph) if isinstance(graph, str) else graph))
    for line in lines:
        run.run(line)
    return run


def first_stop(run: Session, steps: int) -> tuple[int, str]:
    """Return the SGD step in which a health rule is met first, and what it says."""
    run.run("break health")
    debugger = run.debugger
    hits = run.stops.run(debugger.timeline.clamp(steps * debugger.timeline.length))
    return debugger.sgd_step, hits[0].finding.words if hits else ""


@pytest.mark.parametrize("graph", quick(HEALTHY, 8))
def test_a_healthy_run_is_not_stopped(graph: str) -> None:
    assert first_stop(session(graph), LONG.get(graph, 3000))[1] == ""


@pytest.mark.parametrize("rate", [0.0001, 0.001, 0.005, 0.009])
def test_a_rate_that_descends_is_not_too_large(rate: float) -> None:
    assert first_stop(session("wx", f"set lr = {rate}"), 3000)[1] == ""


@pytest.mark.parametrize(
    ("rate", "step", "words"),
    [
        (0.01, 19, "update-ratio: w: |update| / |weight| is 6, too large: "),
        (0.011, 19, "update-ratio: w: |update| / |weight| is 2.25, too large: "),
        (0.02, 7, "exploding: w: "),
        (1e-9, 10, "update-ratio: w: |update| / |weight| is 1.2e-07, too small: "),
    ],
)
def test_a_rate_that_does_not_descend_is_found(rate: float, step: int, words: str) -> None:
    met, told = first_stop(session("wx", f"set lr = {rate}"), 100)
    assert met == step
    assert told.startswith(words)


@pytest.mark.parametrize("graph", SHIPPED_FAULTS)
def test_the_faults_of_shipped_graphs_are_found(graph: str) -> None:
    met, told = first_stop(session(graph), 100)
    assert (met, told[: len(SHIPPED_FAULTS[graph][1])]) == SHIPPED_FAULTS[graph]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("all-the-same-answer", "saturated: s1"),
        ("learns-nothing", "update-ratio: w"),
        ("nan-at-once", "inf: Sqrt way1"),
        ("never-moves", "unchanged: b: it is trained, but the cost does not depend on it"),
        ("only-the-mean", "dead: r1"),
        ("stays-at-a-quarter", "unchanged: W1"),
        ("swings", "exploding: w"),
    ],
)
def test_faults_are_found(name: str, words: str) -> None:
    _, told = first_stop(session(load(BROKEN / f"{name}.json")), 100)
    assert told.startswith(words)


def test_a_last_layer_that_has_learned_yes_and_no_is_not_saturated() -> None:
    x, t = Input("x", value=[[-1.0], [1.0]]), Input("t", value=[[0.0], [1.0]])
    w, b = Input("w", value=[[4.0]], trainable=True), Input("b", value=[0.0], trainable=True)
    cost = MSE(t, Sigmoid(Linear(x, w, b, name="z"), name="y"), name="cost")
    graph = Graph.of(cost, optimizer=SGD(20.0))
    run = session(graph)
    assert first_stop(run, 3000)[1] == ""
    near = run.debugger.state.value(graph.by_name["y"])
    assert (np.abs(near - [[0.0], [1.0]]) < 0.01).all()


def test_a_gradient_that_only_cancels_does_not_stop() -> None:
    """The bias has gradient 0 while the weight learns; one whose input is 0 learns nothing."""
    graph = Graph.of(_line([[-1.0], [1.0]]))
    assert first_stop(session(graph), 50)[1] == ""
    told = first_stop(session(Graph.of(_line([[0.0], [0.0]]))), 50)[1]
    assert told.startswith("unchanged: w: ")


def _line(rows: list[list[float]]) -> MSE:
    x, t = Input("x", value=rows), Input("t", value=[[-2.0], [2.0]])
    w, b = Input("w", value=[[1.0]], trainable=True), Input("b", value=[0.0], trainable=True)
    return MSE(t, Linear(x, w, b, name="y"), name="cost")


# Nodes that are left out ----------------------------------------------------------------------


@pytest.fixture
def mask() -> Graph:
    """A causal mask: -inf, which softmax makes 0, stands in an input for good."""
    inf = math.inf
    scores = Input("scores", value=[[1.0, 2, 3], [1, 2, 3]], trainable=True)
    mask = Input("mask", value=[[0, 0, -inf], [0, -inf, -inf]])
    masked = Add(scores, mask, name="masked")
    return Graph.of(Sum(Pow(Softmax(masked, name="p"), name="square"), name="cost"))


def met_moments(run: Session, steps: int) -> list[int]:
    end, met = steps * run.debugger.timeline.length, []
    while run.debugger.moment < end:
        if run.stops.run(end):
            met.append(run.debugger.moment)
    return met


def test_an_infinity_that_an_input_holds_for_good_is_met_once(mask: Graph) -> None:
    assert met_moments(session(mask, "break inf"), 40) == [1]


def test_a_mask_that_is_left_out_is_not_met(mask: Graph) -> None:
    assert met_moments(session(mask, "break inf except mask"), 40) == []


@pytest.mark.parametrize("kind", ["nan", "inf"])
@pytest.mark.parametrize("graph", ["exploding", "log-nan"])
def test_only_what_is_left_out_is_passed_over(graph: str, kind: str) -> None:
    def met(line: str) -> dict[int, str]:
        run, found = session(graph, line), {}
        debugger = run.debugger
        end = 12 * debugger.timeline.length
        while debugger.moment < end:
            for hit in run.stops.run(end):
                assert hit.finding.ref is not None
                found[debugger.moment] = debugger.graph.nodes[hit.finding.ref.node].label
        return found

    everywhere = met(f"break {kind}")
    assert everywhere
    for left_out in set(everywhere.values()):
        elsewhere = met(f"break {kind} except {left_out}")
        assert left_out not in elsewhere.values()
        assert elsewhere.keys() <= everywhere.keys()
        assert {m for m, node in everywhere.items() if node != left_out} <= elsewhere.keys()


def test_rules_leave_out_nodes_too() -> None:
    run = session("dead-relu", "break dead except r1", "break dead")
    hits = run.stops.run(None)
    assert [hit.stop.number for hit in hits] == [2]
    every = session("dead-relu", "break health except r1, W1")
    assert {stop.line for stop in every.stops} >= {
        "break dead except r1, W1",
        "break nan except r1, W1",
    }
    assert "break dead except r1, W1" in session_lines(every)
    assert "except r1, W1" in every.run("stops").text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("break inf except", "except which node?"),
        ("break inf except nothing", "unknown name 'nothing'"),
        ("break inf except l1[0,0]", "is not a node"),
        ("break inf except l1.grad", "is not a node"),
        ("break inf except l1 s1", "is not a node"),
        ("break inf except l1,", "except which node?"),
        ("break inf at l1, s1", "is not a node"),
        ("break health at l1", "'at l1' is not understood"),
    ],
)
def test_what_is_wrong_is_said(line: str, words: str) -> None:
    with pytest.raises(MiniflowError) as caught:
        session("xor").run(line)
    assert words in str(caught.value)


def test_the_words_and_the_names_are_completed() -> None:
    debugger = ComputedDebugger(load_graph("xor"))
    assert complete(open_session(debugger), "break inf exc") == ["break inf except"]
    assert complete(open_session(debugger), "break inf except l1, s") == [
        "break inf except l1, s1",
        "break inf except l1, s2",
        "break inf except l1, saturated",
        "break inf except l1, sgd_step",
    ]
