"""Plans: what is stepped is what trains, bit for bit."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniflow.errors import GraphError
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import (
    MSE,
    Abs,
    Add,
    Dropout,
    Linear,
    Max,
    Mul,
    ReLU,
    Reshape,
    Sigmoid,
    SoftmaxCrossEntropy,
    Sub,
    Sum,
    Tanh,
)
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.plans.scalars import ScalarPlan
from miniflow.plans.train import train
from miniflow.training.data import SAMPLINGS, Data, Sampling
from miniflow.training.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    Optimizer,
    RMSProp,
)
from tests.support.counting import assert_linear
from tests.support.sizes import examples

OPTIMIZER_CASES = [
    SGD(0.1),
    Momentum(0.05),
    Adam(0.01),
    AdamW(0.01),
    RMSProp(0.01),
    Adagrad(0.1),
]


def network(
    optimizer: Optimizer | None = None, sampling: Sampling = "all", dtype: str = "float64"
) -> Graph:
    """Return a network with a fan-out, a node used twice, dropout, and data."""
    rng = np.random.default_rng(0)
    X, y = Input("X", shape=(None, 3)), Input("y", shape=(None,))
    W1 = Input("W1", value=rng.normal(size=(3, 4)), trainable=True)
    b1 = Input("b1", value=np.zeros(4), trainable=True)
    W2 = Input("W2", value=rng.normal(size=(4, 1)), trainable=True)
    b2 = Input("b2", value=0.0, trainable=True)
    hidden = Tanh(Linear(X, W1, b1, name="l1"), name="h")
    squared = Mul(hidden, hidden, name="squared")
    dropped = Dropout(Add(hidden, squared, name="both"), rate=0.25, seed=3, name="dropped")
    out = Reshape(Linear(dropped, W2, b2, name="l2"), shape=[-1], name="out")
    aside = Sum(out, name="aside")
    cost = MSE(y, out, name="cost")
    table = rng.normal(size=(20, 3))
    data = Data({"X": table, "y": table.sum(1)})
    training = Training(optimizer or SGD(), 6, sampling, seed=5)
    nodes = [X, y, W1, b1, W2, b2, hidden.inbound_nodes[0], hidden, squared]
    nodes += [*dropped.inbound_nodes, dropped, *out.inbound_nodes, out, aside, cost]
    return Graph(nodes, cost, data=data, training=training, dtype=dtype)


def step(plan: Plan, sgd_step: int) -> None:
    """Do what `run` does, node by node."""
    graph = plan.graph
    plan.feed(sgd_step)
    for i in range(len(graph)):
        plan.forward(i)
    for i in reversed(range(len(graph))):
        if graph.reaches_cost[i]:
            plan.backward(i)
    for i in range(len(graph.trainables)):
        plan.update(i)


def bits(plan: Plan) -> bytes:
    return b"".join(plan.value(i).tobytes() for i in plan.graph.trainables)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES)
def test_stepped_and_run_give_the_same_bits(
    optimizer: Optimizer, sampling: Sampling, dtype: str
) -> None:
    ran, stepped = (compile_plan(network(optimizer, sampling, dtype)) for _ in range(2))
    costs, seen = array("d"), []
    ran.run(0, 3, costs)
    ran.run(3, 9, costs)
    for sgd_step in range(12):
        step(stepped, sgd_step)
        seen.append(stepped.cost())
    assert bits(ran) == bits(stepped)
    assert costs.tolist() == seen
    assert ran.save()[0].tobytes() == stepped.save()[0].tobytes()


def test_all_optimizers_are_tried() -> None:
    assert {type(optimizer) for optimizer in OPTIMIZER_CASES} == set(OPTIMIZERS.values())


def everything(plan: Plan) -> bytes:
    """Return the bits of all values, gradients and contributions."""
    graph = plan.graph
    arrays = [plan.value(i) for i in range(len(graph))]
    arrays += [plan.gradient(i) for i in graph.backward_nodes]
    arrays += [
        plan.contribution(i, input_index)
        for i in graph.backward_nodes
        for input_index in range(len(graph.inbound[i]))
    ]
    return b"".join(array.tobytes() for array in arrays)


@settings(deadline=None, max_examples=examples(60))
@given(data=st.data(), optimizer=st.sampled_from(OPTIMIZER_CASES), floats=st.booleans())
def test_a_walk_in_pieces_leaves_what_single_steps_leave(
    data: st.DataObject, optimizer: Optimizer, floats: bool
) -> None:
    make = (lambda: scalars(optimizer)) if floats else (lambda: network(optimizer, "epoch"))
    walked, stepped, plainly = (compile_plan(make()) for _ in range(3))
    graph = walked.graph
    end = 1 + len(graph.forward_nodes) + len(graph.backward_nodes) + len(graph.trainables)
    for sgd_step in range(3):
        cuts = sorted(data.draw(st.lists(st.integers(1, end), max_size=4)))
        for plan in (walked, plainly):
            plan.feed(sgd_step)
        for begin, stop in pairwise([1, *cuts, end]):
            walked.walk(begin, stop)
            Plan.walk(plainly, begin, stop)
        step(stepped, sgd_step)
        assert everything(walked) == everything(stepped) == everything(plainly)
        assert walked.cost() == stepped.cost()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_running_and_stepping_can_take_turns(sampling: Sampling) -> None:
    mixed, ran = (compile_plan(network(Adam(0.01), sampling)) for _ in range(2))
    for sgd_step in range(10):
        if sgd_step % 3:
            mixed.run(sgd_step, 1, array("d"))
        else:
            step(mixed, sgd_step)
    ran.run(0, 10, array("d"))
    assert bits(mixed) == bits(ran)


def test_float32_throughout() -> None:
    plan = compile_plan(network(Adam(0.01), "epoch", "float32"))
    assert isinstance(plan, ArrayPlan)
    step(plan, 0)
    for i in range(len(plan.graph)):
        assert plan.value(i).dtype == plan.gradient(i).dtype == np.float32
        assert plan.value(i).shape == plan.gradient(i).shape == plan.shapes[i]
    assert plan.save()[0].dtype == np.float32


@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES)
def test_what_is_saved_and_put_back_goes_on_with_the_same_bits(optimizer: Optimizer) -> None:
    plan = compile_plan(network(optimizer, "replacement"))
    plan.run(0, 5, array("d"))
    state, before = plan.save(), bits(plan)
    plan.set_learning_rate(0.02)
    plan.run(5, 5, array("d"))
    once = bits(plan)
    plan.restore(state)
    assert bits(plan) == before
    assert plan.learning_rate == optimizer.learning_rate
    plan.set_learning_rate(0.02)
    plan.run(5, 5, array("d"))
    assert bits(plan) == once != before


def test_contributions_add_up_to_the_gradient_edge_by_edge() -> None:
    plan = compile_plan(network())
    step(plan, 0)
    graph = plan.graph
    for node in range(len(graph)):
        edges = [edge for edge in graph.consumers[node] if graph.reaches_cost[edge[0]]]
        if edges:
            total = sum(plan.contribution(*edge) for edge in edges)
            np.testing.assert_allclose(total, plan.gradient(node), rtol=1e-14, atol=1e-16)
    h = graph.index_of("h")
    shared = {
        graph.nodes[consumer].label: input_index for consumer, input_index in graph.consumers[h]
    }
    assert set(shared) == {"squared", "both"}
    squared = graph.index_of("squared")
    assert plan.contribution(squared, 0) is not plan.contribution(squared, 1)


def test_what_the_cost_does_not_depend_on_has_a_value_and_sends_nothing() -> None:
    plan = compile_plan(network())
    step(plan, 0)
    graph = plan.graph
    aside, out = graph.index_of("aside"), graph.index_of("out")
    assert not graph.reaches_cost[aside]
    assert float(plan.value(aside)) == pytest.approx(plan.value(out).sum())
    y, n = plan.value(graph.index_of("y")), plan.value(out)
    np.testing.assert_allclose(plan.gradient(out), 2 * (n - y) / n.size)


def test_a_gradient_that_no_trainable_needs_is_worked_out_stepped_and_left_out_of_runs() -> None:
    plan = compile_plan(network())
    X = plan.graph.index_of("X")
    plan.run(0, 3, array("d"))
    assert not plan.gradient(X).any()
    step(plan, 3)
    assert plan.gradient(X).all()


def test_trained_values_go_back_to_the_nodes() -> None:
    graph = network(SGD(0.05))
    costs = train(graph, 200)
    assert costs[-1] < costs[0] / 3
    W1 = graph["W1"].value
    assert W1.shape == (3, 4)
    plan = compile_plan(graph)
    W1 += 1000.0
    assert abs(plan.value(graph.index_of("W1"))).max() < 100
    assert graph["X"].value is None


def test_a_cost_that_is_not_a_scalar_is_summed() -> None:
    w = Input("w", value=[1.0, 2.0], trainable=True)
    graph = Graph.of(Mul(w, w), training=Training(SGD(0.5)))
    plan, costs = compile_plan(graph), array("d")
    plan.run(0, 1, costs)
    assert costs.tolist() == [5.0]
    assert plan.value(0).tolist() == [0.0, 0.0]


# Python floats -------------------------------------------------------------------------------


def scalars(optimizer: Optimizer) -> Graph:
    w, v = Input("w", value=0.4, trainable=True), Input("v", value=-1.2, trainable=True)
    x = Input("x", value=2)
    h = Sigmoid(Add(Mul(w, x), v))
    error = Sub(Mul(h, h, w), Input("y", value=0.7))
    return Graph.of(Mul(error, error), training=Training(optimizer))


@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES)
def test_floats_and_arrays_train_alike(optimizer: Optimizer) -> None:
    graph = scalars(optimizer)
    plans = [kind(graph, graph.shapes()) for kind in (ScalarPlan, ArrayPlan)]
    assert isinstance(compile_plan(graph), ScalarPlan)
    found = []
    for plan in plans:
        costs = array("d")
        plan.run(0, 50, costs)
        found.append(costs.tolist())
        assert plan.sgd_step == 49
    np.testing.assert_allclose(*found, rtol=1e-10)


@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES)
def test_floats_stepped_and_run_and_put_back_give_the_same_bits(optimizer: Optimizer) -> None:
    ran, stepped = (compile_plan(scalars(optimizer)) for _ in range(2))
    ran.run(0, 10, array("d"))
    for sgd_step in range(10):
        step(stepped, sgd_step)
    assert bits(ran) == bits(stepped)
    state = ran.save()
    ran.run(10, 10, array("d"))
    once = bits(ran)
    ran.restore(state)
    assert bits(ran) == bits(stepped)
    ran.run(10, 10, array("d"))
    assert bits(ran) == once


OPS = [Add, Mul, Sub, Max, Sigmoid, Tanh, Abs, ReLU]


@st.composite
def wild_graphs(draw: st.DrawFn) -> Graph:
    """Draw a graph of scalars with fan-outs, nodes used twice and sinks off the cost."""
    numbers = st.floats(-2, 2)
    nodes: list[Node] = [
        Input(value=draw(numbers), trainable=draw(st.booleans()))
        for _ in range(draw(st.integers(1, 3)))
    ]
    for _ in range(draw(st.integers(1, 10))):
        op = draw(st.sampled_from(OPS))
        count = 2 if op is Sub else 1 if op.arity[1] == 1 else draw(st.integers(1, 3))
        nodes.append(op(*[draw(st.sampled_from(nodes)) for _ in range(count)]))
    return Graph(nodes, nodes[-1])


@settings(deadline=None, max_examples=examples(150))
@given(wild_graphs())
def test_floats_arrays_and_the_lessons_protocol_agree_on_any_graph(graph: Graph) -> None:
    plans = [kind(graph, graph.shapes()) for kind in (ScalarPlan, ArrayPlan)]
    for plan in plans:
        step(plan, 0)
    under = Graph.of(graph.nodes[graph.cost])
    # The lesson's protocol asks every consumer: only the graph under the cost can be asked.
    twin = {id(node): node for node in under.nodes}
    for node in under.nodes:
        node.outbound_nodes = [n for n in node.outbound_nodes if id(n) in twin]
        node.forward()
    for node in reversed(under.nodes):
        node.backward()
    for i, node in enumerate(graph.nodes):
        floats, arrays = (plan.gradient(i) for plan in plans)
        np.testing.assert_allclose(floats, arrays, rtol=1e-12, atol=1e-15)
        if isinstance(node, Input) and graph.reaches_cost[i] and not node.trainable:
            np.testing.assert_allclose(node.gradients[node], arrays, rtol=1e-12, atol=1e-15)


# Building ------------------------------------------------------------------------------------


def test_planning_is_linear_in_the_inputs_of_a_node() -> None:
    def run(inputs: int) -> None:
        wide = [Input(value=np.ones(1), trainable=True) for _ in range(inputs)]
        plan = compile_plan(Graph.of(Sum(Add(*wide))))
        costs = array("d")
        plan.run(0, 1, costs)
        assert costs.tolist() == [inputs]

    assert_linear(run, 400)


def test_what_cannot_be_a_graph_is_said() -> None:
    x, y = Input("x", value=1.0), Input("y", value=2.0)
    with pytest.raises(GraphError, match="the cost y is not among the nodes"):
        Graph([x, Tanh(x)], y)
    with pytest.raises(GraphError, match="x is listed twice"):
        Graph([x, x, Tanh(x)])
    with pytest.raises(GraphError, match="dtype 'int64' is not one of float64, float32"):
        Graph([x], dtype="int64")


def test_labels_that_are_no_classes_are_named_with_their_cost() -> None:
    z, y = Input("z", value=np.zeros((2, 3))), Input("y", value=[1, 3])
    plan = compile_plan(Graph.of(SoftmaxCrossEntropy(z, y, name="loss")))
    with pytest.raises(
        Exception, match=r"loss: labels are whole numbers from 0 to 2, not 3 at \[1\]"
    ):
        plan.forward(2)


def test_a_fresh_plan_holds_the_rows_of_the_first_step() -> None:
    graph = network(sampling="epoch")
    plan = compile_plan(graph)
    rows: Any = graph.batches().rows_of(0)  # type: ignore[union-attr]
    assert graph.data is not None
    np.testing.assert_array_equal(plan.value(graph.index_of("X")), graph.data.feeds["X"][rows])
