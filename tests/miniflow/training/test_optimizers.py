"""Optimizers against their textbook formulas, written out in plain NumPy."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, Mean, Mul, Sub
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.scalars import ScalarPlan
from miniflow.training.optimizers import (
    OPTIMIZERS,
    PIECE_BYTES,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    Optimizer,
    RMSProp,
)

Array = np.ndarray[Any, Any]
Textbook = Callable[[Array, Callable[[Array], Array]], Iterator[Array]]

RATE, BETA, BETA1, BETA2, EPSILON, DECAY = 0.05, 0.8, 0.7, 0.95, 1e-6, 0.3


def sgd(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    while True:
        w = w - RATE * gradient(w)
        yield w


def momentum(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    v = np.zeros_like(w)
    while True:
        v = BETA * v + gradient(w)
        w = w - RATE * v
        yield w


def adam(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    """Kingma and Ba, arXiv:1412.6980, algorithm 1."""
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        t += 1
        g = gradient(w)
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g**2
        m_hat, v_hat = m / (1 - BETA1**t), v / (1 - BETA2**t)
        w = w - RATE * m_hat / (np.sqrt(v_hat) + EPSILON)
        yield w


def nesterov(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    v = np.zeros_like(w)
    while True:
        g = gradient(w)
        v = BETA * v + g
        w = w - RATE * (g + BETA * v)
        yield w


def adamw(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    """Loshchilov and Hutter, arXiv:1711.05101, algorithm 2."""
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        t += 1
        g = gradient(w)
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g**2
        m_hat, v_hat = m / (1 - BETA1**t), v / (1 - BETA2**t)
        w = w - RATE * (m_hat / (np.sqrt(v_hat) + EPSILON) + DECAY * w)
        yield w


def rmsprop(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    v = np.zeros_like(w)
    while True:
        g = gradient(w)
        v = BETA * v + (1 - BETA) * g**2
        w = w - RATE * g / (np.sqrt(v) + EPSILON)
        yield w


def adagrad(w: Array, gradient: Callable[[Array], Array]) -> Iterator[Array]:
    v = np.zeros_like(w)
    while True:
        g = gradient(w)
        v = v + g**2
        w = w - RATE * g / (np.sqrt(v) + EPSILON)
        yield w


def decayed(textbook: Textbook) -> Textbook:
    """The same with an L2 term in the gradient."""
    return lambda w, gradient: textbook(w, lambda w: gradient(w) + DECAY * w)


CASES: list[tuple[Optimizer, Textbook]] = [
    (SGD(RATE), sgd),
    (SGD(RATE, weight_decay=DECAY), decayed(sgd)),
    (Momentum(RATE, BETA), momentum),
    (Momentum(RATE, BETA, nesterov=True, weight_decay=DECAY), decayed(nesterov)),
    (Adam(RATE, BETA1, BETA2, EPSILON), adam),
    (Adam(RATE, BETA1, BETA2, EPSILON, weight_decay=DECAY), decayed(adam)),
    (AdamW(RATE, BETA1, BETA2, EPSILON, weight_decay=DECAY), adamw),
    (RMSProp(RATE, BETA, EPSILON), rmsprop),
    (Adagrad(RATE, EPSILON), adagrad),
]


def test_every_optimizer_has_a_textbook() -> None:
    assert {type(optimizer) for optimizer, _ in CASES} == set(OPTIMIZERS.values())


@pytest.mark.parametrize(("optimizer", "textbook"), CASES)
@pytest.mark.parametrize("shape", [(), (3,), (2, PIECE_BYTES // 8 + 5)])
def test_arrays_follow_the_textbook(
    optimizer: Optimizer, textbook: Textbook, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    start, wanted = rng.normal(size=shape), rng.normal(size=shape)
    w = Input("w", value=start, trainable=True)
    graph = Graph.of(MSE(Input("y", value=wanted), w), training=Training(optimizer))
    plan = ArrayPlan(graph, graph.shapes())
    steps = textbook(start, lambda w: 2 * (w - wanted) / wanted.size)
    for step in range(20):
        plan.run(step, 1, array("d"))
        np.testing.assert_allclose(plan.value(graph.index_of("w")), next(steps), 1e-12, 1e-15)


@pytest.mark.parametrize(("optimizer", "textbook"), CASES)
def test_python_floats_follow_the_textbook(optimizer: Optimizer, textbook: Textbook) -> None:
    w, y = Input("w", value=0.5, trainable=True), Input("y", value=3.0)
    error = Sub(w, y)
    graph = Graph.of(Mul(error, error), training=Training(optimizer))
    plan = ScalarPlan(graph, graph.shapes())
    steps = textbook(np.array(0.5), lambda w: 2 * (w - 3.0))
    for step in range(20):
        plan.run(step, 1, array("d"))
        np.testing.assert_allclose(plan.value(graph.index_of("w")), next(steps), 1e-12, 1e-15)


@pytest.mark.parametrize("optimizer", [optimizer for optimizer, _ in CASES])
def test_float32_stays_float32(optimizer: Optimizer) -> None:
    w = Input("w", value=np.ones(3), trainable=True)
    graph = Graph.of(Mean(Mul(w, w)), training=Training(optimizer), dtype="float32")
    plan = ArrayPlan(graph, graph.shapes())
    plan.run(0, 5, array("d"))
    value = plan.value(0)
    assert value.dtype == np.float32
    assert (value < 1).all()


@pytest.mark.parametrize(
    "optimizer", [optimizer for optimizer, _ in CASES if not optimizer.weight_decay]
)
def test_a_gradient_of_zero_moves_nothing(optimizer: Optimizer) -> None:
    w, zero = Input("w", value=[1.0, 2.0], trainable=True), Input("zero", value=0.0)
    graph = Graph.of(Mean(Mul(w, zero)), training=Training(optimizer))
    plan = ArrayPlan(graph, graph.shapes())
    plan.run(0, 3, array("d"))
    assert plan.value(graph.index_of("w")).tolist() == [1.0, 2.0]


def test_adam_without_epsilon_divides_0_by_0_the_same_way_on_floats_and_arrays() -> None:
    w, zero = Input("w", value=1.0, trainable=True), Input("zero", value=0.0)
    graph = Graph.of(Mul(w, zero), training=Training(Adam(epsilon=0.0)))
    for kind in (ScalarPlan, ArrayPlan):
        plan = kind(graph, graph.shapes())
        plan.run(0, 1, array("d"))
        assert np.isnan(plan.value(graph.index_of("w")))


@pytest.mark.parametrize("optimizer", [optimizer for optimizer, _ in CASES])
def test_the_rules_assign_to_the_state_and_last_to_the_parameter(optimizer: Optimizer) -> None:
    targets = [rule.target for rule in optimizer.rules]
    assert targets[-1] == "p"
    assert [target for target in targets if target in optimizer.state_names] == [
        *optimizer.state_names
    ]
    known = {"p", "g", "lr", "t", *targets, *optimizer.constants}
    assert {letter for rule in optimizer.rules for letter in rule.letters} <= known
