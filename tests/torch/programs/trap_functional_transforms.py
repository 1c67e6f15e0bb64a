"""torch.func: gradients that the engine of `backward` does not compute."""

import torch
from torch import nn
from torch.func import functional_call, grad, jacrev, vmap

torch.manual_seed(0)
model = nn.Linear(3, 1)
parameters = {name: p.detach() for name, p in model.named_parameters()}
x, y = torch.randn(6, 3), torch.randn(6, 1)


def cost(parameters, x, y):
    return (functional_call(model, parameters, (x,)) - y).pow(2).mean()


for step in range(3):
    gradients = grad(cost)(parameters, x, y)
    parameters = {name: p - 0.1 * gradients[name] for name, p in parameters.items()}
    each = vmap(grad(cost), in_dims=(None, 0, 0))(parameters, x, y)
    print(cost(parameters, x, y).item(), each["weight"].norm().item())
print(jacrev(lambda v: v.sin() * v.sum())(x[0]).sum().item())

w = torch.randn(3, requires_grad=True)
for step in range(3):
    scale = grad(lambda v: (v * v).sum())(x[step])
    loss = (w * scale).sum() ** 2 + vmap(lambda v: (v * w).sum())(x).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad = None
    print(loss.item())
