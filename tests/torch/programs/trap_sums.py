"""Sums of several contributions: their order, and the sign of zero."""

import torch

torch.manual_seed(0)
a = torch.tensor([1e8, -0.0, 0.1, -3.0], requires_grad=True)
for step in range(4):
    h = a * 1
    parts = [h * 1e8, h * -1e8, h * 0.1, h * 3, -h * 0.0, h.neg() * 0]
    loss = sum(p.sum() for p in parts) + (h * h * 0).sum() + a.sum() * -0.0
    loss.backward()
    alone = torch.zeros(2, requires_grad=True)
    (alone * -0.0).sum().backward()
    print(loss.item(), a.grad.tolist(), torch.signbit(alone.grad).tolist())
    with torch.no_grad():
        a -= 1e-9 * a.grad
    a.grad = None
