"""Norms: the numbers that PyTorch gives, edges and shapes.

PyTorch 2.13 computed the numbers of `norms_by_pytorch.json`, in float64 (`torch.nn.functional`):
value and gradients of the norms of `OURS`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Op, RMSNorm
from tests.miniflow.ops.norms import B4, CHANNELS, W4, batch_norm, inputs, passed

ROWS = np.array([[1.0, 2, 4], [0, -1, 3]])
W3, B3 = [1.0, 2.0, -1.0], [0.5, 0.0, -0.5]

THEIRS = json.loads(Path(__file__).with_name("norms_by_pytorch.json").read_text())
OURS: dict[str, Callable[[], Op]] = {
    "LayerNorm": lambda: LayerNorm(*inputs(ROWS, W3, B3), name="op"),
    "RMSNorm": lambda: RMSNorm(*inputs(ROWS, W3, B3), name="op"),
    "GroupNorm": lambda: GroupNorm(*inputs(CHANNELS, W4, B4), groups=2, name="op"),
    "InstanceNorm": lambda: InstanceNorm(*inputs(CHANNELS, W4, B4), name="op"),
    "BatchNorm": batch_norm,
    "BatchNorm in inference": lambda: batch_norm(training=False),
}


@pytest.mark.parametrize("name", OURS)
def test_the_numbers_of_pytorch(name: str) -> None:
    plan, theirs = passed(OURS[name]()), THEIRS[name]
    found = {node: plan.gradient(plan.graph.index_of(node)) for node in "xwb"}
    found["value"] = plan.value(plan.graph.index_of("op"))
    for what, numbers in found.items():
        # Of two numbers that differ little, most digits of the gradient cancel.
        np.testing.assert_allclose(numbers.reshape(-1), theirs[what], 1e-10, 1e-9)


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_makes_its_whole_row_nan(odd: float) -> None:
    plan = passed(LayerNorm(*inputs([[1.0, odd, 2.0], [1.0, 2.0, 4.0]]), name="op"))
    value, gradient = plan.value(plan.graph.index_of("op")), plan.gradient(0)
    assert np.isnan(value[0]).all()
    assert np.isnan(gradient[0]).all()
    assert np.isfinite(value[1]).all()
    assert np.isfinite(gradient[1]).all()


def test_equal_numbers_are_normalised_to_0() -> None:
    plan = passed(LayerNorm(*inputs([[3.0, 3.0, 3.0]]), name="op"))
    assert plan.value(plan.graph.index_of("op")).tolist() == [[0, 0, 0]]
    # Without eps, 0/0.
    plan = passed(LayerNorm(*inputs([[3.0, 3.0, 3.0]]), eps=0, name="op"))
    assert np.isnan(plan.value(plan.graph.index_of("op"))).all()
    plan = passed(RMSNorm(*inputs([[0.0, 0.0]]), name="op"))
    assert plan.value(plan.graph.index_of("op")).tolist() == [[0, 0]]


def test_one_number_alone_becomes_the_bias() -> None:
    for op in (
        GroupNorm(*inputs([[5.0, 7.0]], [2.0, 2.0], [0.5, 1.5]), groups=2, name="op"),
        InstanceNorm(*inputs([[[5.0], [7.0]]], [2.0, 2.0], [0.5, 1.5]), name="op"),
    ):
        plan = passed(op)
        assert plan.value(plan.graph.index_of("op")).reshape(-1).tolist() == [0.5, 1.5]
        assert not plan.gradient(plan.graph.index_of("x")).any()


def test_how_many_axes_follows_from_the_weight_or_the_attribute() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    two = LayerNorm(*inputs(x, np.ones((3, 4))), name="op")
    told = LayerNorm(*inputs(x), axes=2, name="op")
    one = LayerNorm(*inputs(x), name="op")
    values = [(p := passed(op)).value(p.graph.index_of("op")) for op in (two, told, one)]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_allclose(values[0].mean((1, 2)), 0, atol=1e-15)
    np.testing.assert_allclose(values[2].mean(2), 0, atol=1e-15)
    assert abs(values[2] - values[0]).max() > 0.1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: LayerNorm(*inputs(ROWS, [1.0, 1.0]), name="n"),
            "n: a weight of shape 2 does not fit x of shape 2x3: it takes 3 [x 2x3, w 2]",
        ),
        (
            lambda: RMSNorm(*inputs(ROWS, W3, [1.0]), name="n"),
            "n: a bias of shape 1 does not fit x of shape 2x3: it takes 3",
        ),
        (
            lambda: LayerNorm(*inputs(ROWS), axes=3, name="n"),
            "n: a norm over the last 3 axes does not fit x of shape 2x3",
        ),
        (lambda: LayerNorm(*inputs(1.0), name="n"), "n: a norm over the last axis takes an x"),
        (
            lambda: GroupNorm(*inputs(CHANNELS), groups=3, name="n"),
            "n: 4 channels cannot be divided into 3 equal groups",
        ),
        (
            lambda: InstanceNorm(*inputs(ROWS), name="n"),
            "n: it takes x (N, C, and at least one axis more); x has shape 2x3",
        ),
        (lambda: BatchNorm(*inputs([1.0, 2.0]), name="n"), "n: it takes x (N, C, ...)"),
        (
            lambda: BatchNorm(*inputs([[1.0, 2.0]]), name="n"),
            "n: x of shape 1x2 has one number for each channel: their variance is not defined",
        ),
    ],
)
def test_shapes_that_do_not_fit(make: Any, said: str) -> None:
    with pytest.raises(ShapeError) as raised:
        Graph.of(make()).shapes()
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "attributes", "said"),
    [
        (LayerNorm, {"axes": 0}, "how many of the last axes, from 1"),
        (LayerNorm, {"eps": -1.0}, "a number from 0"),
        (GroupNorm, {"groups": 0}, "an integer from 1"),
        (BatchNorm, {"momentum": 1.5}, "a number from 0 to 1"),
        (BatchNorm, {"training": 1}, "true or false"),
    ],
)
def test_attributes_out_of_range(kind: Any, attributes: dict[str, Any], said: str) -> None:
    with pytest.raises(GraphError, match=said):
        kind(Input("x"), **attributes)
