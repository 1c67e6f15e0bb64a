"""Results and views are written to in place."""

import torch

torch.manual_seed(0)
w = torch.randn(4, 3, requires_grad=True)
x = torch.randn(5, 4)
for step in range(4):
    h = x @ w
    alias = h
    alias.mul_(1.5)
    row = h[0]
    row.mul_(2)
    h.requires_grad_()
    h[1:3] = h[1:3] * 0.5
    h[4].zero_()
    view = h.view(-1)
    view.add_(1)
    out = torch.zeros(5, 3)
    out[:, 0] = h[:, 0]
    out[:, 1:].copy_(h[:, 1:] + h[:, :1])
    out += 1
    flat = h.t().reshape(-1)
    both = out.sum() + (h * 2).sum() + flat[::2].sum() + row.sum()
    both.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
        w.grad.zero_()
    print(both.item())
