"""Random walks of commands: the state at a moment depends on the moment and the edits alone."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.node import Input
from tests.soak.commands import COMMANDS, check_against_a_straight_way
from tests.support.sizes import examples

GRAPHS = ["xor", "wx", "diamond", "log-nan", "exploding", "dead-relu", "valley-momentum"]


@pytest.mark.parametrize("graph", GRAPHS)
@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_walk_ends_where_a_straight_way_ends(graph: str, data: st.DataObject) -> None:
    run = open_session(ComputedDebugger(load_graph(graph)))
    nodes = run.debugger.graph.nodes
    names = [node.label for node in nodes]
    inputs = [node.label for node in nodes if isinstance(node, Input)]
    # A search without an end is not what is tested here.
    looked = 0

    def enough(_moment: int) -> bool:
        nonlocal looked
        looked += 1
        return looked % 200 == 0

    run.progress = enough
    for template in data.draw(st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=14)):
        line = template.replace("{node}", data.draw(st.sampled_from(names)))
        line = line.replace("{input}", data.draw(st.sampled_from(inputs)))
        with contextlib.suppress(MiniflowError):
            run.run(line)
    check_against_a_straight_way(run.debugger, ComputedDebugger(load_graph(graph)))
