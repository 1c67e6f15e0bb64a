"""Parameters are written to through `.data`, which does not change their version."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
x = torch.randn(6, 4)
for step in range(5):
    loss = model(x).pow(2).mean()
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data.add_(p.grad.data, alpha=-0.1)
    if step == 2:
        held = model.weight.data
        held[0] = 1.5
    if step == 3:
        held.mul_(0.5)
        model.bias.data = torch.tensor([0.25, -0.25])
    print(loss.item(), model.weight.sum().item())
