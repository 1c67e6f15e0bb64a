"""A student's mistake: the bias gets the mean over the batch, not the sum."""

import numpy as np
from miniflow import *


class MyLinear(Node):
    def __init__(self, X, W, b):
        Node.__init__(self, [X, W, b])

    def forward(self):
        X, W, b = [n.value for n in self.inbound_nodes]
        self.value = np.dot(X, W) + b

    def backward(self):
        X, W, b = self.inbound_nodes
        self.gradients = {n: np.zeros_like(n.value) for n in self.inbound_nodes}
        for n in self.outbound_nodes:
            grad = n.gradients[self]
            self.gradients[X] += np.dot(grad, W.value.T)
            self.gradients[W] += np.dot(X.value.T, grad)
            self.gradients[b] += np.mean(grad, axis=0)


X, W, b, y = Input(), Input(), Input(), Input()
l1 = MyLinear(X, W, b)
cost = MSE(y, l1)
graph = topological_sort(
    {X: np.arange(6.0).reshape(3, 2), W: np.ones((2, 1)), b: np.zeros(1), y: np.ones((3, 1))}
)
for _ in range(2):
    forward_and_backward(graph)
    sgd_update([W, b], 0.01)
    print(repr(float(graph[-1].value)))
