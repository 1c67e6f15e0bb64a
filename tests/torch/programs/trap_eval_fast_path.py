"""Evaluation of a TransformerEncoder: torch takes a fast path, unless a mode is active."""

import torch
from torch import nn

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
encoder = nn.TransformerEncoder(layer, 2)
head = nn.Linear(8, 1)
parameters = [*encoder.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.1)
x = torch.randn(3, 5, 8)


@torch.no_grad()
def evaluate():
    return encoder(x).double().sum().item()


for step in range(3):
    encoder.train()
    loss = head(encoder(x)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    encoder.eval()
    print(repr(evaluate()))
    with torch.no_grad():
        print(repr(encoder(x).double().sum().item()))
        with torch.enable_grad():
            inner = head(encoder(x)).pow(2).mean()
            print(repr(torch.autograd.grad(inner, head.weight)[0].double().sum().item()))
        print(repr(encoder(x).double().abs().sum().item()))
    with torch.inference_mode():
        print(repr(encoder(x).double().sum().item()))
    with torch.set_grad_enabled(False):
        print(repr(encoder(x).double().sum().item()))
    torch.set_grad_enabled(False)
    print(repr(encoder(x).double().sum().item()))
    torch.set_grad_enabled(True)
    for p in parameters:
        p.requires_grad_(False)
    print(repr(encoder(x).double().sum().item()))
    for p in parameters:
        p.requires_grad_(True)
