"""Backward starts from tensors of several numbers, and from several tensors."""

import torch

torch.manual_seed(0)
w = torch.randn(3, 3, requires_grad=True)
for step in range(4):
    x = torch.randn(2, 3)
    y = x @ w
    z = y.tanh()
    if step == 0:
        z.backward(torch.tensor([[1.0, 2.0, 3.0], [0.5, -0.0, -1.0]]))
    elif step == 1:
        torch.autograd.backward([y, z], [torch.ones(2, 3), torch.full((2, 3), 0.25)])
    elif step == 2:
        torch.autograd.backward([z.sum(), y.pow(2).sum()])
    else:
        z.sum().backward(gradient=torch.tensor(2.0), inputs=[w])
    print(z.sum().item(), w.grad.sum().item())
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad.zero_()
