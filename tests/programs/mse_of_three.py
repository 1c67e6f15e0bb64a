"""The cost of the lesson: `forward_pass(graph)` returns nothing, `graph[-1]` is the cost."""

import numpy as np
from miniflow import *

y, a = Input(), Input()
cost = MSE(y, a)
y_ = np.array([1, 2, 3])
a_ = np.array([4.5, 5, 10])
graph = topological_sort({y: y_, a: a_})
assert forward_pass(graph) is None
print(repr(float(cost.value)))
