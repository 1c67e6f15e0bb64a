"""The first node that differs between two graphs, however their nodes are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import miniflow as mf
from mfdebug.core.explain.graph_diff_report import graph_diff_data, graph_diff_parts
from mfdebug.core.format.table import text_lines
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.graph_diff import compare_graphs, tolerance_of
from mfdebug.core.timeline.graph_match import match
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.importers.onnx import load as load_onnx
from miniflow.importers.pt2 import load as load_pt2
from miniflow.ops import MatMul, Mean, ReLU, Sub, Tanh, Transpose
from tests.support.shipped_models import FOLDER, read_answers
from tests.support.sizes import pick

RNG = np.random.default_rng(0)
X, W1, W2 = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(3, 2))


def network(
    prefix: str = "", *, w1: np.ndarray = W1, act: Any = Tanh, transposed: bool = False
) -> Graph:
    x = mf.Input(f"{prefix}x", value=X)
    first = mf.parameter(w1.T if transposed else w1, f"{prefix}w1")
    w = Transpose(first, name=f"{prefix}turned") if transposed else first
    h = act(MatMul(x, w, name=f"{prefix}h"), name=f"{prefix}a")
    y = MatMul(h, mf.parameter(W2, f"{prefix}w2"), name=f"{prefix}y")
    return Graph.of(Mean(y * y, name="cost"))


def compared(a: Graph, b: Graph) -> Any:
    return compare_graphs(a, b, tolerance_of(a, b))


def test_equal_graphs_are_equal_under_any_names() -> None:
    for other in (network(), network("other/")):
        found = compared(network(), other)
        assert found.first is None
        assert not found.only_a
        assert not found.only_b
        assert found.compared == 2 * len(network())


def test_the_first_node_that_differs_is_found() -> None:
    changed = W1.copy()
    changed[1, 2] += 0.5
    a, b = network(), network("other/", w1=changed)
    found = compared(a, b)
    assert found.first is not None
    assert a.nodes[found.first.node].label == "w1"
    assert b.nodes[found.first.partner].label == "other/w1"
    assert (found.first.what, found.first.index, found.first.count) == ("value", (1, 2), 1)


def test_another_op_in_its_place_is_what_differs() -> None:
    a, b = network(), network(act=ReLU)
    found = compared(a, b)
    assert found.first is not None
    assert a.nodes[found.first.node].label == "a"
    names = [a.nodes[d.node].label for d in found.differences if d.what == "value"]
    assert names[0] == "a"
    assert "cost" in names


def test_a_matrix_of_weights_may_be_stored_transposed() -> None:
    a, b = network(), network(transposed=True)
    found = compared(a, b)
    assert found.first is None
    assert [b.nodes[j].label for j in found.only_b] == ["turned"]


def test_names_that_mislead_give_way_to_values() -> None:
    x = mf.Input("x", value=X)
    w = [mf.parameter(RNG.normal(size=(3, 3)), f"w{i}") for i in range(2)]

    def two(names: tuple[str, str]) -> Graph:
        heads = [MatMul(x, w[i], name=names[i]) for i in range(2)]
        return Graph.of(Mean(Sub(*heads), name="cost"))

    a, b = two(("view", "view_1")), two(("view_1", "view"))
    assert match(a, b)[a.by_name["view"]] == b.by_name["view"]
    assert compared(a, b).first is None


def test_a_graph_in_float32_differs_by_rounding() -> None:
    a, b = network(), network()
    b.dtype = np.dtype(np.float32)
    assert tolerance_of(a, b) == 1e-3
    found = compared(a, b)
    assert found.first is None
    assert 0 < found.largest < 1e-5
    assert compare_graphs(a, b, 1e-9).first is not None


def test_what_is_left_of_numbers_that_cancel_is_no_difference() -> None:
    graphs = []
    for y in (np.full(9, 0.1), np.nextafter(np.full(9, 0.1), 1)):
        apart = Sub(mf.Input("x", value=np.full(9, 0.1)), mf.Input("y", value=y), name="apart")
        graphs.append(Graph.of(Mean(apart, name="cost")))
    assert compared(*graphs).first is None
    assert compare_graphs(*graphs, 0.0).first is not None


@pytest.mark.parametrize("reversed_", [False, True])
def test_two_exports_of_a_model_are_equal(reversed_: bool) -> None:
    answers = read_answers("nanogpt")
    tokens = {"idx": answers.inputs["idx"]}
    graphs = [
        load_onnx(FOLDER / "nanogpt.onnx", tokens, labels=answers.labels),
        load_pt2(FOLDER / "nanogpt.pt2", answers.inputs),
    ]
    found = compared(*reversed(graphs)) if reversed_ else compared(*graphs)
    assert found.first is None
    assert found.compared > 130


def test_the_report_says_the_first_and_lists_the_rest() -> None:
    changed = W2.copy()
    changed[0, 0] = np.nan
    a, b = network(), network()
    b.feed("w2", changed)
    found = compared(a, b)
    lines = text_lines(graph_diff_parts(found, a, b, ("A", "B")))
    assert lines[0].startswith("the first node that differs is w2, in its value: ")
    assert lines[1].split() == ["entry", "A", "B", "relative", "entries", "op"]
    assert lines[2].split()[:1] == ["w2[0,0]"]
    assert "nan" in lines[2]
    data = graph_diff_data(found, a, b)
    assert data["differences"][0].items() >= {"node": "w2", "other": "w2", "index": [0, 0]}.items()


def test_the_report_of_equal_graphs_is_one_line() -> None:
    a, b = network(), network()
    lines = text_lines(graph_diff_parts(compared(a, b), a, b, ("A", "B")))
    assert lines == ["all 16 values and gradients are equal up to 1e-09"]


@pytest.mark.parametrize("name", pick(["xor", "digits", "transformer", "batchnorm"], ["xor"]))
def test_a_graph_is_compared_as_it_is_saved_at_every_moment(name: str, tmp_path: Path) -> None:
    debugger = ComputedDebugger(load_graph(name))
    first = load_graph(name)
    for moment in (0, 3, debugger.timeline.length, 2 * debugger.timeline.length + 1):
        debugger.move(moment)
        before = [debugger.plan.value(i).copy() for i in range(len(first))]
        debugger.save(tmp_path / "now.json")
        assert debugger.compare_with(load_graph(str(tmp_path / "now.json"))).first is None
        changed = moment > debugger.timeline.length - 2
        assert (debugger.compare_with(first).first is not None) == changed
        for i, value in enumerate(before):
            assert np.array_equal(debugger.plan.value(i), value, equal_nan=True)
