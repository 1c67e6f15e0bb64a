"""A batch of another width in the third pass: Linear raises."""

import numpy as np
from miniflow import *

X, W, b, y = Input(), Input(), Input(), Input()
l1 = Linear(X, W, b)
cost = MSE(y, l1)
graph = topological_sort(
    {X: np.ones((2, 3)), W: np.ones((3, 1)), b: np.zeros(1), y: np.zeros((2, 1))}
)
for step in range(4):
    if step == 2:
        X.value = np.ones((2, 4))
    forward_and_backward(graph)
    sgd_update([W, b], 0.01)
    print(step, repr(float(cost.value)))
