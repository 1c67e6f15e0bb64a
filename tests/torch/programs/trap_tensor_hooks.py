"""Hooks of the program on tensors change gradients."""

import torch

torch.manual_seed(0)
w = torch.randn(3, 2, requires_grad=True)
b = torch.zeros(2, requires_grad=True)
w.register_hook(lambda grad: grad.clamp(-0.5, 0.5))


def halved(p):
    p.grad.mul_(0.5)


b.register_post_accumulate_grad_hook(halved)
seen = []
for step in range(4):
    x = torch.randn(4, 3)
    h = x @ w
    h.register_hook(lambda grad: grad * 2)
    h.register_hook(lambda grad: grad.mul_(1.5) if grad.sum() > 0 else grad.mul_(-1))
    h.retain_grad()
    y = (h + b).tanh()
    y.register_hook(lambda grad: seen.append(grad.sum().item()))
    handle = y.register_hook(lambda grad: grad * 100)
    handle.remove()
    y.grad_fn.register_prehook(lambda grads: (grads[0] + 0.001,))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append(len(inputs)))
    loss = y.pow(2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
    print(loss.item(), h.grad.sum().item(), w.grad.sum().item(), b.grad.sum().item())
    w.grad = b.grad = None
print(seen)
