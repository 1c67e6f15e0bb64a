"""Nodes in the lesson's style, in its three spellings, do what ours do."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

import miniflow
from miniflow import Input, forward_and_backward, sgd_update, topological_sort
from miniflow.errors import ShapeError
from miniflow.graph import Graph
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.compile import compile_plan
from tests.miniflow.lesson_nodes import LayerTanh, NeuronTanh, NodeTanh, OwnCost, network

STYLES = [NodeTanh, LayerTanh, NeuronTanh]


def by_lesson(tanh: Any, cost: Any = None) -> list[Any]:
    feed, _ = network(tanh, cost)
    graph = topological_sort(feed)
    trained = [n for n in feed if n.name in ("W", "b")]
    for _ in range(3):
        forward_and_backward(graph)
        sgd_update(trained, 0.1)
    return [node.value for node in trained]


@pytest.mark.parametrize("style", STYLES)
def test_a_node_in_the_lessons_style_does_what_ours_does(style: Any) -> None:
    for ours, theirs in zip(by_lesson(miniflow.Tanh), by_lesson(style), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("cost", [None, OwnCost])
@pytest.mark.parametrize("style", STYLES)
def test_and_runs_in_a_plan_stepped_or_not(style: Any, cost: Any) -> None:
    def plan() -> ArrayPlan:
        feed, end = network(style, cost)
        for node, value in feed.items():
            node.value = value
            node.trainable = node.name in ("W", "b")  # type: ignore[attr-defined]
        made = compile_plan(Graph.of(end))
        assert isinstance(made, ArrayPlan)
        made.set_learning_rate(0.1)
        return made

    ran, stepped = plan(), plan()
    ran.run(0, 3, array("d"))
    for step in range(3):
        stepped.feed(step)
        for i in range(len(stepped.graph)):
            stepped.forward(i)
        for i in reversed(range(len(stepped.graph))):
            stepped.backward(i)
        for i in range(len(stepped.graph.trainables)):
            stepped.update(i)
    values = [stepped.value(i).copy() for i in stepped.graph.trainables]
    for value, same in zip(values, map(ran.value, ran.graph.trainables), strict=True):
        np.testing.assert_array_equal(value, same)
    wanted = by_lesson(style, cost)
    found = {stepped.graph.nodes[i].label: stepped.value(i) for i in stepped.graph.trainables}
    np.testing.assert_allclose(found["W"], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(found["b"], wanted[1], rtol=1e-12)


class Forgets(NodeTanh):
    def backward(self) -> None:
        self.gradients = {}


class WrongShape(NodeTanh):
    def backward(self) -> None:
        self.gradients = {self.inbound_nodes[0]: np.zeros(7)}


@pytest.mark.parametrize(
    ("style", "problem"),
    [
        (Forgets, "h: backward() of Forgets set no gradient for x (set self.gradients[x])"),
        (
            WrongShape,
            "h: backward() of WrongShape gave x a gradient of shape 7; its value has shape 2",
        ),
    ],
)
def test_a_students_mistake_is_named_with_its_node(style: Any, problem: str) -> None:
    x = Input("x", value=[1.0, 2.0])
    node = style(x)
    node.name = "h"
    plan = compile_plan(Graph.of(miniflow.Sum(node)))
    plan.forward(1)
    plan.forward(2)
    plan.backward(2)
    with pytest.raises(ShapeError) as caught:
        plan.backward(1)
    assert str(caught.value).startswith(problem)
