"""Every op can be told at every moment, and its terms add up to what it sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.explain.gradient_sums import edge_sums
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.report import report
from mfdebug.core.timeline.debugger import Freshness
from miniflow.ops import OPS, Op
from tests.support.debuggers import debugger_of, nodes_asked
from tests.support.op_cases import cases
from tests.support.sizes import examples


@pytest.mark.parametrize("name", sorted(OPS))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(8))
def test_every_moment_can_be_told_and_terms_add_up(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)))
    while not debugger.cursor.at_end:
        debugger.cursor.step()
        assert explain(debugger)
        for node in nodes_asked(debugger):
            report(debugger, node)
    place = debugger.graph.index_of("op")
    op: Any = debugger.graph.nodes[place]
    assert isinstance(op, Op)
    assert debugger.state.gradient_freshness(place) is Freshness.CURRENT
    view = NodeView(debugger, place)
    for input_index, source in enumerate(view.inputs):
        sent = debugger.plan.contribution(place, input_index)
        for entry in list(np.ndindex(source.shape))[:3]:
            sums = edge_sums(view, input_index, entry)
            assert sums.bundles or sums.notes
            total = float(sums.amounts.sum())
            assert total == pytest.approx(float(sent[entry]), rel=1e-9, abs=1e-12)
