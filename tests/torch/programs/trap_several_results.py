"""Functions with several results: split, chunk, max with a dimension, unbind, LSTM, LSTMCell."""

import torch
from torch import nn

torch.manual_seed(0)
w = torch.randn(6, 6, requires_grad=True)
lstm = nn.LSTM(6, 4)
cell = nn.LSTMCell(4, 4)
optimizer = torch.optim.SGD([w, *lstm.parameters(), *cell.parameters()], lr=0.05)
for step in range(4):
    x = torch.randn(3, 2, 6)
    h = x @ w
    first, second = h.split(3, dim=-1)
    values, where = h.max(dim=-1)
    one, two, three = h.unbind(0)
    out, (hn, cn) = lstm(h)
    hx, cx = hn[0], cn[0]
    for at in range(3):
        hx, cx = cell(out[at], (hx, cx))
    ordered, _ = torch.sort(h.flatten())
    q, r = torch.linalg.qr(w)
    loss = (first * second).sum() + values.sum() + (one - three).pow(2).sum() + hx.sum() * cx.sum()
    loss = loss + ordered[:3].sum() + r.diagonal().abs().log().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), where.sum().item())
