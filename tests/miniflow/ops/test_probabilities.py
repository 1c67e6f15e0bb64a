"""Numbers that are no probabilities are named where a binary cross-entropy takes them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow import BinaryCrossEntropy, forward_pass
from miniflow.errors import ShapeError
from miniflow.files import load
from miniflow.gradcheck.checker import check
from miniflow.graph import Graph
from miniflow.node import Input

Way = Callable[[Graph], object]

WAYS: dict[str, Way] = {
    "trained": lambda graph: graph.train(1),
    "stepped": lambda graph: ComputedDebugger(graph).move(2),
    "in the lesson's words": lambda graph: forward_pass(graph.nodes),
}
# What goes through: the ends, and what people debug.
THROUGH = [0.0, -0.0, 1.0, 0.5, 5e-324, 1 - 2**-53, math.nan, math.inf, -math.inf]
OUTSIDE = [-1.5, 1.5, -5e-324, 1 + 2**-52, 1e308]


def cost_of(target: Any, prediction: Any, dtype: str = "float64") -> Graph:
    t, p = Input("t", value=target), Input("p", value=prediction, trainable=True)
    return Graph.of(BinaryCrossEntropy(t, p, name="cost"), dtype=dtype)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("target", "prediction", "said"),
    [
        (
            [[1.0], [0.0]],
            [[0.5], [-1.5]],
            "cost: p[1,0] = -1.5 is outside 0 to 1: a prediction is a probability "
            "(put a Sigmoid before it, or use SigmoidCrossEntropy)",
        ),
        (
            [1.0, math.nan, 0.0],
            [math.nan, 2.0, 1e300],
            "cost: p[1] = 2.0 is outside 0 to 1 (and 1 more of 3 entries): a prediction is a "
            "probability (put a Sigmoid before it, or use SigmoidCrossEntropy)",
        ),
        (1.0, 1.0000000000000002, "cost: p = 1.0000000000000002 is outside 0 to 1: a prediction"),
        ([2.0, 0.5], [0.5, 0.5], "cost: t[0] = 2.0 is outside 0 to 1: a target is a probability"),
    ],
)
def test_they_are_named(way: Way, target: Any, prediction: Any, said: str) -> None:
    with pytest.raises(ShapeError) as raised:
        way(cost_of(target, prediction))
    assert str(raised.value).startswith(said)


@given(
    target=st.lists(st.sampled_from(THROUGH), min_size=3, max_size=3),
    prediction=st.lists(st.sampled_from(THROUGH), min_size=3, max_size=3),
    outside=st.none() | st.tuples(st.integers(0, 1), st.integers(0, 2), st.sampled_from(OUTSIDE)),
    way=st.sampled_from(list(WAYS.values())),
)
def test_all_else_goes_through(
    target: list[float], prediction: list[float], outside: Any, way: Way
) -> None:
    values = [target, prediction]
    if outside is not None:
        side, entry, number = outside
        values[side][entry] = number
    with np.errstate(all="ignore"):
        if outside is None:
            way(cost_of(*values))
            return
        with pytest.raises(ShapeError, match=rf"{'tp'[side]}\[{entry}\] = "):
            way(cost_of(*values))


def test_a_float32_is_shown_as_it_is() -> None:
    with pytest.raises(ShapeError, match=r"p\[0\] = 1\.1 is"):
        cost_of([0.0], [1.1], "float32").train(1)


def test_the_debugger_stands_before_it(tmp_path: Path) -> None:
    nodes = [
        {"name": "t", "op": "Input", "value": [0, 1]},
        {"name": "z", "op": "Input", "trainable": True, "value": [0.5, 3]},
        {"name": "n", "op": "Neg", "inputs": ["z"]},
        {"name": "cost", "op": "BinaryCrossEntropy", "inputs": ["t", "n"]},
    ]
    (tmp_path / "g.json").write_text(json.dumps({"miniflow": 1, "nodes": nodes}))
    debugger = ComputedDebugger(load(tmp_path / "g.json"))
    for target in (3, 1000):
        with pytest.raises(ShapeError, match=r"n\[0\] = -0\.5"):
            debugger.move(target)
        assert debugger.moment == 2


def test_targets_of_0_and_1_are_still_checked_by_differences() -> None:
    graph = cost_of([0.0, 1.0], [0.25, 0.75])
    assert [verdict.judgement for verdict in check(graph)] == ["right", "right"]
