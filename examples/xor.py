"""XOR: two inputs, four hidden units, and a function that no straight line can separate.

Step through a network like it: `mfdebug xor`.
"""

import numpy as np

import miniflow as mf

inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = np.array([[0.0], [1.0], [1.0], [0.0]])
rng = np.random.default_rng(1)

X, y = mf.Input("X"), mf.Input("y")
with mf.scope("hidden"):
    W1, b1 = mf.parameter(rng.normal(size=(2, 4)), "W"), mf.parameter(np.zeros(4), "b")
    hidden = mf.tanh(X @ W1 + b1)
with mf.scope("output"):
    W2, b2 = mf.parameter(rng.normal(size=(4, 1)), "W"), mf.parameter(np.zeros(1), "b")
    output = mf.sigmoid(hidden @ W2 + b2)
cost = mf.mse(y, output)

graph = mf.Graph.of(cost, feeds={X: inputs, y: targets}, optimizer=mf.Adam(0.05))
costs = graph.train(500)
print(f"cost {costs[0]:.4f} -> {costs[-1]:.4f}")

# Run the trained network once, node by node.
X.value, y.value = inputs, targets
for node in graph.nodes:
    node.forward()
for row, prediction in zip(inputs, output.value[:, 0], strict=True):
    print(f"{row[0]:.0f} xor {row[1]:.0f} = {prediction:.0f}   (computed: {prediction:.3f})")
