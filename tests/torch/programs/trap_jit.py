"""Scripted and traced functions and modules."""

import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(0)


@torch.jit.script
def gate(x, y):
    return torch.sigmoid(x) * torch.tanh(y)


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        if bool(x.sum() > 0):
            return self.linear(x).relu()
        return self.linear(x)


inner = torch.jit.script(Inner())
traced = torch.jit.trace(nn.Linear(4, 4), torch.randn(2, 4))
head = nn.Linear(4, 1)
parameters = [*inner.parameters(), *traced.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.1)
for step in range(5):
    x = torch.randn(3, 4)
    loss = head(gate(inner(x), traced(x))).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
