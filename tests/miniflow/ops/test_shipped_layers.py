"""The shipped networks with layers of larger ones: PyTorch's numbers, and what they promise."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from miniflow.files import load, loads
from tests.support.debuggers import run_until
from tests.support.paths import ROOT
from tests.support.shipped_by_pytorch import FILE, SHIPPED_LAYERS


def opened(name: str) -> Debugger:
    return ComputedDebugger(load(ROOT / "graphs" / f"{name}.json"))


def value(debugger: Debugger, name: str) -> Any:
    return debugger.state.value(debugger.graph.index_of(name))


def gradient(debugger: Debugger, name: str) -> Any:
    return debugger.state.gradient(debugger.graph.index_of(name))


def at(debugger: Debugger, sgd_step: int, name: str) -> Debugger:
    """Move to the forward of a node in an SGD step."""
    debugger.move(debugger.timeline.start_of(sgd_step))
    run_until(debugger, debugger.graph.index_of(name), "forward")
    return debugger


def largest(debugger: Debugger, name: str) -> float:
    return float(np.abs(gradient(debugger, name)).max())


@pytest.mark.parametrize("name", SHIPPED_LAYERS)
def test_costs_and_gradients_are_pytorchs(name: str) -> None:
    expected, debugger = json.loads(FILE.read_text())[name], opened(name)
    debugger.cursor.phases(3)
    # LeNet is in float32, PyTorch's numbers are in float64.
    rel = 1e-5 if debugger.graph.dtype == np.float32 else 1e-10
    found = {label: np.linalg.norm(gradient(debugger, label)) for label in expected["gradients"]}
    assert found == pytest.approx(expected["gradients"], rel=rel)
    assert debugger.plan.cost() == pytest.approx(expected["cost"], rel=rel)
    steps = SHIPPED_LAYERS[name]
    debugger.move(debugger.timeline.start_of(steps + 1))
    assert debugger.cursor.costs[steps] == pytest.approx(expected["last"], rel=max(rel, 1e-6))


def test_lenet_learns_the_digits() -> None:
    debugger = at(opened("lenet"), 169, "scores")
    costs = debugger.cursor.costs
    assert 2.3 < costs[0] < 2.5
    assert costs[56] < 0.5
    assert costs[168] < 0.11
    right = value(debugger, "scores").argmax(1) == value(debugger, "t")
    assert right.mean() > 0.9


def test_batchnorm_keeps_gradients_alive() -> None:
    debugger = opened("batchnorm")
    debugger.cursor.phases(3)
    assert largest(debugger, "layer6/W") == pytest.approx(0.0053, rel=0.01)
    assert largest(debugger, "layer1/W") == pytest.approx(0.0012, rel=0.04)
    np.testing.assert_allclose(gradient(debugger, "layer1/z").sum(0), 0, atol=1e-17)
    mean = debugger.plan.lasting(debugger.graph.index_of("layer1/n"))["running_mean"]
    np.testing.assert_allclose(mean, [0.025, 0.075])
    np.testing.assert_allclose(value(debugger, "layer1/z").mean(0), [0.25, 0.75])


def test_without_the_norms_nothing_is_learned() -> None:
    content = json.loads((ROOT / "graphs" / "batchnorm.json").read_text())
    for node in content["nodes"]:
        if node["op"] == "BatchNorm":
            z, _, beta = node["inputs"]
            node |= {"op": "Add", "inputs": [z, beta]}
    content["nodes"] = [node for node in content["nodes"] if not node["name"].endswith("gamma")]
    debugger = ComputedDebugger(loads(json.dumps(content).encode(), ".", "no-norms.json"))
    debugger.cursor.phases(3)
    assert largest(debugger, "layer6/W") == pytest.approx(0.0042, rel=0.01)
    assert largest(debugger, "layer1/W") == pytest.approx(0.0000038, rel=0.02)
    debugger.move(debugger.timeline.start_of(1000))
    assert debugger.cursor.costs[999] == pytest.approx(0.25, abs=1e-4)


def test_of_two_towers_the_one_with_norms_learns() -> None:
    debugger = opened("norm-or-not")
    debugger.cursor.phases(3)
    assert largest(debugger, "bare/layer1/W") == pytest.approx(3.83e-6, rel=0.01)
    assert largest(debugger, "norm/layer1/W") == pytest.approx(0.00116, rel=0.01)
    assert np.ptp(value(debugger, "bare/layer6/a"), axis=0).max() < 0.001
    assert np.ptp(value(debugger, "norm/layer6/a"), axis=0).min() > 0.5
    debugger = at(debugger, 400, "cost")
    assert value(debugger, "bare/cost") == pytest.approx(0.25, abs=1e-4)
    assert value(debugger, "norm/cost") == pytest.approx(0.011, abs=1e-4)


def test_a_kernel_learns_to_subtract_left_from_right() -> None:
    debugger = opened("edge")
    debugger.cursor.phases(3)
    assert gradient(debugger, "kernel")[0, 0] == pytest.approx(np.array([[0, -0.4]] * 2))
    debugger = at(debugger, 50, "found")
    assert value(debugger, "kernel")[0, 0] == pytest.approx(np.array([[-0.5, 0.5]] * 2), abs=1e-4)
    assert value(debugger, "found")[0, 0, 0] == pytest.approx([0, 0, 1, 0, 0], abs=1e-4)


def test_attention_finds_the_subject() -> None:
    weights = []
    for sgd_step in (1, 80):
        debugger = at(opened("transformer"), sgd_step, "block/attention/mix")
        # The first head of the word before the verb, in the second sentence.
        q, k = (value(debugger, f"block/attention/{name}")[1, :, :4] for name in "qk")
        powers = np.exp(q[4] @ k[:5].T / 2)
        weights.append(powers[1] / powers.sum())
    assert weights == pytest.approx([0.37, 0.9999], rel=5e-3)
    at(debugger, 80, "cost")
    least = 2 * math.log(4) / 6
    assert least < debugger.plan.cost() < least + 0.002
    guessed = value(debugger, "scores").argmax(1)
    assert np.mean(guessed == value(debugger, "next")) == 0.75


def test_a_cell_counts() -> None:
    debugger = at(opened("lstm"), 300, "lstm/state")
    cell = value(debugger, "lstm/state")[1, :, 5, 0]
    steps = np.diff(cell)
    np.testing.assert_allclose(steps[:5], -0.9, atol=0.03)
    np.testing.assert_allclose(steps[5:11], 1, atol=0.2)
    at(debugger, 300, "cost")
    least = 6 * math.log(6) / 78
    assert least < debugger.plan.cost() < least + 0.005
