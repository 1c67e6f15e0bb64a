"""Nodes written in each of the lesson's three spellings, and a network of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from miniflow import MSE, Add, Input, Layer, Linear, Mul, Neuron, Node


class NodeTanh(Node):
    def __init__(self, node: Node) -> None:
        Node.__init__(self, [node])

    def forward(self) -> None:
        self.value = np.tanh(self.inbound_nodes[0].value)

    def backward(self) -> None:
        self.gradients = {n: np.zeros_like(n.value) for n in self.inbound_nodes}
        for n in self.outbound_nodes:
            self.gradients[self.inbound_nodes[0]] += (1 - self.value**2) * n.gradients[self]


class LayerTanh(Layer):
    def __init__(self, layer: Node) -> None:
        Layer.__init__(self, inbound_layers=[layer])

    def forward(self) -> None:
        self.value = np.tanh(self.inbound_layers[0].value)

    def backward(self) -> None:
        self.gradients = {n: np.zeros_like(n.value) for n in self.inbound_layers}
        for n in self.outbound_layers:
            self.gradients[self.inbound_layers[0]] += (1 - self.value**2) * n.gradients[self]


class NeuronTanh(Neuron):
    def __init__(self, neuron: Node) -> None:
        Neuron.__init__(self, inbound_neurons=[neuron])

    def forward(self) -> None:
        self.value = np.tanh(self.inbound_neurons[0].value)

    def backward(self) -> None:
        self.gradients = {n: np.zeros_like(n.value) for n in self.inbound_neurons}
        for n in self.outbound_neurons:
            self.gradients[self.inbound_neurons[0]] += (1 - self.value**2) * n.gradients[self]


class OwnCost(Node):
    """A cost in the lesson's style: it seeds itself."""

    def __init__(self, node: Node) -> None:
        Node.__init__(self, [node])

    def forward(self) -> None:
        self.value = np.mean(self.inbound_nodes[0].value ** 2)

    def backward(self) -> None:
        x = self.inbound_nodes[0]
        self.gradients = {x: 2 * x.value / x.value.size}


RNG = np.random.default_rng(0)
FED = {"X": RNG.normal(size=(5, 3)), "W": RNG.normal(size=(3, 2)), "b": np.zeros(2)}


def network(tanh: Any, cost: Any = None) -> tuple[dict[Node, Any], Node]:
    """Return a feed and a cost of a network with a fan-out and two ways through `tanh`."""
    X, W, b = (Input(name) for name in FED)
    hidden = tanh(Linear(X, W, b))
    out = Mul(hidden, Add(hidden, tanh(hidden)))
    y = Input("y")
    end = MSE(y, out) if cost is None else cost(out)
    feed: dict[Node, Any] = {X: FED["X"], W: FED["W"].copy(), b: FED["b"].copy()}
    return (feed if cost else {**feed, y: np.zeros((5, 2))}), end
