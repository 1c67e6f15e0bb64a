"""Autocast in bfloat16 keeps the weights it has cast, as parts of the graph."""

import torch
from torch import nn

torch.manual_seed(0)
shared = nn.Linear(6, 6)
head = nn.Linear(6, 1)
optimizer = torch.optim.AdamW([*shared.parameters(), *head.parameters()], lr=0.01)
for step in range(4):
    x = torch.randn(5, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = shared(x)
        h = shared(torch.relu(h))
        with torch.no_grad():
            peek = shared(x).float().sum().item()
        h = shared(h)
        y = head(h)
        loss = nn.functional.mse_loss(y.float(), x[:, :1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), y.dtype, peek)
half = torch.randn(4, 4, dtype=torch.float16, requires_grad=True)
for step in range(2):
    (half.float() @ half.float()).sum().backward()
    print(half.grad.sum().item())
