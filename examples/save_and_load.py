"""A graph file: train for a while, save, load, and continue to the same bits.

The file holds the parameters and the optimizer's state. `mfdebug FILE` opens it.
"""

import tempfile
from pathlib import Path

import numpy as np

import miniflow as mf

rng = np.random.default_rng(5)
table = rng.normal(size=(30, 2))

X, y = mf.Input("X"), mf.Input("y")
W, b = mf.parameter([[0.0], [0.0]], "W"), mf.parameter([0.0], "b")
cost = mf.mse(y, X @ W + b)
graph = mf.Graph.of(
    cost,
    name="plane",
    feeds={X: table, y: table @ [[1.5], [-2.0]] + 0.5},
    optimizer=mf.Momentum(0.05),
    batch_size=10,
)
graph.train(20)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "plane.json"
    mf.save(graph, file)
    print(f"{file.name}: {file.stat().st_size} bytes")
    loaded = mf.load(file)

print(loaded)
here, there = graph.train(20), loaded.train(20)
print(f"after 20 more steps: cost {here[-1]:.3g}, from the file {there[-1]:.3g}")
print("the same bits:", here == there and np.array_equal(W.value, loaded["W"].value))
