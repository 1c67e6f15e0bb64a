"""Momentum, written out: what is updated is seen by what it does."""

import numpy as np
from miniflow import *

X, W, y = Input(), Input(), Input()
b = Input()
cost = MSE(y, Linear(X, W, b))
state = np.random.RandomState(1)
data = state.randn(20, 3)
graph = topological_sort(
    {X: data[:5], W: np.ones((3, 1)), b: np.zeros(1), y: data[:5].sum(1, keepdims=True) * 2}
)
velocity = {W: 0.0, b: 0.0}
for step in range(6):
    rows = data[(step % 4) * 5 : (step % 4) * 5 + 5]
    X.value, y.value = rows, rows.sum(1, keepdims=True) * 2
    forward_and_backward(graph)
    for node in velocity:
        velocity[node] = 0.9 * velocity[node] - 0.05 * node.gradients[node]
        node.value = node.value + velocity[node]
    print(step, repr(float(cost.value)))
