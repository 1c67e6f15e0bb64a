"""Much is computed before a gradient flows: none of it is a row."""

import torch

torch.manual_seed(0)
raw = torch.randn(50, 3)
mean, std = raw.mean(0), raw.std(0)
raw = (raw - mean) / std
for _ in range(10):
    raw = raw.flip(0).roll(1, 1) * 1.01
target = (raw @ torch.tensor([[1.0], [-2.0], [0.5]])).sin()
w = torch.zeros(3, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(4):
    rows = torch.randperm(50)[:10]
    x, y = raw[rows].float(), target[rows]
    loss = torch.nn.functional.mse_loss(x @ w + b, y)
    loss.backward()
    with torch.no_grad():
        for p in (w, b):
            p -= 0.1 * p.grad
            p.grad = None
    print(loss.item())
