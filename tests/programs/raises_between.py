"""The program itself raises, after two passes."""

from miniflow import *

w, x, wanted = Input(), Input(), Input()
cost = MSE(wanted, Mul(w, x))
graph = topological_sort({w: 5.0, x: 10.0, wanted: 20.0})
for step in range(5):
    forward_and_backward(graph)
    sgd_update([w], 0.001)
    print(step, repr(float(w.value)))
    if step == 1:
        raise ValueError("two are enough")
