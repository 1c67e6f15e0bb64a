"""An early printing's cost: `MSE(layer)`, compared with an ideal output."""

import numpy as np
from miniflow import *

X, W, b = Input(), Input(), Input()
f = Linear(X, W, b)
cost = MSE(f)
cost.ideal_output = np.array([[1.0], [2.0]])
graph = topological_sort({X: np.array([[1.0], [2.0]]), W: np.array([[0.5]]), b: np.array([0.0])})
for _ in range(3):
    forward_and_backward(graph)
    sgd_update([W, b], 0.1)
    print(repr(float(cost.value)))
