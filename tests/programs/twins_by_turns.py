import numpy as np
from miniflow import *

rng = np.random.default_rng(4)
data = rng.normal(size=(8, 3))
nets = []
for i in range(6):  # more than anybody can name
    X, t, W, b = Input(), Input(), Input(), Input()
    cost = MSE(t, Sigmoid(Linear(X, W, b)))
    feed = {X: data, t: data[:, :1] * 0.1 * i, W: rng.normal(size=(3, 1)), b: np.zeros(1)}
    nets.append((topological_sort(feed), [W, b], cost))
for step in range(6):
    for graph, trainables, cost in nets[: 2 if step < 3 else 6]:
        forward_and_backward(graph)
        sgd_update(trainables, 0.05)
        print(step, float(cost.value))
