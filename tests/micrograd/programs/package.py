# micrograd itself. No value is used more than twice: its sets have no order, and two numbers have
# one sum.
import random

from micrograd.nn import MLP

random.seed(3)
model = MLP(2, [2, 1])
points = [([0.5, -1.25], 1.0), ([1.5, 0.75], -1.0)]
for k in range(5):
    loss = sum((model(x) - wanted) ** 2 for x, wanted in points)
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data -= 0.05 * p.grad
    print(k, loss.data)
print([repr(p) for p in model.parameters()])
