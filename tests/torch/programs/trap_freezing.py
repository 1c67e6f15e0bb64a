"""Parts of a model are frozen and thawed between steps."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.ELU(), nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(6):
    for p in model[0].parameters():
        p.requires_grad = step % 3 == 0
    model[2].requires_grad_(step % 2 == 0)
    x = torch.randn(4, 3)
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), [p.grad is None for p in model.parameters()])
