"""A number among the inputs of an op in a graph file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import miniflow as mf
from miniflow.errors import MiniflowError
from miniflow.files.load import loads
from miniflow.graph import Graph
from miniflow.plans.compile import compile_plan


def graph_of(nodes: list[dict[str, Any]], **fields: Any) -> Graph:
    text = json.dumps({"miniflow": 1, "nodes": nodes, **fields})
    return loads(text.encode(), "/", "g.json")


X = {"name": "x", "op": "Input", "trainable": True, "value": [1.0, 2.0]}


def value(graph: Graph, node: str) -> Any:
    plan = compile_plan(graph)
    plan.feed(0)
    for i in range(len(graph.nodes)):
        plan.forward(i)
    return plan.value(graph.by_name[node]).tolist()


def test_a_number_is_an_input_with_a_name_of_its_own() -> None:
    graph = graph_of(
        [
            X,
            {"name": "a", "op": "Mul", "inputs": ["x", 2]},
            {"name": "b", "op": "Add", "inputs": ["a", -0.5, 2.0]},
        ]
    )
    assert sorted(graph.names()) == ["a", "b", "constant -0.5", "constant 2", "x"]
    assert value(graph, "b") == [3.5, 5.5]


def test_it_is_in_the_scope_of_its_op_and_avoids_names_that_are_taken() -> None:
    graph = graph_of(
        [
            {**X, "name": "constant 2"},
            {"name": "part/a", "op": "Mul", "inputs": ["constant 2", 2]},
            {"name": "b", "op": "Mul", "inputs": ["part/a", 2]},
        ]
    )
    assert {"part/constant 2", "constant 2'"} < set(graph.names())
    assert value(graph, "b") == [4, 8]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("number", [2, -0.0, 0.1, 1e300, 5e-324, 123456789.123456789])
def test_it_is_saved_as_a_number_bit_for_bit(tmp_path: Path, number: float, dtype: str) -> None:
    if dtype == "float32" and abs(number) > 1e38:
        pytest.skip("no float32")
    graph = graph_of([X, {"name": "y", "op": "Mul", "inputs": [number, "x"]}], dtype=dtype)
    mf.save(graph, tmp_path / "g.json")
    text = (tmp_path / "g.json").read_text()
    assert "constant" not in text
    loaded = mf.load(tmp_path / "g.json")
    before, after = (
        np.array(next(n.value for n in g.nodes if n.label.startswith("constant")), dtype)
        for g in (graph, loaded)
    )
    assert before.tobytes() == after.tobytes()
    mf.save(loaded, tmp_path / "again.json")
    again = (tmp_path / "again.json").read_text()
    assert again.replace("again", "g") == text


def test_a_constant_that_is_no_longer_a_number_is_saved_as_an_input(tmp_path: Path) -> None:
    graph = graph_of([X, {"name": "y", "op": "Mul", "inputs": ["x", 2]}])
    graph.nodes[graph.by_name["constant 2"]].value = np.array([3.0, 4.0])
    mf.save(graph, tmp_path / "g.json")
    assert value(mf.load(tmp_path / "g.json"), "y") == [3, 8]


def test_errors_keep_the_places_of_the_file() -> None:
    with pytest.raises(MiniflowError) as caught:
        graph_of([X, {"name": "y", "op": "Mul", "inputs": [2, "z"]}])
    assert str(caught.value).startswith('g.json: $.nodes[1].inputs[1] (y): there is no node "z"')
    with pytest.raises(MiniflowError, match=r"\$.nodes\[1\].inputs"):
        graph_of([X, {"name": "y", "op": "Mul", "inputs": ["x", True]}])
