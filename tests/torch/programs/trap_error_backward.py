"""Backward fails: what it needs was overwritten."""

import torch

torch.manual_seed(0)
w = torch.randn(3, requires_grad=True)
for step in range(4):
    h = (w * 2).exp()
    loss = h.sum()
    if step == 3:
        with torch.no_grad():
            h += 1
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    print(loss.item())
