"""Graphs to draw: random ones, those that ship, and some of known shapes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import MSE, Add, Linear, Mul, Neg, Sigmoid, Sum
from tests.support.paths import ROOT

SHIPPED = sorted(path.stem for path in (ROOT / "graphs").glob("*.json"))
# The panes of a screen of 80x24, of 120x40 and of 200x50, and a very low one.
PANES = ((80, 17), (120, 33), (200, 43), (80, 9))


def shipped(name: str) -> Debugger:
    return ComputedDebugger(load_graph(name))


def random_graph(seed: int, size: int, back: int, scopes: Sequence[str] = ("",)) -> Graph:
    """Return a graph of additions and products of the nodes just before, in these scopes."""
    random = Random(seed)
    nodes: list[Node] = []
    for number in range(size):
        scope = scopes[number * len(scopes) // size]
        name = f"{scope}n{number}"
        if number < 2 or random.random() < 0.25:
            nodes.append(Input(name, value=1.0, trainable=random.random() < 0.5))
            continue
        count = random.choice((1, 2, 2, 2, 3, 5))
        taken = [random.choice(nodes[-back:]) for _ in range(count)]
        if count == 1:
            nodes.append(Neg(taken[0], name=name))
        elif count == 2:
            nodes.append(Mul(*taken, name=name))
        else:
            nodes.append(Add(*taken, name=name))
    if isinstance(nodes[-1], Input):
        nodes.append(Neg(nodes[-2], name="last"))
    return Graph(nodes, nodes[-1])


SCOPES = (
    ("",),
    ("a/", "b/", ""),
    ("e/b1/", "e/b2/", "e/b3/", "d/"),
    ("b1/", "b2/", "b3/", "b4/", "b5/"),
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw a random graph of up to 60 nodes, with and without scopes."""
    size = draw(st.integers(4, 60))
    seed, back = draw(st.integers(0, 10**6)), draw(st.integers(2, 20))
    return random_graph(seed, size, back, draw(st.sampled_from(SCOPES)))


def transformer_like(blocks: int) -> Graph:
    """Return a graph of repeated blocks in nested scopes, each with two branches and a sum."""
    x = Input("x", value=[[1.0, 2.0]])
    node: Node = x
    for number in range(1, blocks + 1):
        name = f"block{number}/"
        parts = []
        for branch in ("att", "mlp"):
            w = Input(f"{name}{branch}/W", value=[[0.5, 0.1], [0.2, 0.4]], trainable=True)
            b = Input(f"{name}{branch}/b", value=[0.0, 0.0], trainable=True)
            line = Linear(node, w, b, name=f"{name}{branch}/line")
            parts.append(Sigmoid(line, name=f"{name}{branch}/act"))
        both = Add(*parts, name=f"{name}both")
        node = Add(node, both, name=f"{name}out")
    wanted = Input("wanted", value=[[0.0, 1.0]])
    return Graph.of(MSE(wanted, node, name="cost"))


def chain(length: int) -> Graph:
    """Return a chain of products with one weight each, without scopes or digits that repeat."""
    node: Node = Input("start", value=1.0)
    for number in range(length):
        weight = Input(f"w{number}", value=1.01, trainable=True)
        node = (Mul if number % 2 else Add)(node, weight, name=f"n{number}")
    return Graph.of(node)


def wide(inputs: int) -> Graph:
    """Return a sum of many inputs."""
    return Graph.of(Sum(Add(*(Input(f"x{i}", value=1.0) for i in range(inputs)), name="all")))


WRITES = os.environ.get("GOLDEN") == "write"
