"""Every drawing is right: wires join their ports, and nothing lies over anything else."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.folds.excerpt import excerpt
from mfdebug.core.circuit.folds.folding import Folding
from mfdebug.core.circuit.layout.columns import SPACINGS
from mfdebug.core.circuit.layout.layout import Rows
from mfdebug.core.circuit.layout.spread import spread
from mfdebug.core.circuit.text import plain_text
from mfdebug.core.explain.scopes import graph_scopes
from miniflow.graph import Graph
from tests.core.circuit.drawing import faults
from tests.core.circuit.graphs import (
    PANES,
    SHIPPED,
    chain,
    graphs,
    random_graph,
    shipped,
    transformer_like,
    wide,
)
from tests.support.counting import lines_run
from tests.support.sizes import examples, pick, quick

# Wide enough for one line of everything, and narrow enough for bands.
WIDTHS = (10_000, 120, 80)


def drawn(circuit: Circuit) -> str:
    return plain_text(circuit.draw(None))


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)])
def test_swapped_inputs_have_letters(size: tuple[int, int]) -> None:
    swapped = 0
    for name in SHIPPED:
        debugger = shipped(name)
        circuit = Circuit(debugger.graph, debugger.plan.shapes, *size)
        rows = drawn(circuit).split("\n")
        for box in circuit.boxes:
            if box.pins and len(box.pins) == len(box.ports) and box.ports != sorted(box.ports):
                swapped += 1
                assert [rows[y][box.x + 1] for y in box.ports] == [*box.pins]
    assert swapped


def every_fold(
    graph: Graph, width: int, height: int, opened: Collection[str] | None = None
) -> list[Circuit]:
    """Return a circuit, and those with each of its folds opened or closed, one after another."""
    shapes = graph.shapes()
    scopes = graph_scopes(graph, shapes)
    circuit = Circuit(graph, shapes, width, height, opened, scopes)
    found = {circuit.opened: circuit}
    todo = [circuit]
    while todo and len(found) < examples(24):
        here = todo.pop(0)
        for box in here.boxes:
            for other in (here.opened_with(box), here.opened_without(box.nodes[0])):
                if other is not None and other not in found:
                    found[other] = Circuit(graph, shapes, width, height, other, scopes)
                    todo.append(found[other])
    return list(found.values())


@pytest.mark.slow
@settings(deadline=None)
@given(graphs(), st.sampled_from(WIDTHS), st.sampled_from((17, 43, 10**9)))
def test_a_random_graph_is_drawn_without_faults(graph: Graph, width: int, height: int) -> None:
    circuit = Circuit(graph, graph.shapes(), width, height)
    assert faults(circuit) == []
    if circuit.plan in ("whole", "bands"):
        assert circuit.width <= width
        assert circuit.height <= height


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(graphs(), st.sampled_from(WIDTHS))
def test_every_fold_of_a_random_graph_is_drawn_without_faults(graph: Graph, width: int) -> None:
    for circuit in every_fold(graph, width, 40, opened=()):
        assert faults(circuit) == []
        nodes = {node for box in circuit.boxes for node in box.nodes}
        assert nodes == set(range(len(graph)))


@pytest.mark.parametrize("name", quick(SHIPPED, 12))
def test_a_shipped_graph_is_drawn_without_faults_at_every_fold(name: str) -> None:
    debugger = shipped(name)
    for width, height in PANES:
        for circuit in every_fold(debugger.graph, width, height):
            assert faults(circuit) == []


@pytest.mark.slow
@pytest.mark.parametrize("graph", [transformer_like(5), chain(70), wide(40)])
def test_a_large_graph_is_drawn_without_faults(graph: Graph) -> None:
    for width, height in pick(PANES, PANES[:2]):
        for circuit in every_fold(graph, width, height):
            assert faults(circuit) == []


@settings(deadline=None)
@given(graphs())
def test_two_layouts_are_equal(graph: Graph) -> None:
    first, second = (Circuit(graph, graph.shapes(), 100, 30) for _ in range(2))
    assert first.draw(None) == second.draw(None)
    assert list(first.layout.paths.values()) == list(second.layout.paths.values())


def test_no_wires_cross_in_the_shipped_graphs_but_two() -> None:
    crossings = {
        name: Circuit(shipped(name).graph, None, 10_000, opened=()).crossings for name in SHIPPED
    }
    assert crossings.pop("log-nan") == 2
    assert crossings.pop("norm-or-not") == 1
    assert set(crossings.values()) == {0}


def test_all_shipped_graphs_but_the_largest_fit_a_small_screen() -> None:
    plans = {}
    for name in SHIPPED:
        debugger = shipped(name)
        plans[name] = Circuit(debugger.graph, debugger.plan.shapes, 80, 17).plan
    larger = {"log-nan", "lenet", "batchnorm", "transformer", "lstm"}
    assert {name for name, plan in plans.items() if plan != "whole"} == larger
    for name in SHIPPED:
        debugger = shipped(name)
        for width, height in ((120, 33), (200, 43)):
            circuit = Circuit(debugger.graph, debugger.plan.shapes, width, height)
            assert circuit.plan in ("whole", "bands"), name


def test_a_scope_of_inputs_alone_is_in_the_band_where_it_is_used() -> None:
    debugger = shipped("transformer")
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 81, 46, opened=())
    assert circuit.bands > 1
    scope = circuit.box_of(debugger.graph.by_name["out/W"])
    user = circuit.box_of(debugger.graph.by_name["scores"])
    assert scope is not None
    assert user is not None
    # Its wire goes straight to where it is used, without an exit and an entry.
    assert any(box is user for wire in scope.gives for box, _ in wire.ends)


def test_the_width_of_a_spacing_is_known_without_columns() -> None:
    graph = random_graph(3, 60, 6)
    folding = Folding(graph, graph_scopes(graph, graph.shapes()))
    rows = Rows(excerpt(folding))
    for spacing in SPACINGS:
        assert rows.width(spacing, None) == rows.columns(spacing, None)[1]
    # Spacings that differ between the layers alone measure no box again.
    near, contributions = SPACINGS[3], SPACINGS[1]
    fresh = Rows(excerpt(folding))
    first = lines_run(lambda: fresh.width(contributions, None))
    assert lines_run(lambda: fresh.width(near, None)) < first / 2


def test_numbers_that_are_apart_are_not_pooled() -> None:
    assert spread([0, 5, 9], [1.0] * 3, [0, 2, 2]) == [0, 5, 9]
    apart, close = [*range(0, 90, 3)], [*range(30)]

    def lines(wanted: list[int]) -> int:
        return lines_run(lambda: spread(wanted, [1.0] * 30, [3] * 30))

    assert lines(apart) < 12 < lines(close)


def test_wires_are_longer_in_a_wide_window() -> None:
    debugger = shipped("edge")
    circuits = [Circuit(debugger.graph, debugger.plan.shapes, width) for width in (60, 80, 200)]
    assert [circuit.layout.spacing.spare for circuit in circuits] == [1, 6, 15]
