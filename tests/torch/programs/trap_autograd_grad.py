"""Gradients are asked for without being accumulated."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
for step in range(4):
    x = torch.randn(4, 3, requires_grad=True)
    h = model[:2](x)
    loss = model[2](h).pow(2).mean()
    gradients = torch.autograd.grad(loss, [*model.parameters(), x, h], retain_graph=True)
    (unused,) = torch.autograd.grad(loss, [torch.ones(1, requires_grad=True)], allow_unused=True)
    print(loss.item(), gradients[-1].sum().item(), unused)
    with torch.no_grad():
        for p, g in zip(model.parameters(), gradients):
            p.sub_(g, alpha=0.1)
