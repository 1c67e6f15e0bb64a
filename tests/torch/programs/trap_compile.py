"""A compiled model: dynamo must not compile what watches the program."""

import warnings

import torch
from torch import nn

torch.manual_seed(0)
frames = []


def backend(graph, examples):
    frames.append([node.name for node in graph.graph.nodes])
    return graph.forward


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        # What is compiled is left here, and `apply` is called as it is.
        warnings.warn("once", stacklevel=3)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2 * ctx.saved_tensors[0]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 8)
        self.b = nn.Linear(8, 1)

    def forward(self, x):
        h = torch.nn.functional.relu(torch.einsum("ij->ij", self.a(x)))
        with torch.no_grad():
            h.sum()
        if h.sum() > 100:
            h = h / 2
        return Square.apply(self.b(h))


model = Net()
compiled = torch.compile(model, backend=backend)


@torch.compile(backend="eager")
def cost(y):
    return (y * y).mean()


optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    loss = cost(compiled(torch.randn(5, 4)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
with torch.no_grad():
    print(compiled(torch.ones(1, 4)).item())
print(frames)
