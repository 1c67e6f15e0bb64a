"""Topological order: valid, stable, linear, and it names its cycles."""

from __future__ import annotations

from graphlib import CycleError as LibraryCycleError
from graphlib import TopologicalSorter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniflow.errors import GraphError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add
from miniflow.toposort import CycleError, topological_order
from tests.support.counting import assert_linear

Inbound = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn, *, cycles: bool = False) -> Inbound:
    """Draw the inputs of up to 12 nodes in any order, an input twice among them."""
    n = draw(st.integers(1, 12))
    place = draw(st.permutations(range(n)))
    inbound: Inbound = [[] for _ in range(n)]
    for position, node in enumerate(place):
        earlier = list(place) if cycles else list(place[:position])
        if earlier:
            inbound[node] = draw(st.lists(st.sampled_from(earlier), max_size=3))
    return inbound


def is_valid(order: list[int], inbound: Inbound) -> bool:
    place = {node: position for position, node in enumerate(order)}
    return sorted(order) == list(range(len(inbound))) and all(
        place[source] < place[node] for node, sources in enumerate(inbound) for source in sources
    )


def shuffled(n: int, inputs: int) -> Inbound:
    """Return n nodes in random order, each with inputs among all those before it."""
    rng = np.random.default_rng(0)
    place = rng.permutation(n)
    inbound: Inbound = [[] for _ in range(n)]
    drawn = (rng.random((n, inputs)) * np.arange(n)[:, None]).astype(int)
    sources = place[drawn].tolist()
    for position, node in enumerate(place.tolist()):
        if position:
            inbound[node] = sources[position]
    return inbound


@given(graphs())
def test_every_node_comes_after_its_inputs(inbound: Inbound) -> None:
    assert is_valid(topological_order(inbound), inbound)


@given(graphs(cycles=True))
def test_it_finds_a_cycle_where_the_library_does_and_names_a_real_one(inbound: Inbound) -> None:
    try:
        list(TopologicalSorter(dict(enumerate(inbound))).static_order())
    except LibraryCycleError:
        with pytest.raises(CycleError) as caught:
            topological_order(inbound)
        cycle = caught.value.cycle
        assert len(set(cycle)) == len(cycle)
        for before, node in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert before in inbound[node]
    else:
        assert is_valid(topological_order(inbound), inbound)


@given(graphs())
def test_a_list_in_order_stays_as_it_is(inbound: Inbound) -> None:
    order = topological_order(inbound)
    place = {node: position for position, node in enumerate(order)}
    renumbered = [[place[source] for source in inbound[node]] for node in order]
    assert topological_order(renumbered) == list(range(len(inbound)))


@pytest.mark.parametrize(
    ("inbound", "order"),
    [
        ([], []),
        ([[], [], []], [0, 1, 2]),
        ([[3], [], [], []], [1, 2, 3, 0]),
        ([[4], [4], [1], [], []], [3, 4, 0, 1, 2]),
        ([[2, 2], [0], []], [2, 0, 1]),
    ],
)
def test_nodes_keep_their_order_but_wait_for_their_inputs(
    inbound: Inbound, order: list[int]
) -> None:
    assert topological_order(inbound) == order


@pytest.mark.parametrize(("inbound", "cycle"), [([[0]], [0]), ([[1], [2], [0], [0]], [2, 1, 0])])
def test_a_cycle_lists_each_node_after_the_one_it_needs(inbound: Inbound, cycle: list[int]) -> None:
    with pytest.raises(CycleError) as caught:
        topological_order(inbound)
    start = caught.value.cycle.index(cycle[0])
    assert caught.value.cycle[start:] + caught.value.cycle[:start] == cycle


def test_a_graph_names_the_nodes_of_its_cycle() -> None:
    x = Input("x", value=1.0)
    a = Add(x, x, name="a")
    b = Add(a, name="b")
    c = Add(b, name="c")
    a.inbound_nodes = [c, x]
    with pytest.raises(GraphError) as caught:
        Graph([x, a, b, c], c)
    assert "a cycle: " in str(caught.value)
    assert "a → b → c → a" in str(caught.value) or "b → c → a → b" in str(caught.value)


def test_many_nodes_in_random_order_and_a_deep_chain_backwards() -> None:
    inbound = shuffled(50_000, 3)
    order = np.array(topological_order(inbound))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    assert all(place[node] > max(place[s]) for node, s in enumerate(inbound) if s)
    n = 100_000
    backwards = [[node + 1] for node in range(n - 1)] + [[]]
    assert topological_order(backwards) == list(range(n - 1, -1, -1))


def test_a_node_with_very_many_inputs_costs_no_more_than_its_edges() -> None:
    def order(n: int) -> None:
        star = [list(range(n, 0, -1))] + [[] for _ in range(n)]
        assert topological_order(star) == [*range(1, n + 1), 0]

    assert_linear(order, 5_000)
    order(100_000)
