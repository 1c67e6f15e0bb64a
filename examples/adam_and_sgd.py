"""Adam against SGD and momentum, in a long narrow valley: steep along y, flat along x.

Step through two of them: `mfdebug valley`, `mfdebug valley-momentum`.
"""

import miniflow as mf


def valley(optimizer):
    """Return the graph of 0.05 x² + 2 y², starting far out."""
    x, y = mf.parameter(-8.0, "x"), mf.parameter(3.0, "y")
    cost = 0.05 * x**2 + 2.0 * y**2
    return mf.Graph.of(cost, optimizer=optimizer)


steps = 100
results = {}
for optimizer in (mf.SGD(0.3), mf.Momentum(0.1, momentum=0.9), mf.Adam(0.3)):
    graph = valley(optimizer)
    costs = graph.train(steps)
    name = type(optimizer).__name__
    results[name] = costs[-1]
    x, y = graph["x"].value, graph["y"].value
    print(f"{name:9} cost {costs[-1]:.2e} after {steps} steps, at x = {x:.4f}, y = {y:.4f}")

print("the lowest cost:", min(results, key=results.get))
