"""The KL divergence: PyTorch's numbers, and targets of 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import miniflow as mf
from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.errors import ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from tests.support.one_pass import one_pass

LOGS = [[-0.5, -1.0, -2.0], [-3.0, -0.25, -1.5]]
TARGET = [[0.25, 0.25, 0.5], [0.0, 0.875, 0.125]]
LOG_TARGET = [[-1.0, -0.5, -2.0], [-0.75, -4.0, -0.25]]


def found(logs: Any, target: Any, **attributes: Any) -> list[Any]:
    """Return the cost and the gradients."""
    op = mf.kl(Input("l", value=logs), Input("p", value=target), name="kl", **attributes)
    graph = Graph.of(op)
    plan = one_pass(graph)
    return [plan.cost(), *(plan.gradient(graph.by_name[name]).copy() for name in "lp")]


# torch 2.13: kl_div(...).backward(); where the target is 0 its gradient there is NaN, here 0.
@pytest.mark.parametrize(
    ("attributes", "target", "wanted"),
    [
        (
            {},
            TARGET,
            [
                0.18237953395182263,
                [[-0.125, -0.125, -0.25], [0.0, -0.4375, -0.0625]],
                [
                    [0.056852819440054714, 0.3068528194400547, 1.1534264097200273],
                    [0.0, 0.5582343036877386, 0.21027922916008213],
                ],
            ],
        ),
        (
            {"mean": "all"},
            TARGET,
            [
                0.06079317798394088,
                [
                    [-0.041666666666666664, -0.041666666666666664, -0.08333333333333333],
                    [0.0, -0.14583333333333331, -0.020833333333333332],
                ],
                [
                    [0.018950939813351567, 0.1022842731466849, 0.38447546990667575],
                    [0.0, 0.1860781012291462, 0.07009307638669407],
                ],
            ],
        ),
        (
            {"log_target": True},
            LOG_TARGET,
            [
                1.0434838429721909,
                [
                    [-0.18393972058572117, -0.3032653298563167, -0.06766764161830635],
                    [-0.23618327637050734, -0.00915781944436709, -0.38940039153570244],
                ],
                [
                    [0.09196986029286058, 0.45489799478447507, 0.06766764161830635],
                    [0.7675956482041488, -0.025184003472009497, 0.8761508809553304],
                ],
            ],
        ),
    ],
)
def test_it_is_pytorchs(attributes: dict[str, Any], target: Any, wanted: list[Any]) -> None:
    for mine, other in zip(found(LOGS, target, **attributes), wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-15)


def test_a_target_of_0_counts_as_0_whatever_the_other_logarithm_is() -> None:
    cost, of_logs, of_target = found([[-math.inf, -1.0]], [[0.0, 1.0]])
    assert cost == 1.0
    assert (of_logs.tolist(), of_target.tolist()) == ([[0, -1]], [[0, 2]])
    cost, of_logs, of_target = found([[-2.0, -1.0]], [[-math.inf, 0.0]], log_target=True)
    assert cost == 1.0
    assert (of_logs.tolist(), of_target.tolist()) == ([[0, -1]], [[0, 2]])


def test_a_probability_of_0_where_the_target_has_one_costs_infinity() -> None:
    assert found([[-math.inf, -1.0]], [[0.5, 0.5]])[0] == math.inf
    assert math.isnan(found([[-1.0]], [[-0.5]])[0])


def test_why_lists_a_term_for_each_pair() -> None:
    op = mf.kl(Input("l", value=LOGS), Input("p", value=TARGET), name="kl")
    debugger = ComputedDebugger(Graph.of(op))
    while not debugger.cursor.at_end:
        debugger.cursor.step()
    lines = cause_lines(
        why(debugger, EntryRef(debugger.graph.by_name["kl"], "value", ())), debugger
    )
    assert lines[0] == "kl = Σ p·(log p - l) / m"
    assert any(line.endswith("p[1,0] = 0") for line in lines)
    assert any(line.endswith("= 0.25 × (log 0.25 - (-0.5))/2") for line in lines)
    cause = why(debugger, EntryRef(debugger.graph.by_name["p"], "grad", (1, 0)))
    assert cause_lines(cause, debugger)[0] == "∂kl/∂p[1,0] = ∂kl/∂kl·0"


def test_shapes_that_differ_are_named() -> None:
    logs, p = Input("l", value=np.zeros((2, 3))), Input("p", value=np.zeros(3))
    with pytest.raises(ShapeError, match="kl: log-probabilities 2x3 and target 3 differ in shape"):
        Graph.of(mf.kl(logs, p, name="kl")).shapes()
