"""A classifier: three clouds of points, a hidden layer, softmax cross-entropy.

The labels are class numbers. The cost takes logits: it contains the softmax.
"""

import numpy as np

import miniflow as mf

rng = np.random.default_rng(3)
centers = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
labels = np.repeat([0, 1, 2], 40)
points = centers[labels] + rng.normal(scale=0.8, size=(len(labels), 2))

X, label = mf.Input("X"), mf.Input("label")
W1, b1 = mf.parameter(rng.normal(size=(2, 8)), "W1"), mf.parameter(np.zeros(8), "b1")
W2, b2 = mf.parameter(rng.normal(size=(8, 3)), "W2"), mf.parameter(np.zeros(3), "b2")
logits = mf.linear(mf.relu(mf.linear(X, W1, b1)), W2, b2)
cost = mf.softmax_cross_entropy(logits, label)

graph = mf.Graph.of(
    cost,
    feeds={X: points, label: labels},
    optimizer=mf.Adam(0.02),
    batch_size=30,
)
costs = graph.train(200)
print(f"cost {costs[0]:.3f} -> {costs[-1]:.3f}")

X.value, label.value = points, labels
for node in graph.nodes:
    node.forward()
right = logits.value.argmax(axis=1) == labels
print(f"{right.sum()} of {len(labels)} points are classified correctly")
