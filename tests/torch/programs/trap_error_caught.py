"""Errors forward and backward that the program catches, and goes on."""

import traceback

import torch
from torch import nn


class Fails(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        raise ValueError("no gradient today")


torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(6):
    optimizer.zero_grad()
    try:
        loss = model(torch.randn(2, 4 if step == 1 else 3)).pow(2).mean()
        if step == 3:
            loss = Fails.apply(loss)
        loss.backward()
        if step == 4:
            loss.backward()
        optimizer.step()
    except (RuntimeError, ValueError) as error:
        print(step, type(error).__name__, str(error).split("\n")[0])
        print(traceback.format_exc())
        print(len(traceback.extract_tb(error.__traceback__)))
    else:
        print(step, loss.item())
