"""y = w*x: w goes from 5 to 2."""

from miniflow import *

w, x, wanted = Input(), Input(), Input()
y = Mul(w, x)
cost = MSE(wanted, y)
graph = topological_sort({w: 5.0, x: 10.0, wanted: 20.0})
for step in range(8):
    forward_and_backward(graph)
    sgd_update([w], learning_rate=0.001)
    print(step, repr(float(graph[-1].value)), repr(float(w.value)))
