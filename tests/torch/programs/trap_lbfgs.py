"""An optimizer that calls a closure several times a step, with gradients enabled inside."""

import torch

torch.manual_seed(0)
x = torch.linspace(-2, 2, 20)
y = 0.7 * x**2 - x + 0.3
w = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.LBFGS([w], lr=0.5, max_iter=4, line_search_fn="strong_wolfe")
for step in range(2):

    def closure():
        optimizer.zero_grad()
        loss = (w[0] * x**2 + w[1] * x + w[2] - y).pow(2).mean()
        loss.backward()
        return loss

    print(optimizer.step(closure).item(), w.tolist())
