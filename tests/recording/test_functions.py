"""What is said of PyTorch's functions in a record, which is made here without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.circuit.folds.symbols import symbol
from mfdebug.core.explain.products import received_products, sent_products, value_products
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.recording.functions.table import FUNCTIONS
from mfdebug.recording.nodes import graph_of
from miniflow.errors import MiniflowError
from miniflow.files import load
from miniflow.ops.composed import Composed
from tests.recording.function_records import X, called, network, numbers, session_of, tensor
from tests.recording.runs import structure
from tests.support.sizes import examples


def said(session: Session, *lines: str) -> str:
    return "\n".join(session.run(line).text for line in lines)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["until fc forward"], "fc = x·wᵀ + b\n"),
        (["until fc", "why fc[1,0]"], "fc[1,0] = Σₖ x[1,k]·w[0,k] + b[0]"),
        (["until scaled"], "scaled = fc × 2\n"),
        (["until loss"], "/ m   (m = 4, the number of rows)\n  loss = -log 0.92217/4 - "),
        (["until scaled backward"], "mul sends ∂loss/∂scaled ⊙ 2 to fc"),
        (["until fc backward"], "to w[0,0]: upstream × local = ((∂loss/∂fc)ᵀ · x)[0,0] = "),
        (["until fc backward"], "to x: the program asks for no gradient of x"),
        (
            ["until fc backward"],
            "linear sends (∂loss/∂fc)ᵀ · x to w and Σ rows of ∂loss/∂fc to b",
        ),
        (["until w backward", "why grad w[0,1]"], "∂loss/∂w[0,1] = Σₙ x[n,1]·∂loss/∂fc[n,0]"),
        (["sgd", "check"], "no gradient is wrong"),
        (["sgd", "check"], "functions of PyTorch: the rules that are shown for them were checked"),
    ],
)
def test_what_is_said_of_a_network(tmp_path: Path, lines: list[str], words: str) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0)))
    assert words in said(session, *lines) + "\n"


def test_settings_are_those_of_each_pass(tmp_path: Path) -> None:
    passes = [(network(factor), numbers(factor)) for factor in (2.0, 3.0, -0.5)]
    session = session_of(tmp_path, *passes)
    assert len(session.debugger.lines) == 1
    for times in ("fc × 2", "fc × 3", "fc × (-0.5)"):
        assert f"scaled = {times}" in said(session, "until scaled forward")
    assert "scaled = fc × 2" in said(session, "back 30", "until scaled forward")


def test_a_contribution_by_another_rule_is_not_explained_by_ours(tmp_path: Path) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0, wrong=0.1)))
    text = said(session, "until scaled backward", "why grad scaled[0,0]")
    assert "the program's number is another" in text
    assert "WRONG" in said(session, "sgd", "check")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([["reduction", "=none"]], "reduction='none'"),
        ([["label_smoothing", 0.1]], "label_smoothing=0.1"),
        ([["ignore_index", 1]], "ignore_index=1"),
        ([["weight", "GradScaler"]], "a GradScaler as an argument"),
        ([["new_in_this_version", 3]], "other arguments than those that are known here"),
    ],
)
def test_what_our_words_lack(tmp_path: Path, options: Any, reason: str) -> None:
    session = session_of(tmp_path, (network(2.0, *options), numbers(2.0)))
    text = said(session, "until loss", "why loss")
    words = "cross_entropy is a function of PyTorch: how it computes this number is not known here"
    assert f"({words} ({reason}))" in text
    assert "has its own" not in said(session, "until loss backward", "why grad scaled[0,0]")
    assert "cross_entropy is a function of PyTorch whose rule is not known" in said(
        session, "check"
    )
    with pytest.raises(MiniflowError, match=r"loss \(cross_entropy\): a graph file can hold only"):
        session.run(f"save {tmp_path / 'graph.json'}")


def test_an_unknown_function_is_a_function_of_pytorch(tmp_path: Path) -> None:
    nodes = [tensor("x"), called("gammaln", 0, name="y"), called("sum", 1, name="cost")]
    values = [("v", 0, -1, X), ("v", 1, -1, X), ("v", 2, -1, X.sum()), ("s", 1, 0, X)]
    session = session_of(tmp_path, (structure(nodes), [*values, ("s", 2, 0, np.ones_like(X))]))
    assert "gammaln is a function of PyTorch" in said(session, "until y", "why y[0,0]")
    assert "gammaln is a function of PyTorch" in said(session, "until y backward")


def test_a_network_of_functions_is_saved_as_our_ops(tmp_path: Path) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0)))
    session.run("until w backward")
    session.run(f"save {tmp_path / 'graph.json'}")
    debugger = ComputedDebugger(load(tmp_path / "graph.json"))
    debugger.move(debugger.timeline.length)
    recorded = session.debugger
    for name in ("fc", "scaled", "loss"):
        ours = debugger.state.value(debugger.graph.index_of(name))
        assert ours == pytest.approx(recorded.state.value(recorded.graph.index_of(name)))
    debugger.move(debugger.timeline.position_of("backward", debugger.graph.index_of("w")) or 0)
    ours = debugger.state.gradient(debugger.graph.index_of("w"))
    assert ours == pytest.approx(recorded.state.gradient(recorded.graph.index_of("w")))


def test_the_matrices_of_a_linear_layer_are_those_that_meet(tmp_path: Path) -> None:
    session = session_of(tmp_path, (network(2.0), numbers(2.0)))
    session.run("until w backward")
    debugger = session.debugger
    fc, w = map(debugger.graph.index_of, ("fc", "w"))
    (value,) = value_products(debugger, fc, (1, 0))
    assert value.title == "fc = x·wᵀ + b"
    assert value.shapes == "(4x3)·(3x2) = 4x2"
    (sent,) = sent_products(debugger, fc, (1, 0))
    (received,) = received_products(debugger, w, (1, 0), debugger.state.contributions(w))
    for product in (sent, received):
        assert product.shapes == "(2x4)·(4x3) = 2x3"
        assert product.left @ product.right == pytest.approx(product.result)
        assert product.number == product.result[product.row, product.column]


def test_the_signs_of_functions_are_those_of_our_ops() -> None:
    graph = graph_of(network(2.0), "prog.py")
    assert [symbol(node) for node in graph.nodes[4:]] == ["linear", "×", "softmax CE"]


SETTINGS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 2**70),
        st.floats(),
        st.sampled_from(["@0", "@1", "@7", "=sum", "=same", "...", "slice", "Device", "@"]),
    ),
    lambda inside: st.lists(inside, max_size=4),
    max_leaves=6,
)
NAMED = st.tuples(st.sampled_from(["dim", "shape", "size", "p", "weight", "eps", "x"]), SETTINGS)


@pytest.mark.slow
@given(data=st.data())
@settings(deadline=None, max_examples=examples(150))
def test_a_damaged_call_is_refused_and_never_fails(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(FUNCTIONS)))
    count = data.draw(st.integers(1, 3))
    node = called(
        kind,
        *range(count),
        arguments=data.draw(st.lists(SETTINGS, max_size=4)),
        options=data.draw(st.lists(NAMED, max_size=3)),
    )
    inputs = [tensor(f"x{i}", dtype=data.draw(st.sampled_from(["", "bool"]))) for i in range(count)]
    graph = graph_of(structure([*inputs, node]), "prog.py")
    op = graph.nodes[count]
    shapes = data.draw(
        st.lists(st.lists(st.integers(0, 4), max_size=4).map(tuple), min_size=count, max_size=count)
    )
    if isinstance(op, Composed):
        # Any other error than a `ShapeError` is raised here.
        refused = op.refusal(*shapes)
        assert refused or op.output_shape(*shapes) is not None
