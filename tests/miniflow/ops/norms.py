"""Norms over small inputs, with given gradients of their values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import BatchNorm, Mul, Op, Sum
from miniflow.plans.arrays import ArrayPlan
from tests.support.one_pass import one_pass

CHANNELS = np.array([[[1.0, 2], [4, 0], [-1, 3], [2, 2]], [[0.5, 1.5], [2, -2], [3, 1], [0, -1]]])
W4, B4 = [1.0, 2.0, -1.0, 0.5], [0.5, 0.0, -0.5, 1.0]
RUNNING = {"running_mean": np.array([0.5, -1, 2, 0]), "running_var": np.array([2.0, 0.5, 1, 4])}


def passed(op: Op) -> ArrayPlan:
    """Return the plan of an op after a pass for the gradients -1 to 2 of its value."""
    shape = op.inbound_nodes[0].value.shape
    upstream = Input("upstream", value=np.linspace(-1, 2, math.prod(shape)).reshape(shape))
    graph = Graph.of(Sum(Mul(op, upstream)))
    return one_pass(graph)


def inputs(x: Any, *weights: Any) -> list[Input]:
    values = [np.asarray(value, np.float64) for value in (x, *weights)]
    return [Input(name, value=value) for name, value in zip("xwb", values, strict=False)]


def batch_norm(**attributes: Any) -> BatchNorm:
    op = BatchNorm(*inputs(CHANNELS, W4, B4), name="op", **attributes)
    op.state = RUNNING
    return op
