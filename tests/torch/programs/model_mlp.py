"""A multilayer perceptron on two moons, with momentum and weight decay."""

import math

import torch
from torch import nn

torch.manual_seed(0)
angle = torch.rand(64) * math.pi
side = torch.arange(64) % 2
points = torch.stack([torch.cos(angle) + side, torch.sin(angle) * (1 - 2 * side)], dim=1)
points += 0.1 * torch.randn(64, 2)

model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
criterion = nn.CrossEntropyLoss()
for epoch in range(3):
    for at in range(0, 64, 32):
        x, y = points[at : at + 32], side[at : at + 32]
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(points).argmax(1) == side).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.6f}, accuracy {right:.4f}")
