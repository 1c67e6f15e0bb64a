"""The running mean and variance of a BatchNorm: its own state, which lasts from pass to pass.

PyTorch 2.13 computed the numbers (`torch.nn.functional.batch_norm`).
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from miniflow.errors import ShapeError
from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, BatchNorm
from miniflow.plans.compile import compile_plan
from tests.miniflow.ops.norms import CHANNELS, RUNNING, batch_norm, passed


def test_running_statistics_follow_the_batches_as_those_of_pytorch() -> None:
    op = batch_norm(momentum=0.25)
    plan = passed(op)
    node = plan.graph.index_of("op")
    lasting, before = plan.lasting(node), plan.lasting_before(node)
    np.testing.assert_allclose(lasting["running_mean"], [0.6875, -0.5, 1.875, 0.1875], 1e-15)
    np.testing.assert_allclose(
        lasting["running_var"], [1.6041666666666667, 2.0416666666666665, 5 / 3, 3.5625], 1e-15
    )
    np.testing.assert_array_equal(before["running_mean"], RUNNING["running_mean"])
    plan.set_value(plan.graph.index_of("x"), 2 * CHANNELS)
    plan.forward(node)
    np.testing.assert_allclose(lasting["running_mean"], [1.140625, 0.125, 2.15625, 0.515625], 1e-15)
    np.testing.assert_allclose(
        lasting["running_var"], [1.6197916666666667, 8.197916666666668, 59 / 12, 4.921875], 1e-15
    )
    # The node itself keeps those with which it started, until the run is stored.
    np.testing.assert_array_equal(op.state["running_mean"], RUNNING["running_mean"])
    plan.store()
    np.testing.assert_array_equal(op.state["running_var"], lasting["running_var"])


def test_in_inference_they_stay() -> None:
    plan = passed(batch_norm(training=False))
    for name, wanted in RUNNING.items():
        np.testing.assert_array_equal(plan.lasting(plan.graph.index_of("op"))[name], wanted)


def test_the_lessons_protocol_moves_them_too() -> None:
    op = batch_norm(momentum=0.25)
    op.forward()
    np.testing.assert_allclose(op.state["running_mean"], [0.6875, -0.5, 1.875, 0.1875], 1e-15)
    np.testing.assert_array_equal(RUNNING["running_mean"], [0.5, -1, 2, 0])
    op.forward()
    np.testing.assert_allclose(op.state["running_mean"][0], 0.75 * 0.6875 + 0.25 * 1.25, 1e-15)


def trained(dtype: str = "float64", **attributes: Any) -> Graph:
    rng = np.random.default_rng(2)
    x, t = Input("X"), Input("t")
    w = Input("w", value=rng.normal(size=3), trainable=True)
    op = BatchNorm(x, w, name="bn", **attributes)
    feeds = {x: rng.normal(1, 2, size=(9, 3)), t: rng.normal(size=(9, 3))}
    return Graph.of(MSE(t, op), feeds=feeds, batch_size=4, seed=1, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_stepping_and_training_move_them_alike(dtype: str) -> None:
    graph = trained(dtype)
    plans = [compile_plan(graph) for _ in range(3)]
    plans[0].run(0, 5, array("d"))
    trace = plans[1].new_trace(5, full=True)
    plans[1].run(0, 5, array("d"), trace)
    for step in range(5):
        plans[2].feed(step)
        for node in graph.forward_nodes:
            plans[2].forward(node)
        for node in graph.backward_nodes:
            plans[2].backward(node)
        plans[2].update(0)
    node = graph.index_of("bn")
    for name in BatchNorm.lasts:
        arrays = [plan.lasting(node)[name] for plan in plans]
        assert arrays[0].dtype == np.dtype(dtype)
        assert len({array.tobytes() for array in arrays}) == 1
        assert np.ptp(arrays[0]) > 0


def test_a_second_training_continues_with_them() -> None:
    whole, parts = trained(), trained()
    costs = whole.train(7)
    assert [*parts.train(3), *parts.train(4)] == costs
    for name in BatchNorm.lasts:
        ends = [graph["bn"].state[name] for graph in (whole, parts)]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("training", [True, False])
def test_a_check_does_not_disturb_them(training: bool) -> None:
    graph = trained(training=training)
    op = graph["bn"]
    assert isinstance(op, BatchNorm)
    op.state = {"running_mean": np.array([1.0, 2, 3]), "running_var": np.array([4.0, 5, 6])}
    plan = compile_plan(graph)
    plan.run(0, 2, array("d"))
    node = graph.index_of("bn")
    before = {name: array.tobytes() for name, array in plan.lasting(node).items()}
    state = op.state
    for subject in (plan, graph):
        assert {verdict.judgement for verdict in check(subject)} == {"right"}
    assert {name: array.tobytes() for name, array in plan.lasting(node).items()} == before
    assert op.state is state


def test_a_check_uses_the_running_statistics_of_the_present_moment() -> None:
    graph = trained(training=False)
    plan = compile_plan(graph)
    plan.lasting(graph.index_of("bn"))["running_var"][:] = [4.0, 0.25, 9.0]
    plan.feed(0)
    plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
    w = graph.index_of("w")
    verdict = next(v for v in check(plan, graph.index_of("bn")) if v.source == w)
    assert verdict.analytic in plan.gradient(w)


def test_a_state_of_another_shape_is_an_error_that_names_the_node() -> None:
    graph = trained()
    graph["bn"].state = {"running_mean": np.zeros(2)}  # type: ignore[attr-defined]
    with pytest.raises(ShapeError, match="bn: its running_mean has shape 2, not 3"):
        compile_plan(graph)
