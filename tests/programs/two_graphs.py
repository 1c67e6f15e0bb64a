"""Two graphs, one after the other, and then the first again."""

from miniflow import *

a, b = Input(), Input()
first = Mul(a, b)
graph1 = topological_sort({a: 2.0, b: 3.0})
print(forward_pass(first, graph1))
c, d = Input(), Input()
second = MSE(c, d)
graph2 = topological_sort({c: 1.0, d: 4.0})
for _ in range(2):
    forward_and_backward(graph2)
    sgd_update([d], 0.25)
    print(repr(float(d.value)))
a.value = 10.0
print(forward_pass(first, graph1))
