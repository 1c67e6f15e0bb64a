"""The modern API: operators, functions and scopes that create the same nodes as the classes.

import miniflow as mf

x, wanted = mf.Input("x", value=10.0), mf.Input("wanted", value=20.0)
w = mf.parameter(5.0, "w")
graph = mf.Graph.of(mf.mse(wanted, w * x), optimizer=mf.SGD(0.001))
graph.train(100)
print(w.value)  # 2.0000...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miniflow import ops
from miniflow.arguments import as_numbers
from miniflow.errors import GraphError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.node import scope as scope
from miniflow.registry import FUNCTIONS

# Functions that make nodes; each is an op's class, whose family is loaded when it is used.
if TYPE_CHECKING:
    maximum = ops.Max
    minimum = ops.Min
    exp = ops.Exp
    log = ops.Log
    sqrt = ops.Sqrt
    sin = ops.Sin
    cos = ops.Cos
    erf = ops.Erf
    reciprocal = ops.Reciprocal
    clip = ops.Clip
    where = ops.Where
    equal = ops.Equal
    less = ops.Less
    less_or_equal = ops.LessOrEqual
    greater = ops.Greater
    greater_or_equal = ops.GreaterOrEqual
    detach = ops.Detach
    cast = ops.Cast
    attention = ops.Attention
    matmul = ops.MatMul
    linear = ops.Linear
    concat = ops.Concat
    conv = ops.Conv
    conv_transpose = ops.ConvTranspose
    max_pool = ops.MaxPool
    average_pool = ops.AveragePool
    adaptive_max_pool = ops.AdaptiveMaxPool
    adaptive_average_pool = ops.AdaptiveAveragePool
    sigmoid = ops.Sigmoid
    tanh = ops.Tanh
    relu = ops.ReLU
    leaky_relu = ops.LeakyReLU
    softplus = ops.Softplus
    gelu = ops.GELU
    silu = ops.SiLU
    elu = ops.Elu
    selu = ops.Selu
    prelu = ops.PRelu
    hard_sigmoid = ops.HardSigmoid
    softmax = ops.Softmax
    var = ops.Var
    norm = ops.Norm
    logsumexp = ops.LogSumExp
    prod = ops.Prod
    cumsum = ops.CumSum
    argmax = ops.ArgMax
    take = ops.Take
    expand = ops.Expand
    tile = ops.Tile
    pad = ops.Pad
    resize = ops.Resize
    stack = ops.Stack
    squeeze = ops.Squeeze
    unsqueeze = ops.Unsqueeze
    log_softmax = ops.LogSoftmax
    nll = ops.NLL
    kl = ops.KL
    huber = ops.Huber
    hinge = ops.Hinge
    layer_norm = ops.LayerNorm
    rms_norm = ops.RMSNorm
    group_norm = ops.GroupNorm
    instance_norm = ops.InstanceNorm
    batch_norm = ops.BatchNorm
    mse = ops.MSE
    mae = ops.MAE
    binary_cross_entropy = ops.BinaryCrossEntropy
    sigmoid_cross_entropy = ops.SigmoidCrossEntropy
    softmax_cross_entropy = ops.SoftmaxCrossEntropy
    dropout = ops.Dropout
    rnn = ops.RNN
    lstm = ops.LSTM
    gru = ops.GRU
else:
    __all__ = ["einsum", "load", "parameter", "save", "scope", "split", *FUNCTIONS]

    def __getattr__(name: str) -> Any:
        if name not in FUNCTIONS:
            problem = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(problem, name=name, obj=sys.modules[__name__])
        op = globals()[name] = getattr(ops, FUNCTIONS[name])
        return op


def __dir__() -> list[str]:
    return sorted({*globals(), *FUNCTIONS})


def parameter(value: Any, name: str | None = None) -> Input:
    """Return a trainable input with the initial value `value`.

    Raises `FeedError` if that is not a number or an array of numbers.
    """
    if not isinstance(value, float):
        value = np.array(as_numbers(value, name or "parameter"), np.float64)
    return Input(name, value=value, trainable=True)


def einsum(equation: str, *inputs: Node, name: str | None = None) -> Node:
    """Return the products of the inputs' entries, summed over indices: `einsum("ij,jk->ik", a, b)`.

    Raises `GraphError` if the equation is not for that many inputs.
    """
    return ops.Einsum(*inputs, name=name, equation=equation)


def split(x: Node, parts: int | Sequence[int], axis: int = 0) -> list[Node]:
    """Return the parts of `x` along `axis`: a number of equal parts, or one of each given size.

    Raises `GraphError` unless `parts` is a positive number or a list of them.
    """
    if isinstance(parts, Sequence):
        parts = list(parts)
    first = ops.Split(x, parts=parts, axis=axis)
    count = len(parts) if isinstance(parts, list) else parts
    others = (ops.Split(x, parts=parts, part=part, axis=axis) for part in range(1, count))
    return [first, *others]


def as_graph(subject: Graph | Node | Sequence[Node], trainables: Sequence[Node] = ()) -> Graph:
    """Return a graph from a graph, a cost node, or the list that `topological_sort` returned.

    `trainables` are the inputs that training changes, in addition to those marked as trainable.
    Raises `GraphError` for any other subject, and for a trainable that is not an input.
    """
    for node in trainables:
        if not isinstance(node, Input):
            raise GraphError(f"{node!r} is given as trainable, but it is not an Input")
        node.trainable = True
    if isinstance(subject, Graph):
        return subject if not trainables else Graph(subject.declared, subject.nodes[subject.cost])
    if isinstance(subject, Node):
        return Graph.of(subject)
    if isinstance(subject, Sequence) and subject and all(isinstance(n, Node) for n in subject):
        return Graph(list(subject), subject[-1])
    raise GraphError(
        f"a {type(subject).__name__} is not a graph",
        hint="give a Graph, its cost node, or what topological_sort returned",
    )


def save(
    graph: Graph | Node | Sequence[Node], path: str | Path, *, trainables: Sequence[Node] = ()
) -> None:
    """Save a graph, or a program's network, as a graph file (format 1).

    `graph` may be a `Graph`, a cost node, or the list that `topological_sort` returned; for the
    last two, `trainables` are the inputs that training changes. Raises `FileError` if the file
    cannot be written.
    """
    from miniflow.files import save as save_graph

    save_graph(as_graph(graph, trainables), path)


def load(path: str | Path, feeds: dict[str, Any] | None = None) -> Graph:
    """Load a graph file; `feeds` maps input names to values.

    Raises `MiniflowError` that names the location in the file.
    """
    from miniflow.files import load as load_graph

    return load_graph(Path(path), feeds=feeds)
