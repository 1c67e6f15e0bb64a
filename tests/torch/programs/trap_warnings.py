"""Functions of torch that warn: each warning names a line of the program, once for each line."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.MSELoss()
for step in range(4):
    x, y = torch.randn(4, 3), torch.randn(4)
    h = model(x)
    first = F.mse_loss(h, y)
    second = F.mse_loss(h, y)
    loss = first + second + criterion(h, y) + F.l1_loss(h, y)
    loss = loss + F.softmax(h).sum() + nn.Softmax()(h).sum() + F.sigmoid(h).sum() + F.tanh(h).sum()
    optimizer.zero_grad()
    loss.backward(create_graph=step == 2)
    optimizer.step()
    print(loss.item(), h.grad, loss.grad, x.T.sum().item(), torch.randn(1, 2, 3).T.shape)
