"""A student's mistake: a gradient that has not its value's shape."""

import numpy as np
from miniflow import *


class Total(Node):
    def __init__(self, node):
        Node.__init__(self, [node])

    def forward(self):
        self.value = np.sum(self.inbound_nodes[0].value)

    def backward(self):
        (x,) = self.inbound_nodes
        self.gradients = {x: np.ones(7)}


x = Input()
total = Total(x)
graph = topological_sort({x: np.arange(6.0).reshape(2, 3)})
for n in graph:
    n.forward()
for n in graph[::-1]:
    if n is not x:
        n.backward()
print(total.gradients[x].shape)
