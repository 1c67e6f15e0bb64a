"""The MiniFlow lesson's algorithm, reimplemented: typical code of a learner.

Each node keeps a new `value` array and a `gradients` dict; a node's gradient is summed over its
outbound nodes; the products are `np.dot`, the cost is the mean of the squares. Nothing is reused
between steps. Works on arrays and, for graphs of scalars, on Python floats.
"""

# ruff: noqa: D102  (forward and backward of each node are those of the lesson)

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Node:
    """A node with a value, and what it sends back to each inbound node."""

    def __init__(self, *inbound: Node) -> None:
        self.inbound = list(inbound)
        self.outbound: list[Node] = []
        self.value: Any = None
        self.gradients: dict[Node, Any] = {}
        for node in inbound:
            node.outbound.append(self)

    def forward(self) -> None:
        raise NotImplementedError

    def backward(self) -> None:
        raise NotImplementedError

    def zeros(self) -> dict[Node, Any]:
        """Return a gradient of zeros for each inbound node, to add to."""
        return {node: np.zeros_like(node.value) for node in self.inbound}


class Input(Node):
    """Data or a parameter: its value is set from outside."""

    def forward(self) -> None:
        pass

    def backward(self) -> None:
        total: Any = 0
        for node in self.outbound:
            total = total + node.gradients[self]
        self.gradients = {self: total}


class Linear(Node):
    """X·W + b."""

    def forward(self) -> None:
        x, w, b = (node.value for node in self.inbound)
        self.value = np.dot(x, w) + b

    def backward(self) -> None:
        x, w, b = self.inbound
        self.gradients = self.zeros()
        for node in self.outbound:
            grad = node.gradients[self]
            self.gradients[x] += np.dot(grad, w.value.T)
            self.gradients[w] += np.dot(x.value.T, grad)
            self.gradients[b] += np.sum(grad, axis=0)


class Sigmoid(Node):
    """1 / (1 + e⁻ˣ)."""

    def forward(self) -> None:
        self.value = 1.0 / (1.0 + np.exp(-self.inbound[0].value))

    def backward(self) -> None:
        (x,) = self.inbound
        self.gradients = self.zeros()
        for node in self.outbound:
            self.gradients[x] += self.value * (1.0 - self.value) * node.gradients[self]


class MSE(Node):
    """The mean of (y - a)²; the last node, which has no upstream gradient."""

    def forward(self) -> None:
        y, a = self.inbound
        self.difference = y.value - a.value
        self.value = np.mean(self.difference**2)

    def backward(self) -> None:
        y, a = self.inbound
        factor = 2.0 / np.size(self.difference)
        self.gradients = {y: factor * self.difference, a: -factor * self.difference}


class Mul(Node):
    """x * y, on numbers; as the last node it is the cost."""

    def forward(self) -> None:
        self.value = self.inbound[0].value * self.inbound[1].value

    def backward(self) -> None:
        x, y = self.inbound
        total = 0.0 if self.outbound else 1.0
        for node in self.outbound:
            total += node.gradients[self]
        self.gradients = {x: total * y.value, y: total * x.value}


class Tanh(Node):
    """The hyperbolic tangent of a number."""

    def forward(self) -> None:
        self.value = math.tanh(self.inbound[0].value)

    def backward(self) -> None:
        (x,) = self.inbound
        total = 0.0
        for node in self.outbound:
            total += node.gradients[self]
        self.gradients = {x: total * (1.0 - self.value * self.value)}


def forward_and_backward(order: list[Node]) -> None:
    """Run every node forward, then every node backward."""
    for node in order:
        node.forward()
    for node in reversed(order):
        node.backward()


def sgd_update(trainables: list[Input], learning_rate: float) -> None:
    """Take one step down each trainable's gradient."""
    for node in trainables:
        node.value -= learning_rate * node.gradients[node]
