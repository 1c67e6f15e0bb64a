"""An op of your own, in the lesson's style: `forward` sets value, `backward` sets gradients.

Such a node works beside miniflow's own. mfdebug steps through it, and `check` compares its
backward rule with finite differences: `mfdebug examples/custom_op.py --check`.
"""

from miniflow import *


class Swish(Node):
    """x * sigmoid(x)."""

    def __init__(self, x):
        Node.__init__(self, [x])

    def forward(self):
        x = self.inbound_nodes[0].value
        self.sigmoid = 1 / (1 + np.exp(-x))
        self.value = x * self.sigmoid

    def backward(self):
        (x,) = self.inbound_nodes
        upstream = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        local = self.sigmoid + self.value * (1 - self.sigmoid)
        self.gradients = {x: upstream * local}


X, W, b, y = Input(), Input(), Input(), Input()
swish = Swish(Linear(X, W, b))
cost = MSE(y, swish)

table = np.linspace(-2, 2, 20)[:, None]
graph = topological_sort({X: table, W: np.array([[0.1]]), b: np.zeros(1), y: np.maximum(table, 0)})
for _ in range(500):
    forward_and_backward(graph)
    sgd_update([W, b], learning_rate=0.1)
print(f"W = {W.value[0, 0]:.3f}, b = {b.value[0]:.3f}, cost {cost.value:.5f}")
