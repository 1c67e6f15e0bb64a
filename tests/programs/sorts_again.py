"""A graph that is sorted again in every epoch."""

from miniflow import *

x, w, wanted = Input(), Input(), Input()
cost = MSE(wanted, Mul(w, x))
w_ = 5.0
for epoch in range(4):
    graph = topological_sort({x: 10.0, w: w_, wanted: 20.0})
    forward_and_backward(graph)
    sgd_update([w], 0.002)
    w_ = w.value
    print(epoch, repr(float(w_)))
