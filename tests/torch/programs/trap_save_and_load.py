"""Models are copied, pickled, saved and loaded while they train."""

import copy
import io
import pickle

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
average = torch.optim.swa_utils.AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(5):
    loss = model(torch.randn(4, 3)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.update_parameters(model)
    if step == 1:
        held = io.BytesIO()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, held)
    if step == 2:
        held.seek(0)
        state = torch.load(held)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    if step == 3:
        model = pickle.loads(pickle.dumps(copy.deepcopy(model)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    print(loss.item())
print(next(average.parameters()).sum().item(), sorted(vars(model[0])))
