"""Right rules in the lesson's three spellings, how to spoil one, and what a check says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from miniflow.gradcheck.checker import Verdict
from miniflow.graph import Graph
from miniflow.node import Layer, Neuron, Node
from miniflow.ops.base import Array


class Square(Neuron):
    def __init__(self, x: Node, name: str) -> None:
        Neuron.__init__(self, inbound_neurons=[x], name=name)

    def forward(self) -> None:
        self.value = self.inbound_neurons[0].value ** 2

    def backward(self) -> None:
        x = self.inbound_neurons[0]
        self.gradients = {x: np.zeros_like(x.value)}
        for consumer in self.outbound_neurons:
            self.gradients[x] += consumer.gradients[self] * 2 * x.value


class Affine(Layer):
    def __init__(self, X: Node, W: Node, b: Node, name: str) -> None:
        Layer.__init__(self, inbound_layers=[X, W, b], name=name)

    def forward(self) -> None:
        X, W, b = (layer.value for layer in self.inbound_layers)
        self.value = np.dot(X, W) + b

    def backward(self) -> None:
        X, W, b = self.inbound_layers
        self.gradients = {layer: np.zeros_like(layer.value) for layer in self.inbound_layers}
        for consumer in self.outbound_layers:
            grad = consumer.gradients[self]
            self.gradients[X] += np.dot(grad, W.value.T)
            self.gradients[W] += np.dot(X.value.T, grad)
            self.gradients[b] += np.sum(grad, axis=0, keepdims=False)


class Logistic(Node):
    def __init__(self, x: Node, name: str) -> None:
        Node.__init__(self, [x], name)

    def forward(self) -> None:
        self.value = 1 / (1 + np.exp(-self.inbound_nodes[0].value))

    def backward(self) -> None:
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: self.value * (1 - self.value) * grad}


class Product(Node):
    def __init__(self, x: Node, y: Node, name: str) -> None:
        Node.__init__(self, [x, y], name)

    def forward(self) -> None:
        self.value = self.inbound_nodes[0].value * self.inbound_nodes[1].value

    def backward(self) -> None:
        x, y = self.inbound_nodes
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        if x is y:
            self.gradients = {x: 2 * x.value * grad}
        else:
            self.gradients = {x: y.value * grad, y: x.value * grad}


class Total(Node):
    """Sums as many nodes as there are, and scales by a weight of single precision."""

    def __init__(self, *nodes: Node, name: str) -> None:
        Node.__init__(self, nodes, name)
        self.weight = np.float32(0.3)

    def forward(self) -> None:
        self.value = self.weight * sum(node.value for node in self.inbound_nodes)

    def backward(self) -> None:
        grad = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = dict.fromkeys(self.inbound_nodes, self.weight * grad)


def value(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).uniform(0.3, 2.0, shape))


def judged(graph: Graph, verdicts: list[Verdict]) -> dict[tuple[str, str], str]:
    return {(graph.nodes[v.node].label, graph.nodes[v.source].label): v.judgement for v in verdicts}


def accused(graph: Graph, verdicts: list[Verdict]) -> set[tuple[str, str]]:
    return {edge for edge, judgement in judged(graph, verdicts).items() if judgement != "right"}


def spoiled(kind: type[Any], spoil: Callable[[Array], Any]) -> type[Any]:
    """Return a node that spoils what it sends to its last input."""

    def backward(self: Any) -> None:
        kind.backward(self)
        source = self.inbound_nodes[-1]
        self.gradients[source] = spoil(np.asarray(self.gradients[source]))

    return type(kind.__name__, (kind,), {"backward": backward})
