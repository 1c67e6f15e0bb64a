"""Gradients are accumulated over small batches before a step."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 1))
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
x, y = torch.randn(24, 3), torch.randn(24, 1)
for step in range(6):
    at = step * 4
    loss = nn.functional.mse_loss(model(x[at : at + 4]), y[at : at + 4]) / 2
    loss.backward()
    if step % 2:
        optimizer.step()
        optimizer.zero_grad()
    print(loss.item())
