"""Hooks on modules, forward and backward, see and change what passes."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
seen = []


def halved(module, grad_input, grad_output):
    seen.append((type(module).__name__, grad_output[0].norm().item()))
    return tuple(None if g is None else g * 0.5 for g in grad_input)


model[2].register_full_backward_hook(halved)
model[0].register_full_backward_pre_hook(lambda module, grads: (grads[0] * 3,))
model[1].register_forward_hook(lambda module, args, out: out + 0.01)
model[0].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
optimizer.register_step_post_hook(lambda *_: seen.append("step"))
for step in range(4):
    loss = model(torch.randn(5, 3)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
print(seen)
