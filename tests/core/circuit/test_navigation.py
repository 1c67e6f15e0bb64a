"""Arrow keys reach every box; clicks find it; large graphs show a neighbourhood."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from mfdebug.core.circuit.boxes import Box
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.canvas import Window
from mfdebug.core.circuit.navigation import Direction
from mfdebug.core.circuit.text import plain_text
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
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

DIRECTIONS: tuple[Direction, ...] = ("left", "right", "up", "down")


def reached(circuit: Circuit) -> set[Box]:
    found = {circuit.boxes[0]}
    todo = [*found]
    while todo:
        here = todo.pop()
        for direction in DIRECTIONS:
            other = circuit.neighbour(here, direction)
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_every_box_of_a_shipped_graph_is_reached(name: str) -> None:
    debugger = shipped(name)
    for width, height in PANES:
        circuit = Circuit(debugger.graph, debugger.plan.shapes, width, height)
        assert reached(circuit) == set(circuit.boxes)


@settings(deadline=None)
@given(graphs())
def test_every_box_of_a_random_graph_is_reached(graph: Graph) -> None:
    for width in (90, 10_000):
        circuit = Circuit(graph, graph.shapes(), width)
        assert reached(circuit) == set(circuit.boxes)
        for box in circuit.boxes:
            x, y, _, _ = circuit.rectangle(box)
            assert circuit.at(x, y + 1) is box


def test_right_is_the_nearest_consumer_and_left_the_nearest_input() -> None:
    debugger = shipped("circuit-b")
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80, 17)

    def walk(name: str, *directions: Direction) -> str:
        box = circuit.box_of(debugger.graph.by_name[name])
        for direction in directions:
            assert box is not None
            box = circuit.neighbour(box, direction)
        assert box is not None
        return box.label

    assert walk("x", "right", "right", "right") == "f"
    assert walk("f", "left") == "total"
    assert walk("larger", "up") == "xy"
    assert walk("x", "down", "down", "down") == "w"
    assert walk("f", "right") == "f"


def test_the_way_goes_on_in_the_next_band() -> None:
    debugger = shipped("vanishing")
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 120, 33)
    assert circuit.bands > 1
    box: Box | None = circuit.box_of(debugger.graph.by_name["X"])
    for number in range(1, 13):
        assert box is not None
        box = circuit.neighbour(box, "right")
        assert box.label == f"layer{number}"
    for number in range(11, 0, -1):
        box = circuit.neighbour(box, "left")
        assert box.label == f"layer{number}"


def test_a_window_moves_only_if_the_box_would_leave() -> None:
    debugger = shipped("log-nan")
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80, 17)
    window = Window(0, 0, 80, 14)
    first, last = (circuit.box_of(debugger.graph.by_name[name]) for name in ("z", "cost"))
    assert first is not None
    assert last is not None
    assert circuit.scrolled_to(first, window) == window
    moved = circuit.scrolled_to(last, window)
    assert moved.x == circuit.width - 80
    assert circuit.scrolled_to(last, moved) == moved


# Folds -------------------------------------------------------------------------------------


def test_a_fold_opens_and_closes() -> None:
    debugger = shipped("vanishing")
    graph, shapes = debugger.graph, debugger.plan.shapes
    circuit = Circuit(graph, shapes, 80, 17)
    node = graph.by_name["layer3/z"]
    run = circuit.box_of(node)
    assert run is not None
    blocks = Circuit(graph, shapes, 80, 17, circuit.opened_with(run))
    block = blocks.box_of(node)
    assert block is not None
    assert block.label == "layer3"
    inside = Circuit(graph, shapes, 80, 17, blocks.opened_with(block))
    box = inside.box_of(node)
    assert box is not None
    assert (box.label, inside.opened_with(box)) == ("layer3/z", None)
    closed = Circuit(graph, shapes, 80, 17, inside.opened_without(node))
    again = Circuit(graph, shapes, 80, 17, closed.opened_without(node))
    assert plain_text(again.draw(debugger)) == plain_text(circuit.draw(debugger))
    assert again.opened_without(node) is None


# Neighbourhoods ----------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [chain(700), random_graph(5, 1500, 9), wide(1600)])
def test_a_graph_that_is_too_large_is_drawn_around_the_moment(graph: Graph) -> None:
    debugger = ComputedDebugger(graph)
    circuit = Circuit(graph, debugger.plan.shapes, 120, 33)
    assert circuit.plan == "neighbourhood"
    for moment in range(1, debugger.timeline.length, 1 + debugger.timeline.length // 9):
        debugger.move(moment)
        circuit.follow(debugger.where.node)
        assert not circuit.follow(debugger.where.node)
        assert len(circuit.layout.boxes) <= 30
        assert faults(circuit) == []
        assert reached(circuit) == set(circuit.boxes)
        node = debugger.where.node
        if node is not None:
            assert circuit.box_of(node) is not None
            text = plain_text(circuit.draw(debugger))
            assert "▶" in text or "┏" in text


def test_the_exits_of_a_neighbourhood_are_named() -> None:
    debugger = ComputedDebugger(chain(700))
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 120, 33)
    circuit.follow(debugger.graph.by_name["n300"])
    text = plain_text(circuit.draw(debugger))
    assert "▸ n303" in text
    assert "n297 ──" in text


def test_a_gate_with_thousands_of_inputs_shows_some_of_them() -> None:
    graph = wide(5000)
    circuit = Circuit(graph, graph.shapes(), 120, 33)
    circuit.follow(graph.by_name["x4000"])
    text = plain_text(circuit.draw(None))
    assert " x4000 ──" in text
    assert " 4,989 more ──" in text


def test_three_thousand_nodes_in_blocks_are_a_few_boxes() -> None:
    graph = transformer_like(300)
    assert len(graph) > 3000
    circuit = Circuit(graph, None, 80, 17)
    assert circuit.plan == "whole"
    assert [box.label for box in circuit.boxes] == ["x", "block1…300 ×300", "wanted", "cost"]
    assert faults(circuit) == []
