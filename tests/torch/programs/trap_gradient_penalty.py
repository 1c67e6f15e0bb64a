"""A penalty on gradients: the graph of backward is itself gone back through."""

import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
for step in range(4):
    real, fake = torch.randn(6, 2), torch.rand(6, 2)
    mix = torch.rand(6, 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    score = critic(between)
    (slope,) = torch.autograd.grad(
        outputs=score, inputs=between, grad_outputs=torch.ones_like(score), create_graph=True
    )
    penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
    loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), penalty.item())
