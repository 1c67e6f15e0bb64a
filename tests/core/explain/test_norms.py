"""What is said of norms: mean, variance, the normalised number, three terms, what moved."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import BatchNorm, LayerNorm, Mul, RMSNorm, Sum
from tests.support.debuggers import normalised

ROWS = [[1.0, 2.0, 6.0], [0.0, -1.0, 4.0]]


def session_of(op: Any, until: str) -> Session:
    shape = np.shape(op.inbound_nodes[0].value)
    upstream = Input("u", value=np.arange(1.0, 1 + np.prod(shape)).reshape(shape))
    session = open_session(ComputedDebugger(Graph.of(Sum(Mul(op, upstream), name="cost"))))
    session.run(f"until {until}")
    return session


def inputs(*weights: Any) -> list[Input]:
    return [Input(name, value=v) for name, v in zip("xwb", (ROWS, *weights), strict=False)]


def test_why_on_a_norm_shows_mean_and_variance_and_the_normalised_number() -> None:
    norm = LayerNorm(*inputs([2.0, 1.0, 1.0], [0.5, 0.0, 0.0]), name="n", eps=0)
    assert session_of(norm, "n forward").run("why n[0,0]").text.split("\n") == [
        "n[0,0] = (x[0,0] - mean of x)/√(variance of x + 0)·w[0] + b[0]",
        "  = (1 - 3)/√(4.66667 + 0) × 2 + 0.5",
        "  = -1.35164",
        "      term  sum so far",
        "  -1.85164    -1.85164  "
        "(x[0,0] - mean of x)/√(variance of x + 0)·w[0] = (1 - 3)/√(4.66667 + 0) × 2",
        "   0.5        -1.35164  b[0] = 0.5",
        "  (mean of 3 entries: (1 + 2 + 6)/3 = 3; "
        "variance of 3 entries: ((1 - 3)^2 + (2 - 3)^2 + (6 - 3)^2)/3 = 4.66667; "
        "normalised: (1 - 3)/√(4.66667 + 0) = -0.92582)",
    ]


def test_why_on_its_gradient_shows_the_three_terms() -> None:
    norm = LayerNorm(*inputs([2.0, 1.0, 1.0]), name="n", eps=0)
    lines = session_of(norm, "x backward").run("why grad x[0,0]").text.split("\n")
    assert lines[:4] == [
        "∂cost/∂x[0,0] = (g - mean of g - z·mean of (g·z))/√(variance of x + 0)",
        "  = ∂cost/∂n[0,0]·w[0]/√(variance of x + 0) - mean of g/√(variance of x + 0)"
        " - z·mean of (g·z)/√(variance of x + 0)",
        "  = 1 × 2/√(4.66667 + 0) - 2.33333/√(4.66667 + 0) - (-0.92582) × 0.46291/√(4.66667 + 0)",
        "  = 0.0440867",
    ]
    assert "g = ∂cost/∂n[0,0]·w[0] = 1 × 2 = 2" in lines[-1]
    assert "mean of g: 2.33333" in lines[-1]
    assert "z, normalised: (1 - 3)/√(4.66667 + 0) = -0.92582" in lines[-1]
    assert "mean of (g·z): 0.46291" in lines[-1]


def test_an_rms_norm_has_no_mean_and_two_terms() -> None:
    session = session_of(RMSNorm(*inputs(), name="n"), "n forward")
    text = session.run("why n[1,2]").text
    assert text.startswith("n[1,2] = x[1,2]/√(mean square of x + 1e-05)\n  = 4/√(5.66667 + 1e-05)")
    session.run("until x backward")
    text = session.run("why grad x[1,2]").text
    assert "(g - z·mean of (g·z))/√(mean square of x + 1e-05)" in text
    assert "mean of g:" not in text


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
def test_a_variance_of_0_without_eps_is_explained_too(kind: Any) -> None:
    x = Input("x", value=np.zeros((2, 3)))
    session = session_of(kind(x, name="n", eps=0), "n forward")
    assert "= nan" in session.run("why n[0,0]").text
    session.run("until x backward")
    assert "= nan" in session.run("why grad x[0,0]").text
    bn = BatchNorm(Input("x", value=ROWS), Input("w", value=np.ones(3)), training=False, eps=0)
    bn.state = {"running_mean": np.ones(3), "running_var": np.zeros(3)}
    bn.name = "bn"
    session = session_of(bn, "bn forward")
    session.run("until x backward")
    for line in ("why bn[0,0]", "why grad x[0,1]", "why grad w[0]"):
        assert re.search("inf|nan", session.run(line).text)


def test_a_pass_says_how_it_moved_the_running_statistics() -> None:
    bn = BatchNorm(*inputs(), name="bn")
    bn.state = {"running_mean": np.array([2.0, 0, 0]), "running_var": np.array([4.0, 1, 1])}
    session = session_of(bn, "bn forward")
    lines = session.run("explain").text.split("\n")
    assert lines[-2:] == [
        "  running mean of channel 0: 2 → 1.85 = 0.9 × 2 + 0.1 × 0.5",
        "  running variance of channel 0: 4 → 3.65 = 0.9 × 4 + 0.1 × 0.5 "
        "(2/1 of the batch's: unbiased)",
    ]
    session.run("goto 1")
    assert session.run("print bn.running_mean").text == "bn.running_mean = [2. 0. 0.]"


def test_in_inference_they_are_what_normalises() -> None:
    bn = BatchNorm(*inputs([2.0, 1.0, 1.0]), name="bn", training=False)
    bn.state = {"running_mean": np.array([2.0, 0, 0]), "running_var": np.array([4.0, 1, 1])}
    session = session_of(bn, "bn forward")
    assert session.run("explain").text.split("\n")[1:] == [
        "  bn = (x - running mean)/√(running variance + 1e-05) × w",
        "  bn[0,0] = (1 - 2)/√(4 + 1e-05) × 2 = -0.999999",
        "  running mean of channel 0: 2",
        "  running variance of channel 0: 4",
    ]
    session.run("until bn backward")
    assert "scales the gradient by w/√(running variance + 1e-05) towards x" in (
        session.run("explain").text
    )


def test_expressions_stops_and_watches_read_them() -> None:
    session = open_session(ComputedDebugger(normalised()))
    session.run("sgd 1")
    first = session.run("print second.running_var[1]").text
    assert re.fullmatch(r"second\.running_var\[1\] = 0\.\d+", first)
    session.run("watch min(second.running_var)")
    session.run("break if second.running_var[1] < 0.3")
    text = session.run("continue").text
    debugger = session.debugger
    node = debugger.graph.index_of("second")
    assert (debugger.where.node, debugger.where.phase) == (node, "forward")
    assert debugger.plan.lasting(node)["running_var"][1] < 0.3
    assert debugger.plan.lasting_before(node)["running_var"][1] >= 0.3
    assert "second.running_var[1] < 0.3" in text
    moved = "print second.running_var[1] - prev(second.running_var[1])"
    assert session.run(moved).data < 0
    for line in ("print W.running_var", "break if l.running_mean[0] > 1"):
        with pytest.raises(MiniflowError, match="has no running"):
            session.run(line)
