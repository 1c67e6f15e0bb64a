"""Random numbers between passes and inside a node: looking must not change what comes."""

import numpy as np
from miniflow import *

np.random.seed(5)


class Noise(Node):
    def __init__(self, node):
        Node.__init__(self, [node])

    def forward(self):
        self.value = self.inbound_nodes[0].value + 0.1 * np.random.randn()

    def backward(self):
        sent = sum(n.gradients[self] for n in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: sent}


w, x, wanted = Input(), Input(), Input()
cost = MSE(wanted, Noise(Mul(w, x)))
graph = topological_sort({w: 5.0, x: 10.0, wanted: 20.0})
for _ in range(4):
    x.value = 10 * np.random.rand()
    forward_and_backward(graph)
    sgd_update([w], 0.001)
    print(repr(float(w.value)), repr(float(cost.value)))
