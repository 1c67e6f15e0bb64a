"""The program has modes, hooks on saved tensors and subclasses of its own."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Count(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.names.append(getattr(function, "__name__", "?"))
        return function(*args, **(kwargs or {}))


class Logged(torch.Tensor):
    calls = []

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        Logged.calls.append(getattr(function, "__name__", "?"))
        return super().__torch_function__(function, types, args, kwargs)


torch.manual_seed(0)
model = nn.Linear(3, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
packed = []
for step in range(4):
    x = torch.randn(4, 3)
    with Count() as count, torch.autograd.detect_anomaly(check_nan=True):
        h = model(x)
        with torch.no_grad():
            h.sum()
        with torch.set_grad_enabled(True):
            loss = h.pow(2).mean()
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: (packed.append(t.shape), t)[1], lambda t: t
    ):
        loss = loss + model(x.as_subclass(Logged)).abs().sum().as_subclass(torch.Tensor)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), count.names)
print(len(packed), Logged.calls)
