"""An unrolled layer computes what the layer computes, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import miniflow as mf
from miniflow import unroll as module
from miniflow.errors import GraphError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import OPS, Mul, Sum
from miniflow.unroll import unroll
from tests.support.one_pass import one_pass
from tests.support.op_cases import cases
from tests.support.recurrent_layers import sequences
from tests.support.sizes import examples


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@given(data=st.data())
@settings(deadline=None, max_examples=examples(40))
def test_all_numbers_are_those_of_the_layer(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    inputs = [Input(f"x{i}", value=value) for i, value in enumerate(case.values)]
    op = case.op(*inputs, name="op", **case.attributes)
    weights = np.random.default_rng(1).uniform(
        0.5, 1.5, op.output_shape(*(value.shape for value in case.values))
    )
    cost = Sum(Mul(op, Input("weights", value=weights), name="m"), name="cost")
    graph = Graph.of(cost, dtype=data.draw(st.sampled_from(["float64", "float32"])))
    opened, inner = unroll(graph, "op")
    assert [name for name in opened.names() if name not in inner] == graph.names()
    assert all(name.startswith("op/") for name in inner)
    plans = one_pass(graph), one_pass(opened)
    for label, i in graph.by_name.items():
        there = opened.by_name[label]
        np.testing.assert_array_equal(plans[1].value(there), plans[0].value(i))
        np.testing.assert_array_equal(plans[1].gradient(there), plans[0].gradient(i))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_training_it_gives_the_same_parameters(kind: str, tmp_path: Path) -> None:
    graph = sequences(kind)
    opened = unroll(graph, "layer").graph
    mf.save(opened, tmp_path / "opened.json")
    loaded = mf.load(tmp_path / "opened.json")
    wanted = graph.train(12)
    assert opened.train(12) == wanted
    assert loaded.train(12) == wanted
    for node in graph.nodes:
        if isinstance(node, Input) and node.trainable:
            np.testing.assert_array_equal(opened[node.label].value, node.value)


def test_the_graph_itself_stays_as_it_was() -> None:
    graph = sequences("LSTM")
    before = [(node, list(node.inbound_nodes), list(node.outbound_nodes)) for node in graph.nodes]
    opened = unroll(graph, "layer").graph
    after = [(node, list(node.inbound_nodes), list(node.outbound_nodes)) for node in graph.nodes]
    assert after == before
    assert not set(graph.nodes) & set(opened.nodes)


def test_each_step_is_a_scope_of_the_same_nodes() -> None:
    names = unroll(sequences("LSTM", 3), "layer").inner
    steps = [[n for n in names if n.startswith(f"layer/t{time}/")] for time in range(3)]
    words = (
        "from_inputs from_state sums input_sum input forget_sum forget new_sum new output_sum "
        "output kept added c squashed h"
    )
    assert " ".join(n.removeprefix("layer/t1/") for n in steps[1]) == words
    for time, step in enumerate(steps):
        assert step == [n.replace("t1/", f"t{time}/") for n in steps[1]]


def test_names_that_are_taken_get_a_prime() -> None:
    graph = sequences("GRU", 2)
    names = [node.label for node in graph.nodes]
    graph.nodes[names.index("W_ih")].name = "layer/one"
    again = Graph(graph.nodes, graph.nodes[graph.cost], data=graph.data)
    found = unroll(again, "layer")
    assert "layer/one'" in found.inner
    assert "layer/one" in found.graph.by_name


def test_what_cannot_be_unrolled_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = sequences("RNN")
    with pytest.raises(GraphError, match=r"turned is not a recurrent layer .*those here: layer"):
        unroll(graph, "turned")
    with pytest.raises(GraphError, match="there is no node 'layers'"):
        unroll(graph, "layers")
    monkeypatch.setattr(module, "MOST_STEPS", 5)
    with pytest.raises(GraphError, match="layer has 6 steps: at most 5"):
        unroll(graph, "layer")

    monkeypatch.setattr(module, "MOST_STEPS", 6)
    monkeypatch.setattr(module, "MOST_NUMBERS", 6 * 6 * 4 * 3 - 1)
    with pytest.raises(GraphError, match="too many numbers to be unrolled: 432 in what its steps"):
        unroll(graph, "layer")

    class Own(Node):
        def forward(self) -> None:
            self.value = self.inbound_nodes[0].value

        def backward(self) -> None:
            self.gradients: dict[Node, Any] = {}

    own = Own([Input("x", value=np.zeros((2, 1, 2)))], "own")
    weights = [Input(value=np.ones(shape)) for shape in [(3, 2), (3, 3), (3,), (3,)]]
    with pytest.raises(GraphError, match="own has a class of its own, Own: it is not copied"):
        unroll(Graph.of(OPS["RNN"](own, *weights, name="layer")), "layer")
