"""A student's mistake: `=` for `+=`, where a node has two consumers."""

from miniflow import *


class Double(Node):
    def __init__(self, node):
        Node.__init__(self, [node])

    def forward(self):
        self.value = 2 * self.inbound_nodes[0].value

    def backward(self):
        for n in self.outbound_nodes:
            self.gradients[self.inbound_nodes[0]] = 2 * n.gradients[self]


w, wanted = Input(), Input()
d = Double(w)
left, right = Mul(d, d, name="left"), Add(d, d, name="right")
cost = MSE(wanted, Add(left, right))
graph = topological_sort({w: 1.5, wanted: 3.0})
for _ in range(2):
    forward_and_backward(graph)
    sgd_update([w], 0.001)
    print(repr(float(w.value)))
