"""A subclass of ours with a forward rule of its own, which calls ours."""

from miniflow import *


class LoudSigmoid(Sigmoid):
    calls = 0

    def forward(self):
        super().forward()
        LoudSigmoid.calls += 1


x, w, wanted = Input(), Input(), Input()
s = LoudSigmoid(Mul(x, w))
cost = MSE(wanted, s)
graph = topological_sort({x: 2.0, w: 0.3, wanted: 1.0})
for _ in range(3):
    forward_and_backward(graph)
    sgd_update([w], 1.0)
    print(repr(float(s.value)))
print(LoudSigmoid.calls)
