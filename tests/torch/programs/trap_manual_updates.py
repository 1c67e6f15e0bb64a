"""Updates written out by the program."""

import torch

torch.manual_seed(0)
w1 = torch.randn(3, 5, requires_grad=True)
w2 = torch.randn(5, 1, requires_grad=True)
momentum = [torch.zeros_like(w1), torch.zeros_like(w2)]
for step in range(5):
    x = torch.randn(4, 3)
    loss = (x.mm(w1).clamp(min=0).mm(w2) - x.sum(1, keepdim=True)).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p, m in zip((w1, w2), momentum):
            m.mul_(0.9).add_(p.grad)
            p -= 0.01 * m
            p.grad.zero_()
    if step == 3:
        w2 = (w2 * 0.5).detach().requires_grad_()
        momentum[1] = torch.zeros_like(w2)
    print(loss.item())
