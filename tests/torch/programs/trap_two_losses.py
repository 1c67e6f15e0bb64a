"""Two losses over one graph, which is kept for the second."""

import torch
from torch import nn

torch.manual_seed(0)
trunk, left, right = nn.Linear(3, 6), nn.Linear(6, 1), nn.Linear(6, 2)
parameters = [*trunk.parameters(), *left.parameters(), *right.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.1)
for step in range(4):
    h = trunk(torch.randn(4, 3)).sigmoid()
    one, two = left(h).pow(2).mean(), right(h).abs().mean()
    optimizer.zero_grad()
    one.backward(retain_graph=True)
    two.backward()
    optimizer.step()
    print(one.item(), two.item(), trunk.weight.grad.sum().item())
