"""Debuggers over small graphs, and all that is to be seen of one as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Edit, Freshness
from mfdebug.core.timeline.timeline import Phase
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, BatchNorm, Dropout, Linear, Mul, Sigmoid, Sum
from miniflow.training.data import Data
from miniflow.training.optimizers import Adam, Optimizer
from tests.support import sizes
from tests.support.op_cases import Case


def state(debugger: Debugger) -> dict[str, Any]:
    """Everything there is to see at the present moment, as bytes."""
    seen: dict[str, Any] = {"moment": debugger.moment, "lr": debugger.state.learning_rate}
    for i, node in enumerate(debugger.graph.nodes):
        freshness = debugger.state.value_freshness(i)
        if freshness is not Freshness.WAITING:
            seen[f"{node.label} value {freshness.value}"] = debugger.state.value(i).tobytes()
        freshness = debugger.state.gradient_freshness(i)
        if freshness in (Freshness.CURRENT, Freshness.STALE, Freshness.PARTIAL):
            seen[f"{node.label} gradient {freshness.value}"] = debugger.state.gradient(i).tobytes()
        for name, array in debugger.plan.lasting(i).items():
            seen[f"{node.label} {name}"] = array.tobytes()
        for c in debugger.state.contributions(i):
            if c.sent is not None:
                seen[f"{node.label} from {c.consumer}.{c.input_index}"] = c.sent.tobytes()
    return seen


def network(optimizer: Optimizer, sampling: str = "replacement", dtype: str = "float64") -> Graph:
    rng = np.random.default_rng(3)
    X, y = Input("X", shape=(None, 3)), Input("y", shape=(None, 1))
    W1 = Input("W1", value=rng.normal(size=(3, 4)), trainable=True)
    b1 = Input("b1", value=np.zeros(4), trainable=True)
    W2 = Input("W2", value=rng.normal(size=(4, 1)), trainable=True)
    b2 = Input("b2", value=np.zeros(1), trainable=True)
    hidden = Dropout(Sigmoid(Linear(X, W1, b1, name="l1"), name="s1"), rate=0.25, name="d1")
    cost = MSE(y, Linear(hidden, W2, b2, name="l2"), name="cost")
    data = Data({"X": rng.normal(size=(20, 3)), "y": rng.normal(size=(20, 1))})
    training = Training(optimizer, batch_size=6, sampling=sampling, seed=5)  # type: ignore[arg-type]
    return Graph.of(cost, training=training, data=data, dtype=dtype)


def normalised(dtype: str = "float64", channels: int = 3) -> Graph:
    """A network with two BatchNorms, one after the other, on random batches."""
    rng = np.random.default_rng(8)
    X, t = Input("X"), Input("t")
    W = Input("W", value=rng.normal(size=(2, channels)), trainable=True)
    b = Input("b", value=np.zeros(channels), trainable=True)
    gain = Input("gain", value=np.ones(channels), trainable=True)
    first = BatchNorm(Linear(X, W, b, name="l"), gain, name="first")
    second = BatchNorm(Sigmoid(first, name="s"), momentum=0.3, name="second")
    feeds = {X: rng.normal(1, 2, size=(11, 2)), t: rng.normal(size=(11, channels))}
    cost = MSE(t, second, name="cost")
    return Graph.of(cost, feeds=feeds, batch_size=4, optimizer=Adam(0.05), seed=2, dtype=dtype)


def debugger_of(
    case: Case, *, sink: bool = False, trains: bool = False, names: Iterable[str] = ()
) -> Debugger:
    """A run over an op and a weighted sum of its value, or over the op alone, as a `sink`.

    With `trains`, all inputs are parameters. `names` are those of the op, the weights, the sum, and
    the inputs.
    """
    op_name, weights_name, cost_name, *given = names or ("op", "weights", "cost")
    given = given or [f"x{i}" for i in range(len(case.values))]
    inputs = [
        Input(name, value=value, trainable=trains)
        for name, value in zip(given, case.values, strict=False)
    ]
    nodes = [inputs[0]] * len(inputs) if case.same else inputs
    op = case.op(*nodes, name=op_name, **case.attributes)
    if sink:
        return ComputedDebugger(Graph.of(op))
    shape = op.output_shape(*(np.shape(node.value) for node in nodes))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, shape)
    cost = Sum(Mul(op, Input(weights_name, value=weights)), name=cost_name)
    return ComputedDebugger(Graph.of(cost))


def nodes_asked(debugger: Debugger) -> list[int]:
    """The nodes to ask about at this moment: what it has changed, and all where a pass ends.

    That is its node and the nodes joined to that; with `--long` all, at every moment.
    """
    graph, node = debugger.graph, debugger.where.node
    every = range(len(graph))
    if sizes.long or node is None or debugger.moment % debugger.timeline.length == 0:
        return [*every]
    joined = {node, *graph.inbound[node]}
    return [other for other in every if other in joined or node in graph.inbound[other]]


def make_again(debugger: Debugger, edit: Edit) -> None:
    """Make an edit of another debugger at the present moment."""
    if edit.node is None:
        debugger.set_learning_rate(float(edit.value))
    elif edit.scales:
        debugger.scale(edit.node, edit.index, edit.value, gradient=edit.gradient)
    elif edit.gradient:
        debugger.set_gradient(edit.node, edit.index, edit.value)
    else:
        debugger.set_value(edit.node, edit.index, edit.value)


def run_until(debugger: Debugger, node: int, phase: Phase | None = None) -> None:
    """Run to the next moment of a node, of any phase or of `phase`."""
    debugger.move(debugger.cursor.next_moment(node, phase))
