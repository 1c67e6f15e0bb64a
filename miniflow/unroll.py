"""A recurrent layer as nodes of its own: the same calls in the same order, one time step a scope.

An RNN, LSTM or GRU called `lstm` becomes the nodes `lstm/…`, of step 3 `lstm/t3/…`, and a Stack of
the states that is called `lstm`. All values and gradients are the layer's, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from miniflow.errors import GraphError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import (
    GRU,
    LSTM,
    Add,
    Linear,
    Mul,
    Op,
    ReLU,
    Reshape,
    Sigmoid,
    Slice,
    Stack,
    Sub,
    Tanh,
    Transpose,
)
from miniflow.ops.base import Shape, follows_rules
from miniflow.ops.recurrent import B_HH, B_IH, C_0, H_0, W_HH, W_IH, Recurrent, X

# A layer of more steps has too many nodes to be read one by one.
MOST_STEPS = 1000
# Each step takes its part of the gates of all steps, and sends a gradient of their size: so many
# numbers at most, 512 MB.
MOST_NUMBERS = 2**26


class Unrolled(NamedTuple):
    """A graph in which a layer is unrolled, and the names of the nodes that it became."""

    graph: Graph
    inner: list[str]


def unroll(graph: Graph, name: str) -> Unrolled:
    """Return a copy of `graph` in which the recurrent layer called `name` is unrolled.

    The order of all other nodes stays. Raises `GraphError` if there is no such layer, if it has too
    many steps, or if a node has a class of its own, which cannot be copied; `MiniflowError` if the
    shapes do not fit.
    """
    layer = graph[name]
    if not isinstance(layer, Recurrent) or not follows_rules(layer):
        found = [node.label for node in graph.nodes if isinstance(node, Recurrent)]
        hint = f"those here: {', '.join(found[:5])}" if found else "RNN, LSTM and GRU are"
        raise GraphError(f"{name} is not a recurrent layer", where=graph.name, hint=hint)
    for node in graph.nodes:
        if not isinstance(node, Input) and not follows_rules(node):
            raise GraphError(
                f"{node.label} has a class of its own, {type(node).__name__}: it is not copied",
                where=graph.name,
            )
    shapes = graph.shapes()
    copies: list[Node] = []
    nodes: list[Node] = []
    inner: list[str] = []
    for i, node in enumerate(graph.nodes):
        inputs = [copies[source] for source in graph.inbound[i]]
        if node is layer:
            given = [shapes[source] for source in graph.inbound[i]]
            writer = _Writer(layer, inputs, given, graph.by_name)
            copy = writer.write()
            nodes += writer.nodes
            inner += [node.label for node in writer.nodes]
        else:
            copy = _copied(node, inputs)
        copies.append(copy)
        nodes.append(copy)
    made = Graph(
        nodes,
        copies[graph.cost],
        name=graph.name,
        description=graph.description,
        dtype=graph.dtype.name,
        training=graph.training,
        data=graph.data,
    )
    made.progress, made.fingerprint = graph.progress, graph.fingerprint
    return Unrolled(made, inner)


def _copied(node: Node, inputs: list[Node]) -> Node:
    if isinstance(node, Input):
        copy = Input(value=node.value, shape=node.shape, trainable=node.trainable, image=node.image)
        copy.constant = node.constant
        copy.name = node.label
        return copy
    return type(node).of(inputs, node.label, node.attrs)  # type: ignore[attr-defined,no-any-return]


class _Writer:
    """Writes the nodes of one layer, in the order of its calls."""

    def __init__(
        self, layer: Recurrent, inputs: list[Node], shapes: Sequence[Shape], taken: Any
    ) -> None:
        self.layer, self.inputs, self.taken = layer, inputs, taken
        self.steps, self.count, self.entries = shapes[X]
        self.units = shapes[W_HH][1]
        self.nodes: list[Node] = []
        self.hidden: dict[int, Node] = {}
        self.cells: dict[int, Node] = {}

    def write(self) -> Node:
        """Write all nodes; return the last one, which has the layer's name and value."""
        layer, inputs = self.layer, self.inputs
        if self.steps > MOST_STEPS:
            raise GraphError(
                f"{layer.label} has {self.steps:,} steps: at most {MOST_STEPS:,} are unrolled"
            )
        numbers = self.steps**2 * self.count * len(layer.gates) * self.units
        if numbers > MOST_NUMBERS:
            raise GraphError(
                f"{layer.label} has too many numbers to be unrolled: {numbers:,} in what its steps "
                f"send back, at most {MOST_NUMBERS:,}",
                hint="with fewer steps, or a smaller batch, it can be",
            )
        self.w_ih = self.op(Transpose, "w_ih", inputs[W_IH])
        self.w_hh = self.op(Transpose, "w_hh", inputs[W_HH])
        x = self.op(Reshape, "x", inputs[X], shape=[self.steps * self.count, self.entries])
        self.projected = self.op(Linear, "from_inputs", x, self.w_ih, inputs[B_IH])
        self.one = self.constant("one", np.array(1.0)) if isinstance(layer, GRU) else x
        first = self.state("h_0", H_0)
        first_cell = self.state("c_0", C_0) if isinstance(layer, LSTM) else first
        for time, before in layer.steps(self.steps):
            state = first if before is None else self.hidden[before]
            cell = first_cell if before is None else self.cells[before]
            self.cells[time], self.hidden[time] = self.step(time, state, cell)
        hidden = [self.hidden[time] for time in range(self.steps)]
        if layer.attrs.get("output") != "both":
            return Stack.of(hidden, layer.label, {})
        cells = [self.cells[time] for time in range(self.steps)]
        both = [self.op(Stack, "h", *hidden), self.op(Stack, "c", *cells)]
        return Stack.of(both, layer.label, {})

    def step(self, time: int, state: Node, cell: Node) -> tuple[Node, Node]:
        """Write the nodes of a step, from the states before it; return its cell and its state.

        Only an LSTM has a cell; the other layers return what they were given.
        """
        at = f"t{time}/"
        start = time * self.count
        ours = self.op(
            Slice, f"{at}from_inputs", self.projected, start=start, stop=start + self.count
        )
        theirs = self.op(Linear, f"{at}from_state", state, self.w_hh, self.inputs[B_HH])
        if isinstance(self.layer, GRU):
            return cell, self.gru(at, ours, theirs, state)
        sums = self.op(Add, f"{at}sums", ours, theirs)
        if isinstance(self.layer, LSTM):
            return self.lstm(at, sums, cell)
        kind = ReLU if self.layer.attrs["activation"] == "relu" else Tanh
        return cell, self.op(kind, f"{at}h", sums)

    def lstm(self, at: str, sums: Node, cell: Node) -> tuple[Node, Node]:
        """Write the gates, the cell and the hidden state of an LSTM."""
        i, f, g, o = (
            self.op(kind, f"{at}{name}", self.block(f"{at}{name}_sum", sums, k))
            for k, (name, kind) in enumerate(
                (("input", Sigmoid), ("forget", Sigmoid), ("new", Tanh), ("output", Sigmoid))
            )
        )
        kept, added = self.op(Mul, f"{at}kept", f, cell), self.op(Mul, f"{at}added", i, g)
        c = self.op(Add, f"{at}c", kept, added)
        squashed = self.op(Tanh, f"{at}squashed", c)
        return c, self.op(Mul, f"{at}h", o, squashed)

    def gru(self, at: str, ours: Node, theirs: Node, state: Node) -> Node:
        """Write the gates and the state of a GRU."""
        (r_in, r_state), (z_in, z_state), (n_in, n_state) = (
            (self.block(f"{at}{name}_in", ours, k), self.block(f"{at}{name}_state", theirs, k))
            for k, name in enumerate(("reset", "update", "new"))
        )
        r = self.op(Sigmoid, f"{at}reset", self.op(Add, f"{at}reset_sum", r_in, r_state))
        z = self.op(Sigmoid, f"{at}update", self.op(Add, f"{at}update_sum", z_in, z_state))
        remembered = self.op(Mul, f"{at}remembered", r, n_state)
        n = self.op(Tanh, f"{at}new", self.op(Add, f"{at}new_sum", n_in, remembered))
        added = self.op(Mul, f"{at}added", self.op(Sub, f"{at}rest", self.one, z), n)
        return self.op(Add, f"{at}h", added, self.op(Mul, f"{at}kept", z, state))

    def block(self, name: str, source: Node, k: int) -> Node:
        """Write the columns of the k-th gate."""
        start = k * self.units
        return self.op(Slice, name, source, start=start, stop=start + self.units, axis=1)

    def state(self, name: str, which: int) -> Node:
        """Return an initial state: an input of the layer, or zeros."""
        if len(self.inputs) > which:
            return self.inputs[which]
        return self.constant(name, np.zeros((self.count, self.units)))

    def constant(self, name: str, value: Any) -> Node:
        """Write an input of the layer's own."""
        made = Input(value=value)
        made.name = self.free(name)
        self.nodes.append(made)
        return made

    def op(self, kind: type[Op], name: str, *inputs: Node, **attributes: Any) -> Node:
        """Write a node."""
        made = kind.of(list(inputs), self.free(name), attributes)
        self.nodes.append(made)
        return made

    def free(self, name: str) -> str:
        """Return a name in the layer's scope that no node of the graph has."""
        name = f"{self.layer.label}/{name}"
        while name in self.taken:
            name += "'"
        return name
