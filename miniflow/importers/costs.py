"""The costs of a model without a scalar output, and the labels with which they compare it."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from miniflow.arguments import as_numbers
from miniflow.errors import FeedError, GraphError, MiniflowError
from miniflow.graph import Graph
from miniflow.importers.example import LABELS
from miniflow.node import Input, Node
from miniflow.ops import MSE, NLL, Concat, Div, Log, Sigmoid, Softmax, SoftmaxCrossEntropy, Sum
from miniflow.ops.base import Array, Shape, shape_text
from miniflow.plans.compile import compile_plan

Cost = Literal["cross-entropy", "mse", "sum"]
COSTS: tuple[Cost, ...] = ("cross-entropy", "mse", "sum")


def _cost_of(labels: Array) -> Cost:
    """Return the cost that labels are for, by their type."""
    return "cross-entropy" if labels.dtype.kind in "iub" else "mse"


def _is_softmax(node: Node, shape: Shape) -> bool:
    """Whether a node is a softmax over its last axis."""
    return isinstance(node, Softmax) and node.attrs["axis"] in (-1, len(shape) - 1)


def are_probabilities(graph: Graph) -> bool:
    """Whether each row of a graph's value has probabilities of classes, as it is fed.

    Only what ends a classifier of scikit-learn without a softmax is looked at: 1 - p beside p,
    numbers over their sum, the sigmoids of -z and z.
    """
    output = graph.nodes[graph.cost]
    if not isinstance(output, Concat | Div | Sigmoid):
        return False
    try:
        plan = compile_plan(graph)
        plan.feed(0)
        with np.errstate(all="ignore"):
            for node in graph.forward_nodes:
                plan.forward(node)
    except MiniflowError:  # stepping says it where it occurs
        return False
    rows = np.asarray(plan.value(graph.cost))
    return rows.ndim > 1 and bool((rows >= 0).all() and np.allclose(rows.sum(-1), 1.0))


class Costs:
    """Makes the nodes of a cost of `scores`, the graph of the model's first output.

    `offered` are the labels of an example, used in the absence of others if they fit; then `taken`
    has their shape.
    """

    def __init__(
        self,
        scores: Graph,
        rng: np.random.Generator,
        seed: int,
        notes: list[str],
        offered: Array | None = None,
    ) -> None:
        self.scores = scores
        self.names = set(scores.by_name)
        self.rng = rng
        self.seed = seed
        self.notes = notes
        self.offered = offered
        self.taken: list[str] = []

    def of(self, output: Node, shape: Shape, cost: Cost | None, labels: Any) -> Node:
        """Return the cost of `output`, whose value has `shape`."""
        wanted = None if labels is None else as_numbers(labels, LABELS)
        offered = self.offered
        if wanted is None and offered is not None and cost in (None, _cost_of(offered)):
            wanted = offered
            self.taken = [f"{LABELS} ({shape_text(wanted.shape)})"]
        if cost is None and wanted is not None:
            cost = _cost_of(wanted)
        if cost is None or cost == "sum":
            if wanted is not None:
                raise FeedError("a sum takes no labels", where=LABELS)
            why = "" if cost else "; --cost cross-entropy or mse chooses another"
            self.notes.append(f"The cost is the sum of the entries of {output.label}{why}.")
            return Sum(output, name=self._name("cost"))
        if cost == "cross-entropy" and _is_softmax(output, shape):
            # Its probabilities would go through a second softmax.
            (output,) = output.inbound_nodes
        words = "mean square error" if cost == "mse" else "cross-entropy of the softmax"
        classes = wanted is None or wanted.shape != shape
        log_loss = cost == "cross-entropy" and classes and are_probabilities(self.scores)
        if log_loss:
            words = "cross-entropy of the probabilities"
        self.notes.append(f"The cost is the {words} of {output.label} with {LABELS}.")
        if cost == "mse":
            return self._mse(output, shape, wanted)
        target = self._classes(output, shape, wanted)
        if log_loss:
            return NLL(Log(output, name=self._name("log")), target, name=self._name("cost"))
        return SoftmaxCrossEntropy(output, target, name=self._name("cost"))

    def _mse(self, output: Node, shape: Shape, labels: Array | None) -> Node:
        if labels is None:
            labels = self.rng.standard_normal(shape)
            self._drawn(f"{shape_text(shape)}, normal")
        elif labels.size == math.prod(shape):
            labels = labels.reshape(shape)
        target = Input(self._name(LABELS), value=labels.astype(np.float64))
        return MSE(target, output, name=self._name("cost"))

    def _classes(self, output: Node, shape: Shape, labels: Array | None) -> Node:
        if not shape:
            raise GraphError("a cross-entropy needs the scores of classes", where=output.label)
        if labels is None:
            labels = self.rng.integers(shape[-1], size=shape[:-1])
            self._drawn(f"{shape_text(shape[:-1])}, integers below {shape[-1]}")
        if labels.dtype.kind in "iub" and labels.shape != shape:
            labels = labels.astype(np.int64)
            if labels.size != math.prod(shape[:-1]):
                raise FeedError(
                    f"{labels.size} class numbers do not fit scores {shape_text(shape)}",
                    where=LABELS,
                    hint=f"{math.prod(shape[:-1])} are needed, of shape {shape_text(shape[:-1])}",
                )
            labels = labels.reshape(shape[:-1])
            if wrong := [n for n in (labels.min(), labels.max()) if not 0 <= n < shape[-1]]:
                raise FeedError(
                    f"class numbers are from 0 to {shape[-1] - 1}, not {wrong[0]}", where=LABELS
                )
        return Input(self._name(LABELS), value=labels)

    def _drawn(self, what: str) -> None:
        self.notes.append(
            f"Drawn at random with seed {self.seed}: {LABELS} ({what}); --labels gives real ones."
        )

    def _name(self, wanted: str) -> str:
        """Return `wanted`, or a name like it that no node has."""
        name, count = wanted, 1
        while name in self.names:
            count += 1
            name = f"{wanted}{count}"
        self.names.add(name)
        return name
