"""Data comes from forked worker processes that compute with torch."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Squares(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, i):
        x = torch.full((3,), float(i) / 16, requires_grad=True)
        (x * x).sum().backward()
        return x.detach(), x.grad.clone()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Linear(3, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(Squares(), batch_size=4, num_workers=2, multiprocessing_context="fork")
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(loss.item())
