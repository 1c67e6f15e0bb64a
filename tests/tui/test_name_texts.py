"""Names that are too long for the list: told apart, at the same cost in a graph of any size."""

from __future__ import annotations

import pytest

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.tui.widgets.name_texts import NameTexts
from mfdebug.tui.widgets.order_rows import OrderRows
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Tanh
from tests.support.counting import lines_run

WIDTH = 8


def chain(nodes: int) -> NameTexts:
    x = Input("x", value=1.0)
    for i in range(nodes):
        x = Tanh(x, name=f"activation_of_a_chain_{i:06}")
    return NameTexts(OrderRows(ComputedDebugger(Graph.of(x))))


@pytest.mark.slow
def test_names_that_a_screen_shows_together_are_told_apart() -> None:
    for nodes in (300, 3000):
        names = chain(nodes)
        for top in range(1, nodes - 60, 37):
            shown = [names.text(node, WIDTH) for node in range(top, top + 60)]
            assert len(set(shown)) == len(shown)


def test_the_first_long_name_costs_the_same_in_a_graph_of_any_size() -> None:
    def cost(nodes: int) -> int:
        names = chain(nodes)
        return lines_run(lambda: names.text(1500, WIDTH))

    assert cost(6000) < 1.2 * cost(3000)
