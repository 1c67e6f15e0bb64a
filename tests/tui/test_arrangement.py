"""Where list, circuit and node stand, and that none of them takes room that another lacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.style import Style

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.opening.shipped import GROUPS
from mfdebug.tui.widgets.arrangement import JOINED, LIST, WIDE_LIST, Fit, arrange
from mfdebug.tui.widgets.order_lines import OrderLines
from mfdebug.tui.widgets.order_rows import OrderRows
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops.arithmetic import Mul
from tests.support.app_driver import Driver, opened

BODY = 46  # rows of the panels in a screen of 50


def products(count: int) -> Graph:
    """Products that have nothing in common: they stand one below the other."""
    nodes: list[Node] = []
    for i in range(count):
        a, b = Input(f"a{i}", value=2.0), Input(f"b{i}", value=3.0)
        nodes += [a, b, Mul(a, b, name=f"ab{i}")]
    return Graph(nodes, cost=nodes[-1])


def whole(graph: Graph) -> Callable[[int, int], Fit]:
    def fits(width: int, height: int) -> Fit:
        drawing = Circuit(graph, None, width, height)
        if drawing.plan == "neighbourhood" or drawing.height > height:
            return "less"
        return "whole" if drawing.width <= width else "rows"

    return fits


GRAPHS = {
    **{name: lambda name=name: load_graph(name) for names in GROUPS.values() for name in names},
    **{f"{count} products": lambda count=count: products(count) for count in (2, 5, 6, 7, 9)},
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_circuit_has_a_column_of_its_own_only_if_it_fills_most_of_it(name: str) -> None:
    graph = GRAPHS[name]()
    for width in (JOINED - 1, JOINED, 240):
        found = arrange(width, BODY, None, whole(graph))
        if found.mode == "joined":
            drawing = Circuit(graph, None, found.width, found.height)
            assert drawing.height > found.height / 2


def regions(driver: Driver) -> list[tuple[int, int]]:
    """The columns and rows where list, circuit and node begin."""
    panels = (driver.screen.query_one(f"#{name}").region for name in ("order", "circuit", "node"))
    return [(region.x, region.y) for region in panels]


@pytest.mark.slow
async def test_on_a_wide_screen_the_node_has_all_the_width_below_a_low_circuit() -> None:
    async with opened("digits", size=(200, 50)) as driver:
        order, circuit, node = regions(driver)
        assert order[0] < circuit[0] == node[0]
        assert order[1] == circuit[1] < node[1]
        await driver.press("n", "n", "home", "down", "down")
        panel = driver.screen.panels.node.region
        rows = [row[panel.x :] for row in driver.text.split("\n")[panel.y : panel.bottom]]
        assert "W1" in rows[0]
        assert max(row.count(".") for row in rows[1:8]) >= 16


@pytest.mark.slow
async def test_on_a_wide_screen_a_tall_circuit_stands_between_list_and_node() -> None:
    async with opened(products(6), size=(200, 50)) as driver:
        order, circuit, node = regions(driver)
        assert order[0] < circuit[0] < node[0]
        assert order[1] == circuit[1] == node[1]


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("transformer", 116), ("edge", 116), ("lstm", 116), ("lenet", 120),
        ("nanogpt.onnx", 133),
    ],
)  # fmt: skip
def test_the_list_has_its_ops_where_the_drawing_shows_as_much_without_their_columns(
    name: str, width: int
) -> None:
    graph = load_graph(name)
    debugger = ComputedDebugger(graph)
    lines = OrderLines(debugger, Stops(debugger), OrderRows(debugger), lambda _: Style())
    fits = whole(graph)
    narrow = arrange(width, 36, True, fits)
    found = arrange(width, 36, True, fits, listed=lines.listed_widths(LIST, WIDE_LIST))
    assert fits(found.width, found.height) == fits(narrow.width, narrow.height)
    lines.fit(narrow.list)
    assert not lines.columns.op
    lines.fit(found.list)
    assert lines.columns.op >= 5
    assert found.list + 1 + found.width == width


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), [("nanogpt.onnx", 133), ("lenet", 120)])
async def test_the_list_has_its_ops_beside_a_scrollbar(name: str, width: int) -> None:
    async with opened(name, size=(width, 40)) as driver:
        order = driver.screen.panels.order
        assert order.line_width == order.size.width - 2 * (order.line_count > order.size.height)
        rows = [row[: order.size.width] for row in driver.text.split("\n")]
        assert sum("Input" in row for row in rows) >= 2
