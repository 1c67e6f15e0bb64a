"""A student's mistake: W where its transpose belongs; a square W hides it."""

import numpy as np
from miniflow import *


class MyMatMul(Node):
    def __init__(self, X, W):
        Node.__init__(self, [X, W])

    def forward(self):
        self.value = self.inbound_nodes[0].value @ self.inbound_nodes[1].value

    def backward(self):
        X, W = self.inbound_nodes
        self.gradients = {n: np.zeros_like(n.value) for n in self.inbound_nodes}
        for n in self.outbound_nodes:
            self.gradients[X] += n.gradients[self] @ W.value
            self.gradients[W] += X.value.T @ n.gradients[self]


X, V, W, y = Input(), Input(), Input(), Input()
h = MyMatMul(X, V)
l1 = MyMatMul(h, W)
cost = MSE(y, l1)
eye = np.eye(2)
graph = topological_sort(
    {X: eye, V: eye + 0.5, W: np.array([[1.0, 2.0], [-1.0, 0.5]]), y: np.zeros((2, 2))}
)
for _ in range(2):
    forward_and_backward(graph)
    sgd_update([V, W], 0.01)
    print(repr(float(graph[-1].value)))
