"""Several threads train, each a model of its own, beside the main one."""

import threading

import torch
from torch import nn

torch.manual_seed(0)
models = [nn.Linear(3, 1) for _ in range(3)]
batches = torch.randn(4, 5, 3)
results = {}


def train(number):
    optimizer = torch.optim.SGD(models[number].parameters(), lr=0.1)
    for x in batches:
        loss = models[number](x).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    results[number] = loss.item()


threads = [threading.Thread(target=train, args=(i,)) for i in range(2)]
for thread in threads:
    thread.start()
train(2)
for thread in threads:
    thread.join()
print(sorted(results.items()))
