"""The engine's copy computes what the session does, bit for bit, and never changes the session."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.engine_copy import EngineCopy, parameters_of
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import MSE
from miniflow.training.optimizers import SGD, Adam, Momentum
from tests.support.debuggers import network, state
from tests.support.sizes import examples, some

GRAPHS = some(
    ["wx", "xor", "valley-momentum", "digits", "batchnorm", "lstm", "diabetes", "transformer"], 5
)


def opened(name: str) -> Debugger:
    return ComputedDebugger(load_graph(name))


@settings(max_examples=examples(60), deadline=None)
@given(
    graph=st.sampled_from([SGD(0.1), Momentum(0.05), Adam(0.02)]),
    dtype=st.sampled_from(["float64", "float32"]),
    steps=st.integers(0, 5),
    position=st.integers(0, 30),
)
def test_the_cost_at_the_present_parameters_is_the_present_cost(
    graph: SGD, dtype: str, steps: int, position: int
) -> None:
    debugger = ComputedDebugger(network(graph, dtype=dtype))
    timeline = debugger.timeline
    debugger.move(timeline.start_of(steps) + position % timeline.length)
    before = state(debugger)
    engine = EngineCopy(debugger)
    cost = engine.cost_at(engine.take())
    updated = timeline.position(debugger.moment) > timeline.length - len(timeline.update)
    if debugger.state.cost_freshness() is Freshness.CURRENT and not updated:
        assert cost == debugger.plan.cost()
    assert state(debugger) == before


@pytest.mark.parametrize("name", GRAPHS)
def test_the_landing_of_the_present_rate_is_the_next_update(name: str) -> None:
    debugger = opened(name)
    debugger.cursor.sgd(3)
    engine = EngineCopy(debugger)
    landing = engine.landing(engine.take(), debugger.state.learning_rate)
    cost = engine.cost_at(landing)
    debugger.cursor.sgd(1)
    assert landing.tobytes() == parameters_of(debugger).tobytes()
    # With all rows in every step, it is also the next cost.
    if debugger.graph.data is None or engine.plan.batches.size == debugger.graph.data.rows:  # type: ignore[union-attr]
        debugger.move(debugger.cursor.cost_moment(4))
        if name != "batchnorm":
            assert cost == debugger.plan.cost()


@pytest.mark.parametrize("name", GRAPHS)
def test_the_session_goes_on_as_if_nothing_had_been_computed(name: str) -> None:
    debugger, alone = opened(name), opened(name)
    for each_debugger in (debugger, alone):
        each_debugger.cursor.sgd(1)
        each_debugger.cursor.step(3)
    engine = EngineCopy(debugger)
    here = engine.take()
    engine.gradient_at(here * 1.5)
    engine.landing(here, 7.0)
    assert state(debugger) == state(alone)
    for each_debugger in (debugger, alone):
        each_debugger.cursor.sgd(2)
    assert state(debugger) == state(alone)
    assert debugger.cursor.costs == alone.cursor.costs


def test_overrides_hold_in_the_copy_too() -> None:
    debugger = opened("xor")
    debugger.cursor.sgd(2)
    plain = EngineCopy(debugger)
    free = plain.cost_at(plain.take())
    s1 = debugger.graph.by_name["s1"]
    debugger.set_value(s1, (0, 1), 0.0)
    debugger.set_gradient(debugger.graph.by_name["l1"], None, np.full((4, 2), 0.25))
    engine = EngineCopy(debugger)
    here = engine.take()
    cost, landing = engine.cost_at(here), engine.landing(here, debugger.state.learning_rate)
    assert cost != free
    debugger.move(debugger.cursor.cost_moment(2))
    assert cost == debugger.plan.cost()
    debugger.cursor.sgd(1)
    assert landing.tobytes() == parameters_of(debugger).tobytes()


class Twice(Node):
    """In the lesson's style; it counts its calls."""

    calls = 0

    def forward(self) -> None:
        self.calls += 1
        self.value = 2 * self.inbound_nodes[0].value

    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: 2 * self.outbound_nodes[0].gradients[self]}


def test_nodes_of_a_program_keep_their_attributes() -> None:
    w, wanted = Input("w", value=np.array(3.0), trainable=True), Input("t", value=np.array(1.0))
    twice = Twice([w])
    debugger = ComputedDebugger(Graph.of(MSE(wanted, twice), optimizer=SGD(0.1)))
    debugger.cursor.step(4)
    calls, value = twice.calls, twice.value
    engine = EngineCopy(debugger)
    with engine.nodes_kept():
        here = engine.take()
        assert engine.cost_at(here) == 25.0
        assert engine.cost_at(here * 0) == 1.0
        assert engine.gradient_at(here).tolist() == [20.0]
    assert (twice.calls, twice.value) == (calls, value)
