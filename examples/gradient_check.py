"""A gradient check: what each backward rule says against central differences.

`Wrong` forgets the factor 2 of the derivative of x². The check finds it, and no other node.
"""

import numpy as np

import miniflow as mf
from miniflow.gradcheck import check


class Wrong(mf.Node):
    """x², with a wrong backward rule."""

    def __init__(self, x):
        super().__init__([x], "wrong")

    def forward(self):
        self.value = self.inbound_nodes[0].value ** 2

    def backward(self):
        (x,) = self.inbound_nodes
        upstream = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {x: upstream * x.value}


x = mf.Input("x", value=np.array([0.5, -1.0, 2.0]))
y = mf.Input("y", value=np.array([1.0, 1.0, 1.0]))
graph = mf.Graph.of(mf.mse(y, Wrong(mf.tanh(x))))

for verdict in check(graph):
    node, source = graph.nodes[verdict.node].label, graph.nodes[verdict.source].label
    print(f"{node} to {source}: {verdict.judgement}", end="")
    if verdict.judgement == "wrong":
        print(f" (backward {verdict.analytic:.6f}, difference {verdict.numeric:.6f})", end="")
    print()
