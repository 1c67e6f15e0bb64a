"""Every optimizer against PyTorch, step by step, and a batch norm that is trained."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import OPS
from miniflow.ops.cost import MSE
from miniflow.plans.arrays import ArrayPlan
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

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")


STEPS = 100
RATE, LATER = 0.05, 0.01
TRAINED: list[tuple[Optimizer, Callable[[Any], Any]]] = [
    (SGD(RATE), lambda p: torch.optim.SGD(p, RATE)),
    (Momentum(RATE), lambda p: torch.optim.SGD(p, RATE, momentum=0.9)),
    (Momentum(RATE, 0.5), lambda p: torch.optim.SGD(p, RATE, momentum=0.5)),
    (Adam(RATE), lambda p: torch.optim.Adam(p, RATE)),
    (
        Adam(RATE, 0.8, 0.99, 1e-6),
        lambda p: torch.optim.Adam(p, RATE, betas=(0.8, 0.99), eps=1e-6),
    ),
    (AdamW(RATE), lambda p: torch.optim.AdamW(p, RATE)),
    (RMSProp(RATE), lambda p: torch.optim.RMSprop(p, RATE)),
    (Adagrad(RATE), lambda p: torch.optim.Adagrad(p, RATE)),
]


def test_every_optimizer_is_compared() -> None:
    assert {type(optimizer) for optimizer, _ in TRAINED} == set(OPTIMIZERS.values())


@pytest.mark.parametrize(
    ("optimizer", "other"), TRAINED, ids=[str(optimizer)[:40] for optimizer, _ in TRAINED]
)
def test_trajectories(optimizer: Optimizer, other: Callable[[Any], Any]) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    first = [rng.normal(size=shape) for shape in ((4, 5), (5,), (5, 2), (2,))]
    w1, b1, w2, b2 = (Input(f"p{i}", value=p, trainable=True) for i, p in enumerate(first))
    hidden = OPS["Tanh"](OPS["Linear"](Input("x", value=x), w1, b1))
    cost = MSE(Input("y", value=y), OPS["Linear"](hidden, w2, b2))
    graph = Graph.of(cost, training=Training(optimizer))
    plan = ArrayPlan(graph, graph.shapes())
    tensors = [torch.tensor(p, requires_grad=True) for p in first]
    trained = other(tensors)
    for step in range(STEPS):
        if step == STEPS // 2:
            plan.set_learning_rate(LATER)
            trained.param_groups[0]["lr"] = LATER
        costs = array("d")
        plan.run(step, 1, costs)
        trained.zero_grad()
        out = torch.tanh(torch.tensor(x) @ tensors[0] + tensors[1]) @ tensors[2] + tensors[3]
        theirs = ((torch.tensor(y) - out) ** 2).mean()
        theirs.backward()
        trained.step()
        np.testing.assert_allclose(costs[0], theirs.item(), rtol=1e-10)
        for place, tensor in zip(graph.trainables, tensors, strict=True):
            np.testing.assert_allclose(
                plan.value(place), tensor.detach().numpy(), rtol=1e-10, atol=1e-12
            )


@pytest.mark.parametrize("shape", [(20, 4), (6, 4, 3)])
def test_a_trained_batch_norm(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(2, 3, size=(2, *shape))
    first = [rng.normal(size=4), rng.normal(size=4)]
    w, b = (Input(f"p{i}", value=p, trainable=True) for i, p in enumerate(first))
    norm = OPS["BatchNorm"](Input("x", value=x), w, b, name="norm")
    graph = Graph.of(MSE(Input("y", value=y), norm), training=Training(SGD(RATE)))
    plan = ArrayPlan(graph, graph.shapes())
    module = (torch.nn.BatchNorm1d if len(shape) < 4 else torch.nn.BatchNorm2d)(4).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor(first[0]))
        module.bias.copy_(torch.tensor(first[1]))
    trained = torch.optim.SGD(module.parameters(), RATE)
    for step in range(STEPS):
        plan.run(step, 1, array("d"))
        trained.zero_grad()
        ((torch.tensor(y) - module(torch.tensor(x))) ** 2).mean().backward()
        trained.step()
        for place, tensor in zip(graph.trainables, module.parameters(), strict=True):
            np.testing.assert_allclose(plan.value(place), tensor.detach().numpy(), 1e-10, 1e-12)
        for name, array_ in plan.lasting(graph.index_of("norm")).items():
            theirs = dict(module.named_buffers())[name].numpy()
            np.testing.assert_allclose(array_, theirs, 1e-12)
