"""The moments at which the order is found, against Kahn's algorithm run with counts and a queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.ordering import Ordering
from mfdebug.core.timeline.timeline import NODE_PHASES
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Add

MOST = 100


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw a graph whose nodes are listed in any order, also before their inputs."""
    nodes: list[Node] = [Input("n0", value=1.0)]
    for i in range(1, draw(st.integers(2, 9))):
        if draw(st.booleans()):
            nodes.append(Input(f"n{i}", value=float(i)))
        else:
            sources = draw(st.lists(st.sampled_from(nodes), min_size=2, max_size=3))
            nodes.append(Add(*sources, name=f"n{i}"))
    cost = Add(*nodes, name="cost")
    return Graph(draw(st.permutations([*nodes, cost])), cost)


@given(graphs())
def test_the_moments_are_those_of_kahns_algorithm(graph: Graph) -> None:
    ordering = Ordering(graph)
    waits = [len(sources) for sources in graph.inbound]
    ready = {node for node, count in enumerate(waits) if not count}
    for placed in range(len(graph) + 1):
        queue = ordering.queue(placed, MOST)
        assert queue.first == sorted(ready)
        assert queue.length == len(ready)
        assert [ordering.waits_for(i, placed) for i in range(len(graph))] == waits
        if placed == len(graph):
            break
        # The queue gives the node that `topological_order` places next.
        node = queue.first[0]
        assert node == placed
        ready.remove(node)
        for consumer, _ in graph.consumers[node]:
            waits[consumer] -= 1
            if not waits[consumer]:
                ready.add(consumer)
                assert ordering.joins(consumer, placed + 1)


def test_a_queue_names_its_first_nodes_and_counts_all() -> None:
    nodes = [Input(f"n{i}", value=1.0) for i in range(30)]
    ordering = Ordering(Graph([*nodes, Add(*nodes, name="cost")]))
    assert ordering.queue(4, 3).first == [4, 5, 6]
    assert ordering.queue(4, 3).length == 26


@pytest.fixture
def debugger() -> ComputedDebugger:
    debugger = ComputedDebugger(load_graph("xor"))
    debugger.timeline.shows_order = True
    return debugger


def test_the_moments_of_the_order_come_before_the_start(debugger: ComputedDebugger) -> None:
    n = len(debugger.graph)
    debugger.move(-1000)
    assert debugger.moment == -n - 1
    for placed in range(n + 1):
        where = debugger.where
        assert (where.phase, where.part, where.parts) == ("order", placed, n)
        assert where.node == (placed - 1 if placed else None)
        debugger.cursor.step()
    assert debugger.where.phase == "start"
    assert debugger.moment == 0


def test_phases_lead_into_the_order_and_out_of_it(debugger: ComputedDebugger) -> None:
    debugger.move(-3)
    debugger.cursor.phases(1)
    assert debugger.moment == 0
    debugger.cursor.phases(-1)
    assert debugger.moment == debugger.timeline.first
    debugger.cursor.sgd(1)
    assert debugger.moment == debugger.timeline.length
    debugger.cursor.sgd(-1)
    assert debugger.moment == 0
    debugger.cursor.sgd(-1)
    assert debugger.moment == debugger.timeline.first


@given(st.lists(st.integers(-20, 60), min_size=1, max_size=6))
def test_what_is_computed_is_as_if_there_were_no_order(moments: list[int]) -> None:
    with_order, without = (ComputedDebugger(load_graph("wx")) for _ in range(2))
    with_order.timeline.shows_order = True
    for moment in moments:
        with_order.move(moment)
        without.move(moment)
    assert max(with_order.moment, 0) == without.moment
    assert with_order.cursor.costs == without.cursor.costs
    for i in range(len(without.graph)):
        for gradient in (False, True):
            fresh = without.state.freshness(i, gradient=gradient)
            assert with_order.state.freshness(i, gradient=gradient) is fresh
        assert (with_order.plan.value(i) == without.plan.value(i)).all()


def test_no_node_has_a_moment_before_the_start(debugger: ComputedDebugger) -> None:
    debugger.move(-5)
    for node in range(len(debugger.graph)):
        for phase in NODE_PHASES:
            found = debugger.timeline.next_of(debugger.moment, phase, node)
            assert found is None or found == debugger.timeline.next_of(0, phase, node)


def test_an_edit_while_the_order_is_found_is_one_at_the_start(debugger: ComputedDebugger) -> None:
    debugger.move(-5)
    W1 = debugger.graph.index_of("W1")
    debugger.set_value(W1, (0, 0), 7.0)
    debugger.set_learning_rate(0.25)
    assert debugger.moment == -5
    assert [edit.after for edit in debugger.edits] == [0, 0]
    assert debugger.plan.value(W1)[0, 0] == 7.0
    debugger.undo()
    debugger.undo()
    assert debugger.moment == -5
    assert not debugger.edits
