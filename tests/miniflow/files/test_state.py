"""A run from a saved file is the run that was saved, bit for bit: optimizer, rows and masks too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.errors import MiniflowError, ShapeError
from miniflow.files import load, save
from miniflow.files.save import INLINE
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, Dropout, Linear, Sum
from miniflow.training.data import SAMPLINGS
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
from miniflow.training.progress import Progress
from tests.support.paths import ROOT
from tests.support.sizes import examples

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))
TRAINED = [path for path in GRAPHS if load(path).trains]
# The largest takes most of the time, and is of no other kind.
SMALL = [path for path in TRAINED if path.stem != "digits"]
KINDS: list[Optimizer] = [
    SGD(0.01),
    Momentum(0.01, 0.7, nesterov=True, weight_decay=0.1),
    Adam(0.05),
    AdamW(0.05),
    RMSProp(0.01, 0.9, weight_decay=0.1),
    Adagrad(0.05),
]
OPTIMIZER = st.sampled_from(KINDS)
ANY_FOLDER = settings(
    deadline=None,
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def with_training(graph: Graph, **fields: Any) -> Graph:
    graph.training = replace(graph.training, **fields)
    return graph


def parameters(graph: Graph) -> list[bytes]:
    values = (graph.nodes[i].value for i in graph.trainables)
    return [np.asarray(value, graph.dtype).tobytes() for value in values]


def kept(graph: Graph) -> dict[str, dict[str, bytes]]:
    return {
        name: {label: array.tobytes() for label, array in arrays.items()}
        for name, arrays in graph.progress.kept.items()
    }


def noisy(dtype: str = "float64", side: int = 3) -> Graph:
    """A graph that draws rows and masks, with parameters of `side` x `side`."""
    rng = np.random.default_rng(1)
    X, t = Input("X"), Input("t")
    W = Input("W", value=rng.normal(size=(side, side)).astype(dtype), trainable=True)
    b = Input("__metadata__", value=np.zeros(side, dtype), trainable=True)
    cost = MSE(t, Dropout(Linear(X, W, b), rate=0.4, name="d"), name="cost")
    feeds = {X: rng.normal(size=(7, side)), t: rng.normal(size=(7, side))}
    return Graph.of(cost, feeds=feeds, batch_size=2, optimizer=Adam(0.1), seed=3, dtype=dtype)


@ANY_FOLDER
@given(
    path=st.sampled_from(SMALL),
    optimizer=OPTIMIZER,
    sampling=st.sampled_from(SAMPLINGS),
    before=st.integers(0, 7),
    after=st.integers(1, 7),
)
def test_it_continues_bit_for_bit(
    path: Path, optimizer: Any, sampling: Any, before: int, after: int, tmp_path: Path
) -> None:
    training = {"optimizer": optimizer, "sampling": sampling, "batch_size": 3}
    with np.errstate(all="ignore"):
        whole, graph = (with_training(load(path), **training) for _ in range(2))
        costs = whole.train(before + after)
        assert graph.train(before) == costs[:before] or np.isnan(costs).any()
        save(graph, tmp_path / "g.json")
        again = load(tmp_path / "g.json")
        assert kept(again) == (kept(graph) if before else {})
        for each_graph in (graph, again):
            np.testing.assert_array_equal(each_graph.train(after), costs[before:])
            assert parameters(each_graph) == parameters(whole)
            assert kept(each_graph) == kept(whole)
            assert each_graph.progress.sgd_steps == before + after


@ANY_FOLDER
@given(
    path=st.sampled_from(SMALL),
    optimizer=OPTIMIZER,
    moments=st.integers(0, 80),
    more=st.integers(1, 3),
)
def test_the_debugger_saves_what_it_shows(
    path: Path, optimizer: Any, moments: int, more: int, tmp_path: Path
) -> None:
    """At any moment before the updates, or at the end of an SGD step."""
    debugger = ComputedDebugger(with_training(load(path), optimizer=optimizer))
    length = debugger.timeline.length
    debugger.move(moments)
    if debugger.where.phase == "update":
        debugger.move(-(-debugger.moment // length) * length)
    debugger.save(tmp_path / "g.json")
    assert debugger.graph.progress == Progress()
    steps = debugger.moment // length
    again = ComputedDebugger(load(tmp_path / "g.json"))
    assert again.plan.steps_before == steps
    debugger.move((steps + more) * length)
    again.move(more * length)
    with np.errstate(all="ignore"):
        for i in debugger.graph.trainables:
            assert debugger.state.value(i).tobytes() == again.state.value(i).tobytes()
        np.testing.assert_array_equal(debugger.cursor.costs[steps:], again.cursor.costs)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("side", [3, 1 + int(INLINE**0.5)])
def test_rows_and_masks_continue_too(dtype: str, side: int, tmp_path: Path) -> None:
    whole, graph = noisy(dtype, side), noisy(dtype, side)
    costs = whole.train(13)
    graph.train(5)
    save(graph, tmp_path / "g.json")
    again = load(tmp_path / "g.json")
    # Stepping and running are one: the steps taken count for both.
    stepped = ComputedDebugger(again)
    stepped.move(8 * stepped.timeline.length)
    np.testing.assert_array_equal(stepped.cursor.costs, costs[5:])
    assert again.train(8) == costs[5:]
    assert parameters(again) == parameters(whole)


def test_a_run_that_is_saved_in_the_middle_of_its_updates_says_so(tmp_path: Path) -> None:
    session = open_session(
        ComputedDebugger(load(next(p for p in SMALL if p.stem == "valley-momentum")))
    )
    length = session.debugger.timeline.length
    session.debugger.move(length - 1)
    said = session.run(f"save {tmp_path}/g.json").text
    assert said.endswith("(after 1 of 2 updates: a run from the file repeats this SGD step)")
    session.debugger.move(length)
    assert session.run(f"save {tmp_path}/g.json").text == f"saved {tmp_path}/g.json"


def test_another_optimizer_begins_anew() -> None:
    graph, fresh = noisy(), noisy()
    graph.train(3)
    for node in ("W", "__metadata__"):
        fresh[node].value = graph[node].value.copy()
    for each_graph in (graph, fresh):
        with_training(each_graph, optimizer=Momentum(0.1))
    assert graph.train(4) == fresh.train(4)
    with_training(graph, optimizer=Momentum(0.2))
    assert graph.starts_from.sgd_steps == 4


def test_nothing_is_said_of_a_run_that_has_not_begun(tmp_path: Path) -> None:
    save(noisy(), tmp_path / "g.json")
    assert "state" not in (tmp_path / "g.json").read_text()
    save(Graph.of(Sum(Input("x", value=1.0))), tmp_path / "g.json")
    debugger = ComputedDebugger(load(tmp_path / "g.json"))
    debugger.move(10**6)
    debugger.save(tmp_path / "g.json")
    assert "state" not in (tmp_path / "g.json").read_text()


def test_a_parameter_of_another_shape_does_not_continue() -> None:
    graph = noisy()
    graph.train(1)
    graph["__metadata__"].value = np.zeros((1, 3))
    with pytest.raises(ShapeError, match="its first_moment has shape 3, its value 1x3"):
        graph.train(1)
    graph.progress = Progress()
    graph.train(1)


MOMENTUM = {"name": "Momentum"}


@pytest.mark.parametrize(
    ("optimizer", "state", "said"),
    [
        (MOMENTUM, {}, '$.training.state: the field "sgd_steps" is missing'),
        (MOMENTUM, {"sgd_steps": -1}, "state.sgd_steps: expected an integer >= 0, found -1"),
        (MOMENTUM, {"sgd_steps": 1}, "state.velocity: Momentum keeps velocity for each trainable"),
        ({"name": "SGD"}, {"sgd_steps": 1, "velocity": {"w": 1}}, "SGD keeps nothing for each"),
        (
            {"name": "Adam"},
            {"sgd_steps": 1, "velocity": {"w": 1}},
            "state.velocity: Adam keeps first_moment and second_moment for each",
        ),
        (MOMENTUM, {"sgd_steps": 1, "velocity": {}}, 'state.velocity: no entry for "w" (give'),
        (
            MOMENTUM,
            {"sgd_steps": 1, "velocity": {"w": 1, "W": 1}},
            "state.velocity.W: there is no trainable input \"W\" (did you mean 'w'?)",
        ),
        (
            MOMENTUM,
            {"sgd_steps": 1, "velocity": {"w": [1]}},
            'state.velocity.w: expected the shape of "w", (), found 1',
        ),
        (
            MOMENTUM,
            {"sgd_steps": 1, "velocity": {"w": "one"}},
            'state.velocity.w: expected a number, found "one"',
        ),
        (
            MOMENTUM,
            {"sgd_steps": 1, "velocity": {"w": {"init": "zeros", "shape": []}}},
            'state.velocity.w: unknown field "init"; known: file, tensor',
        ),
        (
            MOMENTUM,
            {"sgd_steps": 1, "velocity": {"w": {"file": "../v.npz"}}},
            "state.velocity.w.file: the path '../v.npz' leads out of the graph's folder",
        ),
        (MOMENTUM, {"sgd_step": 1}, "did you mean 'sgd_steps'?"),
    ],
)
def test_a_state_that_does_not_fit(optimizer: Any, state: Any, said: str, tmp_path: Path) -> None:
    node = {"name": "w", "op": "Input", "value": 1, "trainable": True}
    training = {"optimizer": optimizer, "state": state}
    content = {"miniflow": 1, "nodes": [node], "training": training}
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(MiniflowError) as raised:
        load(tmp_path / "t.json")
    assert str(raised.value).startswith("t.json: $.training.state")
    assert said in str(raised.value)


def test_every_optimizer_is_tried() -> None:
    assert {type(optimizer) for optimizer in KINDS} == set(OPTIMIZERS.values())
