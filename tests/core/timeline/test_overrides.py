"""Overrides of computed values and gradients: whichever way one comes, the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import session_lines
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Freshness
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import Add, Clip, Max, Mul, Sigmoid, Sub, Sum, Tanh
from miniflow.training.optimizers import SGD, Adam, Momentum
from tests.support.debuggers import make_again, network, run_until, state
from tests.support.sizes import examples


class Doubled(Node):
    """A node in the lesson's style: it reads its gradient from its consumers."""

    def forward(self) -> None:
        self.value = 2 * self.inbound_nodes[0].value

    def backward(self) -> None:
        sent = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: 2 * sent}


@st.composite
def graphs(draw: Callable[..., Any]) -> Callable[[], Graph]:
    """Return a function that builds one graph anew: of scalars or arrays, with shared nodes."""
    seed, scalar = draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    optimizer = draw(st.sampled_from([SGD(0.1), Momentum(0.05), Adam(0.02)]))
    own, trained = draw(st.booleans()), draw(st.booleans())
    count = draw(st.integers(2, 6))

    def build() -> Graph:
        rng = np.random.default_rng(seed)
        shape = () if scalar else (2, 3)
        nodes: list[Node] = [
            Input(name, value=rng.normal(size=shape), trainable=trained and name != "x")
            for name in ("w", "v", "x")
        ]
        for number in range(count):
            a, b = (nodes[i] for i in rng.integers(0, len(nodes), 2))
            kind = rng.choice(6 if own else 5)
            binary = [Add, Sub, Mul]
            if kind < 3:
                nodes.append(binary[kind](a, b, name=f"n{number}"))
            elif kind < 5:
                nodes.append([Tanh, Sigmoid][kind - 3](a, name=f"n{number}"))
            else:
                nodes.append(Doubled([a], name=f"n{number}"))
        used = Add(Mul(nodes[-1], nodes[0], name="m"), nodes[1], name="a")
        return Graph.of(Sum(used, name="cost"), training=Training(optimizer))

    return build


def act(debugger: Debugger, draw: Callable[..., Any]) -> None:
    """Move or edit at random."""
    length = debugger.timeline.length
    node = draw(st.integers(0, len(debugger.graph) - 1))
    shape = debugger.plan.shapes[node]
    index = draw(st.sampled_from([None, (0,) * len(shape), tuple(n - 1 for n in shape)]))
    number, gradient = draw(st.sampled_from([0.0, -0.5, 1.5])), draw(st.booleans())
    kind = draw(st.sampled_from(["step", "move", "sgd", "set", "scale", "undo", "redo"]))
    if kind == "step":
        debugger.cursor.step(draw(st.integers(-length, length)))
    elif kind == "move":
        debugger.move(draw(st.integers(0, 5 * length)))
    elif kind == "sgd":
        debugger.cursor.sgd(draw(st.integers(-2, 3)))
    elif kind == "scale":
        debugger.scale(node, index, number, gradient=gradient)
    elif kind == "set":
        (debugger.set_gradient if gradient else debugger.set_value)(node, index, number)
    else:
        (debugger.undo if kind == "undo" else debugger.redo)()


def overrides(debugger: Debugger) -> list[Any]:
    """All that is said of overrides at the present moment."""
    found = []
    for node in range(len(debugger.graph)):
        for gradient in (False, True):
            computed = debugger.state.computed(node, gradient=gradient)
            edits = debugger.state.overrides(node, gradient=gradient)
            words = [(edit.after, edit.words) for edit in edits]
            found.append((words, None if computed is None else computed.tobytes()))
    return found


@given(data=st.data())
@settings(deadline=None, max_examples=examples(60))
def test_any_moves_and_edits_show_what_a_fresh_replay_shows(data: st.DataObject) -> None:
    build = data.draw(graphs())
    debugger, twin = ComputedDebugger(build()), ComputedDebugger(build())
    for _ in range(data.draw(st.integers(2, 14))):
        try:
            act(debugger, data.draw)
        except DebuggerError:
            continue
    for edit in debugger.edits:
        while twin.moment < edit.after - twin.graph.fed_from_data(edit.node or 0):
            twin.cursor.step()
        make_again(twin, edit)
    while twin.moment < debugger.moment:
        twin.cursor.step()
    twin.move(debugger.moment)
    assert [edit.after for edit in twin.edits] == [edit.after for edit in debugger.edits]
    assert state(debugger) == state(twin)
    assert overrides(debugger) == overrides(twin)
    reached = debugger.cursor.costs_reached
    assert debugger.cursor.costs[:reached] == twin.cursor.costs[:reached]
    # What is overridden is what the edits say of what was computed.
    for node in range(len(debugger.graph)):
        for gradient in (False, True):
            array = debugger.state.computed(node, gradient=gradient)
            if array is not None:
                for edit in debugger.state.overrides(node, gradient=gradient):
                    array = edit.applied_to(array)
                of = debugger.state.gradient if gradient else debugger.state.value
                assert of(node).tobytes() == array.tobytes()


@given(data=st.data())
@settings(deadline=None, max_examples=examples(25))
def test_a_session_with_overrides_comes_back(data: st.DataObject) -> None:
    build = data.draw(graphs())
    there = open_session(ComputedDebugger(build()))
    for _ in range(data.draw(st.integers(2, 10))):
        try:
            act(there.debugger, data.draw)
        except DebuggerError:
            continue
    again = open_session(ComputedDebugger(build()))
    for line in session_lines(there):
        again.run(line)
    assert session_lines(again) == session_lines(there)
    assert state(again.debugger) == state(there.debugger)
    assert overrides(again.debugger) == overrides(there.debugger)


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.02)], ids=repr)
def test_a_long_run_honours_overrides_made_in_its_middle(optimizer: Any) -> None:
    ran, stepped = (ComputedDebugger(network(optimizer, "epoch")) for _ in range(2))
    length = ran.timeline.length
    for debugger in (ran, stepped):
        debugger.move(20 * length + 9)
        debugger.scale(debugger.graph.index_of("l1"), None, 0.5, gradient=True)
        debugger.set_value(debugger.graph.index_of("s1"), (0, 1), 0.0)
    ran.move(50 * length + 7)
    while stepped.moment < ran.moment:
        stepped.cursor.step()
    assert state(ran) == state(stepped)
    assert ran.cursor.costs == stepped.cursor.costs
    ran.move(3)
    assert overrides(ran) == [([], None)] * (2 * len(ran.graph))
    ran.move(stepped.moment)
    assert state(ran) == state(stepped)


@pytest.mark.parametrize("late", [0, 1, 3])
def test_one_long_move_makes_the_overrides_of_numbers_that_were_there(late: int) -> None:
    ran, stepped = (ComputedDebugger(network(SGD(0.1), "epoch")) for _ in range(2))
    for debugger in (ran, stepped):
        node = debugger.graph.index_of("l1")
        debugger.move(debugger.timeline.last_report(node) + late)
        debugger.set_gradient(node, None, 0.0)
    made = stepped.moment
    for moment in (made - 1, made, made + 1, made + 3):
        ran.move(0)
        ran.move(moment)
        stepped.move(0)
        while stepped.moment < moment:
            stepped.cursor.step()
        assert state(ran) == state(stepped)
        assert overrides(ran) == overrides(stepped)


@given(data=st.data())
@settings(deadline=None, max_examples=examples(30))
def test_the_cost_of_a_value_moved_by_eps_agrees_with_its_gradient(data: st.DataObject) -> None:
    debugger = ComputedDebugger(data.draw(graphs())())
    graph = debugger.graph
    node = data.draw(st.sampled_from([i for i in graph.forward_nodes if i != graph.cost]))
    index = (0,) * len(debugger.plan.shapes[node])
    run_until(debugger, node, "forward")
    made, value = debugger.moment, float(debugger.state.value(node)[index])
    costs = []
    for eps in (1e-5, -1e-5):
        debugger.move(made)
        debugger.set_value(node, index, value + eps)
        debugger.move(debugger.cursor.cost_moment(0))
        costs.append(debugger.plan.cost())
        debugger.undo()
    debugger.move(debugger.timeline.length)
    if not graph.reaches_cost[node]:
        assert costs[0] == costs[1]
        return
    gradient = float(debugger.state.gradient(node)[index])
    assert (costs[0] - costs[1]) / 2e-5 == pytest.approx(gradient, rel=1e-5, abs=1e-7)


def xor() -> Debugger:
    return ComputedDebugger(load_graph("xor"))


def test_an_override_takes_effect_where_the_number_is_computed_or_at_once() -> None:
    debugger = xor()
    s1, l2 = (debugger.graph.index_of(name) for name in ("s1", "l2"))
    debugger.set_value(s1, (0, 1), 0.0)
    assert debugger.state.value_freshness(s1) is Freshness.WAITING
    assert debugger.state.override(s1) is None
    run_until(debugger, s1, "forward")
    assert debugger.state.value(s1)[0, 1] == 0.0
    assert debugger.state.computed(s1)[0, 1] == 0.5  # type: ignore[index]
    assert debugger.state.override(s1) is debugger.edits[0]
    run_until(debugger, l2, "forward")
    assert debugger.state.value(l2)[0] == pytest.approx(0.5 * 0.7)
    # What was computed before the edit stays, until it is computed again.
    before = debugger.state.value(l2).copy()
    debugger.set_value(s1, None, 1.0)
    assert (debugger.state.value(s1) == 1.0).all()
    assert debugger.state.value(l2).tobytes() == before.tobytes()
    run_until(debugger, l2, "forward")
    assert debugger.state.value(l2).tobytes() != before.tobytes()
    debugger.undo()
    assert debugger.state.value(s1)[0, 1] == 0.0
    assert debugger.state.value(s1)[1, 1] != 1.0


def test_a_gradient_set_to_0_stops_what_it_trains() -> None:
    debugger = xor()
    W1, l1 = (debugger.graph.index_of(name) for name in ("W1", "l1"))
    before = debugger.state.value(W1).copy()
    debugger.set_gradient(l1, None, 0.0)
    debugger.cursor.sgd(30)
    assert debugger.state.value(W1).tobytes() == before.tobytes()
    debugger.undo()
    assert debugger.state.value(W1).tobytes() != before.tobytes()


def test_what_a_sole_consumer_sent_is_still_known() -> None:
    debugger = xor()
    s1 = debugger.graph.index_of("s1")
    run_until(debugger, debugger.graph.index_of("l2"), "backward")
    (sent,) = debugger.state.contributions(s1)
    assert sent.sent is not None
    before = sent.sent.copy()
    debugger.set_gradient(s1, None, 7.0)
    (sent,) = debugger.state.contributions(s1)
    assert sent.sent is not None
    assert sent.sent.tobytes() == before.tobytes()
    assert (debugger.state.gradient(s1) == 7.0).all()


def test_a_node_in_the_lessons_style_sends_on_the_overridden_gradient() -> None:
    w = Input("w", value=np.ones((2, 2)), trainable=True)
    own = Doubled([w], name="own")
    cost = Sum(Add(Mul(own, own, name="m"), own, name="a"), name="cost")
    debugger = ComputedDebugger(Graph.of(cost))
    debugger.set_gradient(debugger.graph.index_of("own"), (0, 1), 5.0)
    debugger.cursor.sgd(1)
    assert debugger.state.gradient(debugger.graph.index_of("w")).tolist() == [[10, 10], [10, 10]]
    debugger.scale(debugger.graph.index_of("own"), None, 3.0, gradient=True)
    debugger.cursor.sgd(1)
    gradient = debugger.state.gradient(debugger.graph.index_of("w"))
    assert gradient[0, 1] == 30.0
    assert (gradient.reshape(-1)[[0, 2, 3]] != 30.0).all()


def test_an_input_is_scaled_once_and_a_scaled_gradient_every_time() -> None:
    graph = Graph.of(
        Sum(Mul(Input("w", value=3.0, trainable=True), Input("x", value=2.0), name="y"), name="c"),
        training=Training(SGD(0.5)),
    )
    debugger = ComputedDebugger(graph)
    w, y = graph.index_of("w"), graph.index_of("y")
    debugger.scale(w, None, 2.0)
    assert float(debugger.state.value(w)) == 6.0
    debugger.scale(y, None, 0.5, gradient=True)
    debugger.cursor.sgd(2)
    assert float(debugger.state.value(w)) == 6.0 - 2 * 0.5 * 0.5 * 2.0


def test_what_has_no_gradient_to_set_is_said() -> None:
    x = Input("x", value=np.ones(2))
    unused, cost = Tanh(x, name="unused"), Sum(x, name="cost")
    graph = Graph([x, unused, cost], cost=cost)
    debugger = ComputedDebugger(graph)
    with pytest.raises(MiniflowError, match="has no gradient: the cost does not depend on it"):
        debugger.set_gradient(graph.index_of("unused"), None, 0.0)


@pytest.mark.parametrize("shape", [(), (2,)])
def test_an_override_of_a_gate_moves_no_winner(shape: tuple[int, ...]) -> None:
    z, w, x = (
        Input(name, value=np.full(shape, number)) for name, number in (("z", 2), ("w", 1), ("x", 3))
    )
    larger, within = Max(z, w, name="larger"), Clip(x, low=0.0, high=4.0, name="within")
    cost = Sum(Add(Mul(larger, within, name="m"), Max(x, axis="all", name="top")), name="cost")
    debugger = ComputedDebugger(Graph.of(cost))
    for node in sorted(map(debugger.graph.index_of, ("larger", "within", "top"))):
        run_until(debugger, node, "forward")
        debugger.set_value(node, None, 9.0)
    debugger.move(debugger.timeline.length)
    gradients = {
        name: debugger.state.gradient(debugger.graph.index_of(name)).reshape(-1) for name in "zwx"
    }
    assert (gradients["z"] == 9).all()
    assert (gradients["w"] == 0).all()
    # Of two equal entries the first one is the top.
    assert gradients["x"].tolist() == [9 + len(gradients["x"]), *[9] * (len(gradients["x"]) - 1)]
