"""Graphs saved and loaded again, compared bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from miniflow.files import load, save
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Op


def bits(value: Any, dtype: Any) -> Any:
    if value is None:
        return None
    array = np.asarray(value, dtype)
    return array.shape, array.tobytes()


def same(a: Graph, b: Graph) -> None:
    """Assert that two graphs are the same, bit for bit."""
    assert (a.name, a.description, a.dtype, a.training) == (
        b.name,
        b.description,
        b.dtype,
        b.training,
    )
    assert [n.label for n in a.declared] == [n.label for n in b.declared]
    assert a.names() == b.names()
    assert a.inbound == b.inbound
    assert (a.cost, a.trainables) == (b.cost, b.trainables)
    for m, n in zip(a.nodes, b.nodes, strict=True):
        assert type(m) is type(n)
        if isinstance(m, Input) and isinstance(n, Input):
            assert (m.shape, m.trainable) == (n.shape, n.trainable)
            assert bits(m.value, a.dtype) == bits(n.value, b.dtype)
        if isinstance(m, Op) and isinstance(n, Op):
            assert json.dumps(m.attrs) == json.dumps(n.attrs)
    assert (a.data is None) == (b.data is None)
    if a.data is not None and b.data is not None:
        assert list(a.data.feeds) == list(b.data.feeds)
        for name, table in a.data.feeds.items():
            assert bits(table, a.dtype) == bits(b.data.feeds[name], b.dtype)


def saved(graph: Graph, path: Path) -> Graph:
    save(graph, path)
    again = load(path)
    same(graph, again)
    return again
