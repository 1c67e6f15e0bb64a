"""Integers stay integers: class numbers and labels, shown, stored, saved and given to nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow import Node
from miniflow.files import load, save
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul, SoftmaxCrossEntropy, Sum

LOGITS = [[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]


def classified(labels: Any, **options: Any) -> Graph:
    z, label = Input("z", value=np.array(LOGITS), trainable=True), Input("label", value=labels)
    return Graph.of(SoftmaxCrossEntropy(z, label, name="cost"), **options)


class Pick(Node):
    """The mean of the scores that labels pick, in the lesson's style."""

    def forward(self) -> None:
        labels, scores = (node.value for node in self.inbound_nodes)
        self.value = -np.mean(scores[np.arange(len(labels)), labels])

    def backward(self) -> None:
        labels, scores = self.inbound_nodes
        sent = np.zeros_like(scores.value)
        sent[np.arange(len(labels.value)), labels.value] = -1 / len(labels.value)
        self.gradients = {labels: np.zeros(len(labels.value)), scores: sent}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("labels", [[2, 0], np.array([2, 0], np.uint8), np.array([2.0, 0.0])])
def test_class_numbers_of_a_file_are_integers(labels: Any, dtype: str, tmp_path: Path) -> None:
    save(classified(labels, dtype=dtype), tmp_path / "g.json")
    assert '"value": [2, 0]' in (tmp_path / "g.json").read_text()
    graph = load(tmp_path / "g.json")
    assert graph["label"].value.tolist() == [2, 0]
    assert graph["label"].value.dtype == np.int64
    graph.train(2)
    assert graph["label"].value.dtype == np.int64
    session = open_session(ComputedDebugger(graph))
    session.run("step")
    assert session.run("print label").text == "label = [2 0]"
    assert session.run("print label[0]").text == "label[0] = 2"
    assert session.run("print label / 4").text == "label / 4 = [0.5 0. ]"
    session.run("set label[0] = 0.5")
    assert session.run("print label").text == "label = [0.5 0. ]"
    # Everything is computed with floats, in the graph's own memory.
    assert session.debugger.plan.value(graph.index_of("label")).dtype == dtype


def test_class_numbers_of_a_table_are_integers(tmp_path: Path) -> None:
    z, label = Input("z"), Input("label")
    W = Input("W", value=np.eye(3), trainable=True)
    rows = {z: LOGITS * 20, label: [2, 1] * 20}
    cost = SoftmaxCrossEntropy(z @ W, label, name="cost")
    graph = Graph.of(cost, feeds=rows, batch_size=4)
    for path in (tmp_path / "g.json", tmp_path / "h.json"):
        save(graph, path)
        graph = load(path)
        assert graph.data is not None
        assert graph.data.feeds["label"].dtype == np.int64
    session = open_session(ComputedDebugger(graph))
    session.run("step")
    assert set(session.run("print label").data.tolist()) <= {1, 2}
    assert "." not in session.run("print label").text


def test_what_is_more_than_a_class_number_is_a_float(tmp_path: Path) -> None:
    label, z = Input("label", value=[2.0, 0.0]), Input("z", value=np.array(LOGITS), trainable=True)
    both = Mul(SoftmaxCrossEntropy(z, label), Sum(label), name="cost")
    one_hot = Input("label", value=np.array([[0.0, 0, 1], [1, 0, 0]]))
    for cost in (both, SoftmaxCrossEntropy(z, one_hot, name="cost")):
        save(Graph.of(cost), tmp_path / "g.json")
        assert load(tmp_path / "g.json")["label"].value.dtype == np.float64


@pytest.mark.parametrize("labels", [np.array([0, 2]), [0, 2], np.array([0, 2], np.int16)])
def test_a_node_in_the_lessons_style_gets_integers(labels: Any) -> None:
    y, a = Input("y", value=labels), Input("a", value=np.arange(6.0).reshape(2, 3), trainable=True)
    graph = Graph([y, a, cost := Pick([y, a], name="cost")], cost)
    assert graph.train(3) == pytest.approx([-2.5, -2.5 - 0.005, -2.5 - 0.01])
    assert np.asarray(y.value).dtype == np.asarray(labels).dtype
    assert np.asarray(y.value).tolist() == [0, 2]


def test_integers_that_are_fed_stay_integers() -> None:
    graph = classified([0, 0])
    graph.feed("label", [1, 2])
    assert graph["label"].value.dtype.kind == "i"
    graph.feed("label", [1.0, 2.0])
    assert graph["label"].value.dtype == np.float64
    # What is trained is a float, whatever it began with.
    w = Input("w", value=3, trainable=True)
    Graph.of(Sum(w)).train(1)
    assert w.value.dtype == np.float64
    assert w.value == pytest.approx(2.99)
