"""The last SGD steps of a slow run: each is restored exactly, and no other is run for it."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from msgspec.structs import replace

from mfdebug.core.timeline import checkpoints
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.dense_steps import GROUP, LEAST_STEPS, DenseSteps
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import BatchNorm, Mean
from miniflow.plans.compile import compile_plan
from miniflow.training.data import Data
from miniflow.training.groups import Group
from miniflow.training.optimizers import SGD, Adam, AdamW, Optimizer
from miniflow.training.schedules import Cosine
from tests.support.debuggers import network, state


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every SGD step counts as slow, and every copy as quick."""
    monkeypatch.setattr(checkpoints, "REPLAY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "COPY_SHARE", float("inf"))


def normed() -> Graph:
    """A BatchNorm, whose running statistics last beside what is updated."""
    rng = np.random.default_rng(1)
    x = Input("x", shape=(None, 40))
    weights = (Input(name, value=rng.normal(size=40), trainable=True) for name in ("w", "b"))
    norm = BatchNorm(x, *weights, name="norm")
    data = Data({"x": rng.normal(size=(20, 40))})
    training = Training(AdamW(0.01), batch_size=6, sampling="replacement", seed=2)
    return Graph.of(Mean(norm * norm, name="cost"), training=training, data=data)


def trained(**changes: object) -> Graph:
    graph = network(Adam(0.01))
    graph.training = replace(graph.training, **changes)  # type: ignore[arg-type]
    return graph


GRAPHS = {
    "Adam": lambda: network(Adam(0.01)),
    "float32": lambda: network(AdamW(0.01), dtype="float32"),
    "clipped by norm": lambda: trained(clip_norm=0.01),
    "clipped by value": lambda: trained(clip_value=0.001),
    "accumulated": lambda: trained(accumulate=3),
    "a schedule": lambda: trained(schedule=Cosine(50, warmup=10)),
    "groups": lambda: trained(groups=(Group("W*", rate=0.5, weight_decay=0.1),)),
    "running statistics": normed,
}


def runs_of(debugger: ComputedDebugger, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of each SGD step that the plan runs from now on."""
    found: list[int] = []
    run = debugger.plan.run

    def noted(first: int, count: int, costs: array[float], trace: object = None) -> None:
        found.extend(range(first, first + count))
        run(first, count, costs, trace)  # type: ignore[arg-type]

    monkeypatch.setattr(debugger.plan, "run", noted)
    return found


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("name", GRAPHS)
def test_each_of_the_last_steps_is_restored_exactly_and_none_is_run(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    debugger = ComputedDebugger(GRAPHS[name]())
    length = debugger.timeline.length
    debugger.move(60 * length)
    run = runs_of(debugger, monkeypatch)
    for step in (59, 45, 30, 29, 28, 3):
        for moment in (step * length, step * length - length // 2):
            debugger.move(moment)
            twin = ComputedDebugger(GRAPHS[name]())
            while twin.moment < moment:
                twin.cursor.step()
            assert state(debugger) == state(twin)
    assert run == []


@pytest.mark.usefixtures("slow")
def test_after_an_edit_they_are_those_of_its_branch() -> None:
    debugger, twin = (ComputedDebugger(network(Adam(0.01))) for _ in range(2))
    length = debugger.timeline.length
    debugger.move(50 * length)
    debugger.move(20 * length + 2)
    debugger.set_learning_rate(0.3)
    debugger.move(60 * length)
    debugger.move(41 * length)
    twin.move(20 * length + 2)
    twin.set_learning_rate(0.3)
    while twin.moment < 41 * length:
        twin.cursor.step()
    assert state(debugger) == state(twin)


@pytest.mark.usefixtures("slow")
def test_they_stay_within_the_memory_and_reach_back_far_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = compile_plan(network(Adam(0.01)))
    memory = 60 * GROUP * plan.state_bytes
    debugger = ComputedDebugger(network(Adam(0.01)), history_memory=memory)
    length = debugger.timeline.length
    for step in range(0, 1000, 50):
        debugger.move(step * length)
        assert debugger.cursor.checkpoints.bytes <= memory
    run = runs_of(debugger, monkeypatch)
    for back in range(LEAST_STEPS):
        debugger.move((950 - back) * length)
    assert run == []


def test_a_run_whose_gradients_are_as_large_as_its_state_has_checkpoints_alone() -> None:
    def suits(optimizer: Optimizer, states: int) -> bool:
        plan = compile_plan(network(optimizer))
        return DenseSteps.suits(plan, states * plan.state_bytes)

    assert suits(Adam(0.01), 1000)
    assert not suits(SGD(0.01), 1000)
    # Too few steps would fit.
    assert not suits(Adam(0.01), 20)
