"""Whole steps that are compiled: where they print and go backward, torch leaves what it compiled."""

import logging
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch._logging.set_logs(all=logging.ERROR)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def guess(x):
    print("bias", model[0].bias.tolist())
    with torch.no_grad():
        print("before", float(model(x).sum()))
    y = nn.functional.gelu(model(x))
    print("after", len(y))
    return y


@torch.compile(backend="eager")
def step(x):
    loss = (guess(x) - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@torch.compile(backend="eager")
def update():
    optimizer.step()


for _ in range(3):
    print(step(torch.randn(6, 3)).item())
for _ in range(3):
    loss = (guess(torch.randn(6, 3)) - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    update()
    print(loss.item())
