"""Training with a look at the whole table between the epochs: other batch sizes, forward alone."""

import numpy as np
from miniflow import *

state = np.random.RandomState(3)
X_ = state.randn(12, 2)
y_ = X_ @ np.array([[1.0], [-2.0]])
X, W, b, y = Input(), Input(), Input(), Input()
cost = MSE(y, Linear(X, W, b))
graph = topological_sort({X: X_, W: np.zeros((2, 1)), b: np.zeros(1), y: y_})
for epoch in range(3):
    X.value, y.value = X_, y_
    forward_pass(graph)
    print("before epoch", epoch, repr(float(cost.value)))
    for start in range(0, 12, 4):
        X.value, y.value = X_[start : start + 4], y_[start : start + 4]
        forward_and_backward(graph)
        sgd_update([W, b], 0.1)
print(repr(W.value))
