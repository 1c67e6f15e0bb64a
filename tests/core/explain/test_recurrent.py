"""`why` of a recurrent layer: its gates in numbers, and what came through which step."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.explain.arithmetic import evaluate
from mfdebug.core.explain.gradient_sums import gradient_sums
from mfdebug.core.explain.ops import recurrent
from mfdebug.core.explain.why import why
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import GRU, LSTM, OPS, RNN, Mul, Sum
from miniflow.ops.recurrent import Recurrent
from tests.support.recurrent_layers import waves, weights


def opened(kind: type[Recurrent], **attributes: Any) -> Session:
    x = Input("x", value=waves(4, 2, 2))
    layer = kind(x, *weights(kind), name="layer", **attributes)
    shape = Graph.of(layer).shapes()[-1]
    cost = Sum(Mul(layer, Input("weights", value=waves(*shape, start=3))), name="cost")
    session = open_session(ComputedDebugger(Graph.of(cost)))
    session.run("next 3")
    return session


def number(session: Session, text: str) -> float:
    found = re.search(r"= (\S+)$", session.run(f"print {text}").text)
    assert found is not None
    return float(found[1])


def test_an_lstm_shows_its_gates_and_its_cell() -> None:
    session = opened(LSTM)
    cell = "0.811246 × 0.362766 + 0.340282 × (-0.822432)"
    assert session.run("why layer[1,0,1]").text == (
        "layer[1,0,1] = o·tanh(c)\n"
        f"  = 0.565797 × tanh({cell})\n"
        "  = 0.00816583\n"
        "  (i = σ(-0.662036) = 0.340282; f = σ(1.45813) = 0.811246; "
        "g = tanh(-1.16429) = -0.822432; o = σ(0.264723) = 0.565797; "
        f"c = f·c[t-1] + i·g = {cell} = 0.0144334)"
    )
    # The same numbers are those of the nodes that the layer is made of.
    session.run("unroll layer")
    shown = {"input": 0.340282, "forget": 0.811246, "new": -0.822432, "output": 0.565797}
    for gate, wanted in (*shown.items(), ("c", 0.0144334)):
        assert number(session, f"layer/t1/{gate}[0,1]") == wanted
    assert number(session, "layer/t0/c[0,1]") == 0.362766


def test_a_gru_shows_what_is_new_and_what_is_kept() -> None:
    session = opened(GRU)
    text = session.run("why layer[2,1,0]").text
    assert text.startswith("layer[2,1,0] = (1 - z)·n + z·layer[1,1,0]\n  = ")
    assert re.search(
        r"\(r = σ\(\S+\) = \S+; z = σ\(\S+\) = \S+; n = tanh\(.* \+ .* × .*\) = ", text
    )


def test_an_rnn_shows_its_four_shares() -> None:
    session = opened(RNN)
    lines = session.run("why layer[3,0,1]").text.split("\n")
    assert lines[0] == (
        "layer[3,0,1] = tanh(x[3,0]·W_ih[1] + b_ih[1] + layer[2,0]·W_hh[1] + b_hh[1])"
    )
    # The first step has no state before it.
    lines = session.run("why layer[0,0,1]").text.split("\n")
    assert lines[0] == "layer[0,0,1] = tanh(x[0,0]·W_ih[1] + b_ih[1] + b_hh[1])"


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("reverse", [False, True])
def test_every_equation_of_a_note_has_equal_sides(name: str, reverse: bool) -> None:
    kind = OPS[name]
    assert issubclass(kind, Recurrent)
    both = {"output": "both"} if kind is LSTM else {}
    session = opened(kind, reverse=reverse, **both)
    node = session.debugger.graph.by_name["layer"]
    read = 0
    for index in np.ndindex(session.debugger.plan.shapes[node]):
        note = why(session.debugger, EntryRef(node, "value", index)).note
        for equation in filter(None, note.split("; ")):
            *_, left, right = equation.split(" = ")
            assert evaluate(left) == pytest.approx(evaluate(right), rel=1e-4)
            read += 1
    assert read > 30 or kind is RNN


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_gradient_is_divided_into_what_came_at_its_step_and_through_the_next(
    kind: type[Recurrent],
) -> None:
    for reverse in (False, True):
        session = opened(kind, reverse=reverse)
        text = session.run("why grad x[2,1,0]").text
        later = "step 1 and later ones" if reverse else "step 3"
        found = re.search(rf"; (\S+) from the output at step 2, (\S+) from {later}\)$", text)
        assert found is not None, text
        own, through = map(float, found.groups())
        total = number(session, "x.grad[2,1,0]")
        assert own + through == pytest.approx(total, rel=1e-4)
        assert own != pytest.approx(total, rel=1e-3)
        end = 0 if reverse else 3
        text = session.run(f"why grad x[{end},1,0]").text
        assert text.endswith(f"all from the output at step {end}, which is the last)")


def test_a_term_leads_to_the_gradient_of_an_output() -> None:
    session = opened(GRU)
    graph = session.debugger.graph
    cause = why(session.debugger, EntryRef(graph.by_name["W_hh"], "grad", (0, 1)))
    leads = {term.leads_to[0] for term in cause.terms}
    node = graph.by_name["layer"]
    shape = session.debugger.plan.shapes[node]
    assert leads == {EntryRef(node, "grad", index) for index in np.ndindex(shape)}


def test_of_a_wide_layer_the_contribution_alone_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(LSTM)
    debugger = session.debugger
    node = debugger.graph.by_name["W_hh"]
    many = gradient_sums(debugger, node, (0, 0)).amounts
    monkeypatch.setattr(recurrent, "_MOST_PRODUCTS", 1)
    (one,) = gradient_sums(debugger, node, (0, 0)).amounts
    assert one == pytest.approx(many.sum(), rel=1e-12)
    assert "layer.gradients[W_hh][0,0]" in session.run("why grad W_hh[0,0]").text
