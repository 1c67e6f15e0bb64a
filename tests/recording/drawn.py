"""Strategies that draw structures, and passes over them."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from mfdebug.recording.records import RecordedNode, Structure
from tests.recording.runs import structure

DTYPES = ("<f8", "<f4", "<f2", ">f8", "|b1", "|i1", "<i8", "<u4", "|u1", "<c16", ">i2")
NAMES = st.sampled_from(("x", "y", "W", "b", "é", "l1"))


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    size = int(np.prod(shape, dtype=int)) * dtype.itemsize
    data = Random(draw(st.integers(0, 999))).randbytes(size)
    if dtype.kind == "b":
        data = bytes(byte & 1 for byte in data)
    return np.frombuffer(data, dtype).reshape(shape) if size else np.zeros(shape, dtype)


VALUES = st.one_of(st.floats(), st.integers(-(2**70), 2**70), arrays(), st.text(max_size=5))


@st.composite
def structures(draw: st.DrawFn, most: int = 8) -> Structure:
    """Draw a graph whose last node is the cost, and which some nodes may not reach."""
    nodes: list[RecordedNode] = []
    for i in range(draw(st.integers(1, most))):
        inbound = tuple(draw(st.lists(st.integers(0, i - 1), max_size=3))) if i else ()
        kind = draw(st.sampled_from(("Add", "Mul"))) if inbound else "Input"
        ours = draw(st.booleans())
        nodes.append(RecordedNode(kind, inbound, draw(st.just("") | NAMES), ours))
    return structure(nodes, backward=draw(st.booleans()))


class Drawn(NamedTuple):
    structure: Structure
    values: list[tuple[str, int, int, Any]]


@st.composite
def passes(draw: st.DrawFn) -> Drawn:
    """Draw a structure and what a pass over it has made."""
    given = draw(structures())
    places = []
    for i, node in enumerate(given.nodes):
        places += [("v", i, -1), ("g", i, -1)]
        places += [
            (tag, i, input_index) for input_index in range(len(node.inbound)) for tag in "sc"
        ]
    chosen = draw(st.lists(st.sampled_from(places), unique=True))
    return Drawn(given, [(*place, draw(VALUES)) for place in chosen])
