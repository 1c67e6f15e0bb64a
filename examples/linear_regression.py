"""Linear regression on a table in NumPy, in small random batches.

The table is made from known weights and a little noise, so the answer can be checked: NumPy's
least squares gives the best line, and stochastic gradient descent comes close to it.
"""

import numpy as np

import miniflow as mf

rng = np.random.default_rng(0)
table = rng.normal(size=(200, 3))
prices = table @ [2.0, -1.0, 0.5] + 3.0 + rng.normal(scale=0.1, size=200)

X, y = mf.Input("X"), mf.Input("y")
W, b = mf.parameter(np.zeros((3, 1)), "W"), mf.parameter(np.zeros(1), "b")
line = mf.linear(X, W, b)
cost = mf.mse(y, line)

graph = mf.Graph.of(
    cost,
    feeds={X: table, y: prices[:, None]},
    optimizer=mf.SGD(0.05),
    batch_size=20,
    seed=0,
)
costs = graph.train(300)
print(f"cost {costs[0]:.2f} -> {costs[-1]:.4f}")

with_ones = np.column_stack([table, np.ones(len(table))])
best = np.linalg.lstsq(with_ones, prices)[0]
found = np.append(W.value[:, 0], b.value)
for name, ours, exact in zip(("w1", "w2", "w3", "b"), found, best, strict=True):
    print(f"{name:3} {ours:7.3f}   least squares {exact:7.3f}")
print(f"largest difference {np.abs(found - best).max():.3f}")
