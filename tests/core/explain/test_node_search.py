"""The search for nodes, against a search of one node after the other."""

from __future__ import annotations

import pytest

from mfdebug.core.explain.names import kind_of
from mfdebug.core.explain.node_search import NodeSearch
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.ops.base import shape_text


@pytest.mark.parametrize("wanted", ["l", "SIGMOID", "2", "layer1/", "2x2", "nothing", "a\nS", ""])
def test_it_finds_what_names_ops_or_shapes_contain(wanted: str) -> None:
    debugger = ComputedDebugger(load_graph("vanishing"))
    search = NodeSearch(debugger)
    expected = []
    for i, node in enumerate(debugger.graph.nodes):
        texts = node.label, kind_of(node), shape_text(debugger.plan.shapes[i])
        if wanted and any(wanted.casefold() in text.casefold() for text in texts):
            expected.append(i)
    if "\n" in wanted:
        return
    assert list(search.all(wanted)) == expected
    for node in range(-1, len(debugger.graph.nodes)):
        later = [i for i in expected if i > node] or expected
        before = [i for i in expected if i < node] or expected
        assert search.next(wanted, node) == (later[0] if expected else None)
        assert search.next(wanted, node, back=True) == (before[-1] if expected else None)
