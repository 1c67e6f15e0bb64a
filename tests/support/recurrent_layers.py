"""Recurrent layers: their weights, and graphs with one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import miniflow as mf
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import OPS, Dropout
from miniflow.ops.recurrent import Recurrent


def waves(*shape: int, start: int = 0) -> Any:
    return np.sin(np.arange(math.prod(shape), dtype=np.float64) + start).reshape(shape)


def weights(kind: type[Recurrent], entries: int = 2, units: int = 2) -> list[Input]:
    rows = len(kind.gates) * units
    shapes = {"W_ih": (rows, entries), "W_hh": (rows, units), "b_ih": (rows,), "b_hh": (rows,)}
    return [
        Input(name, value=waves(*shape, start=10 * k + 10), trainable=True)
        for k, (name, shape) in enumerate(shapes.items())
    ]


def sequences(kind: str, steps: int = 6) -> Graph:
    """A layer among other nodes, with data, dropout and a state that is kept."""
    rng = np.random.default_rng(2)
    gates = len(OPS[kind].gates)  # type: ignore[attr-defined]
    x, target = Input("x", shape=(None, steps, 2)), Input("target", shape=(None, steps, 3))
    shapes = {"W_ih": (gates * 3, 2), "W_hh": (gates * 3, 3), "b_ih": (gates * 3,), "b_hh": ()}
    weights = [mf.parameter(rng.normal(size=s), name) for name, s in shapes.items()]
    before = Dropout(x, rate=0.2, name="before")
    turned = mf.ops.Transpose(before, axes=[1, 0, 2], name="turned")
    layer = OPS[kind](turned, *weights, name="layer")
    back = mf.ops.Transpose(Dropout(layer, rate=0.2), axes=[1, 0, 2])
    tables = {x: rng.normal(size=(8, steps, 2)), target: rng.normal(size=(8, steps, 3))}
    return Graph.of(
        mf.mse(target, back, name="cost"), feeds=tables, optimizer=mf.Adam(0.02), batch_size=4
    )
