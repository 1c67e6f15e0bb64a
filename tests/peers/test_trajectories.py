"""100 updates of every optimizer and setting against PyTorch's numbers, kept in a file.

`make_trajectories.py` wrote them, so these tests need no PyTorch.
"""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import numpy as np
import pytest

from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, Linear, Tanh
from miniflow.plans.arrays import ArrayPlan
from miniflow.training.groups import Group
from miniflow.training.optimizers import OPTIMIZERS, SGD, Adagrad, Adam, AdamW, Momentum, RMSProp
from miniflow.training.schedules import SCHEDULES, Constant, Cosine, StepDecay

THEIRS = json.loads(Path(__file__).with_name("trajectories.json").read_text())["trajectories"]
RATE, LABELS = 0.05, ("W1", "b1", "W2", "b2")
MOMENTUM = Momentum(RATE, 0.8)
OURS: dict[str, Training] = {
    "SGD": Training(SGD(RATE)),
    "SGD with decay": Training(SGD(RATE, weight_decay=0.1)),
    "Momentum": Training(MOMENTUM),
    "Momentum with decay": Training(Momentum(RATE, 0.8, weight_decay=0.1)),
    "Nesterov": Training(Momentum(RATE, 0.8, nesterov=True)),
    "Nesterov with decay": Training(Momentum(RATE, 0.8, nesterov=True, weight_decay=0.1)),
    "Adam": Training(Adam(RATE, 0.8, 0.99, 1e-6)),
    "Adam with decay": Training(Adam(RATE, weight_decay=0.1)),
    "AdamW": Training(AdamW(RATE, weight_decay=0.1)),
    "RMSProp": Training(RMSProp(RATE, 0.9, 1e-6)),
    "RMSProp with decay": Training(RMSProp(RATE, weight_decay=0.1)),
    "Adagrad": Training(Adagrad(RATE)),
    "Adagrad with decay": Training(Adagrad(RATE, 1e-6, weight_decay=0.1)),
    "step decay": Training(MOMENTUM, schedule=StepDecay(30, 0.3)),
    "cosine": Training(MOMENTUM, schedule=Cosine(100, 0.1)),
    "warm-up": Training(MOMENTUM, schedule=Constant(warmup=20)),
    "warm-up and cosine": Training(MOMENTUM, schedule=Cosine(80, warmup=20)),
    "warm-up and step decay": Training(MOMENTUM, schedule=StepDecay(25, 0.5, warmup=10)),
    "SGD, clipped by norm": Training(SGD(RATE), clip_norm=0.3),
    "SGD, clipped by value": Training(SGD(RATE), clip_value=0.05),
    "Adam, clipped by norm": Training(Adam(RATE, 0.8, 0.99, 1e-6), clip_norm=0.3),
    "Adam, clipped by value": Training(Adam(RATE, 0.8, 0.99, 1e-6), clip_value=0.05),
    "accumulated": Training(AdamW(RATE, weight_decay=0.1), accumulate=4),
    "accumulated, clipped, scheduled": Training(
        Momentum(RATE, 0.8, weight_decay=0.1),
        schedule=StepDecay(30, 0.3),
        clip_norm=0.3,
        accumulate=4,
    ),
    "groups": Training(AdamW(RATE, weight_decay=0.1), groups=(Group("b*", 0.1, 0.0),)),
    "frozen": Training(MOMENTUM, clip_norm=0.3, groups=(Group("?1", frozen=True),)),
}


def test_every_optimizer_and_schedule_is_compared() -> None:
    assert set(OURS) == set(THEIRS)
    assert {type(training.optimizer) for training in OURS.values()} == set(OPTIMIZERS.values())
    kinds = {type(training.schedule) for training in OURS.values() if training.schedule is not None}
    assert kinds == set(SCHEDULES.values())


def network(training: Training) -> Graph:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    shapes = {"W1": (4, 5), "b1": (5,), "W2": (5, 2), "b2": (2,)}
    w1, b1, w2, b2 = (
        Input(name, value=rng.normal(size=shape), trainable=True) for name, shape in shapes.items()
    )
    cost = MSE(Input("y", value=y), Linear(Tanh(Linear(Input("x", value=x), w1, b1)), w2, b2))
    return Graph.of(cost, training=training)


@pytest.mark.parametrize("name", OURS)
def test_100_steps_are_those_of_pytorch(name: str) -> None:
    graph, theirs = network(OURS[name]), THEIRS[name]
    plan = ArrayPlan(graph, graph.shapes())
    costs: array[float] = array("d")
    done = 0
    for seen, parameters in theirs["parameters"].items():
        plan.run(done, int(seen) - done, costs)
        done = int(seen)
        flat = [plan.value(graph.index_of(label)).ravel() for label in LABELS]
        for ours, their in zip(flat, parameters, strict=True):
            np.testing.assert_allclose(ours, their, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(costs[::10], theirs["costs"], rtol=1e-10)
