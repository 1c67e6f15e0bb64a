"""Gradient descent on one weight: find w with w * 10 = 20, starting from w = 5.

Step through it: `mfdebug examples/descent.py`, or open the same graph with `mfdebug wx`.
"""

import miniflow as mf

x = mf.Input("x", value=10.0)
wanted = mf.Input("wanted", value=20.0)
w = mf.parameter(5.0, "w")

y = w * x
cost = mf.mse(wanted, y)
graph = mf.Graph.of(cost, optimizer=mf.SGD(0.001))

for steps in (0, 1, 9, 90):
    graph.train(steps)
    error = w.value * 10 - 20
    print(f"w = {w.value:.6f}   y misses its target by {error:.6f}")
