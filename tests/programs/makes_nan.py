"""The logarithm of what training drives below 0."""

import warnings

import numpy as np
from miniflow import *

warnings.simplefilter("ignore")
w = Input()
x, wanted = Input(), Input()
level = Mul(w, x)
cost = MSE(wanted, Log(level))
graph = topological_sort({w: 1.0, x: 1.0, wanted: -3.0})
for step in range(6):
    forward_and_backward(graph)
    sgd_update([w], 0.2)
    print(step, repr(float(cost.value)), repr(float(w.value)))
