"""A program that runs the nodes by loops of its own, and updates them by one, in place."""

import numpy as np
from miniflow import *


def forward_pass_graph(graph):
    for n in graph:
        n.forward()


def backward_pass_graph(graph):
    for n in graph[::-1]:
        n.backward()


X, W, b, y = Input(), Input(), Input(), Input()
a = Linear(X, W, b)
cost = MSE(y, a)
feed = {
    X: np.array([[1.0, 2.0], [3.0, 4.0], [0.5, -1.0]]),
    W: np.array([[0.5], [-0.3]]),
    b: np.array([0.1]),
    y: np.array([[1.0], [2.0], [0.0]]),
}
graph = topological_sort(feed)
for step in range(5):
    forward_pass_graph(graph)
    print(step, repr(float(cost.value)))
    backward_pass_graph(graph)
    for t in [W, b]:
        t.value = t.value - 0.05 * t.gradients[t]
print(repr(W.value), repr(b.value))
