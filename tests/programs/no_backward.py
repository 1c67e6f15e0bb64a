"""A student's mistake: a node whose backward is not written yet."""

from miniflow import *


class Square(Node):
    def __init__(self, node):
        Node.__init__(self, [node])

    def forward(self):
        self.value = self.inbound_nodes[0].value ** 2


x = Input()
y = Square(x)
graph = topological_sort({x: 3.0})
print(forward_pass(y, graph))
forward_and_backward(graph)
