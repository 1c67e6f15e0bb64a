"""Every op can be told at every moment, and its terms add up to what it sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.explain.gradient_sums import edge_sums
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.report import report
from mfdebug.core.timeline.debugger import Debugger, Freshness
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import OPS, Mul, Op, Sum
from tests.sizes import examples
from tests.unit.op_cases import Case, cases


def debugger_of(case: Case, *, sink: bool = False, names: Iterable[str] = ()) -> Debugger:
    """A run over an op and a weighted sum of its value, or over the op alone, as a `sink`.

    `names` are those of the op, the weights, the sum, and the inputs.
    """
    op_name, weights_name, cost_name, *given = names or ("op", "weights", "cost")
    given = given or [f"x{i}" for i in range(len(case.values))]
    inputs = [Input(name, value=value) for name, value in zip(given, case.values, strict=False)]
    nodes = [inputs[0]] * len(inputs) if case.same else inputs
    op = case.op(*nodes, name=op_name, **case.attributes)
    if sink:
        return Debugger(Graph.of(op))
    shape = op.output_shape(*(np.shape(node.value) for node in nodes))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, shape)
    cost = Sum(Mul(op, Input(weights_name, value=weights)), name=cost_name)
    return Debugger(Graph.of(cost))


@pytest.mark.parametrize("name", sorted(OPS))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(8))
def test_every_moment_can_be_told_and_terms_add_up(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)))
    while not debugger.at_end:
        debugger.step()
        assert explain(debugger)
        for node in range(len(debugger.graph.nodes)):
            report(debugger, node)
    place = debugger.graph.index_of("op")
    op: Any = debugger.graph.nodes[place]
    assert isinstance(op, Op)
    assert debugger.gradient_freshness(place) is Freshness.CURRENT
    view = NodeView(debugger, place)
    for input_index, source in enumerate(view.inputs):
        sent = debugger.plan.contribution(place, input_index)
        for entry in list(np.ndindex(source.shape))[:3]:
            sums = edge_sums(view, input_index, entry)
            assert sums.bundles or sums.notes
            total = float(sums.amounts.sum())
            assert total == pytest.approx(float(sent[entry]), rel=1e-9, abs=1e-12)
