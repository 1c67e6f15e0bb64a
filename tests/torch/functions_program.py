"""The program that calls each function of the cases, and runs backward: a pass for each call."""

import sys
import warnings

import torch
import torch.nn.functional as F  # noqa: N812, F401 - as everybody imports it, for the calls
from torch import nn  # noqa: F401

warnings.simplefilter("ignore")
torch.manual_seed(3)
dtype = getattr(torch, sys.argv[1])


def made(*shape, scale=1.0):
    return (torch.randn(shape, dtype=torch.float64) * scale).to(dtype).requires_grad_()


x, y, w, b, v, s = made(4, 6), made(4, 6), made(3, 6), made(3), made(6), made()
img, k, seq, table, q = (
    made(2, 3, 5, 6),
    made(4, 3, 3, 3),
    made(5, 2, 6),
    made(7, 3),
    made(2, 3, 4, 6),
)
if sys.argv[2] == "ties":
    # Zeros, ties and kinks.
    with torch.no_grad():
        for each in (x, y, v, seq):
            each.copy_(each.round())
p = torch.rand(4, 6, dtype=torch.float64).mul(0.9).add(0.05).to(dtype).requires_grad_()
labels = torch.tensor([1, 0, 2, 3])
mask = torch.arange(24).reshape(4, 6) % 3 == 0
tensors = [x, y, w, b, v, s, img, k, seq, table, q, p]


def inplace(x):
    h = x * 1
    h += 1
    h *= 2
    h -= x
    h /= 4
    return h


def assigned(x):
    h = x * 2
    h[0] = 1.0
    return h


with open(sys.argv[3]) as file:
    lines = file.readlines()
for line in lines:
    for each in tensors:
        each.grad = None
    out = eval(line)
    weights = torch.linspace(0.5, 1.5, out.numel(), dtype=torch.float64).reshape(out.shape)
    (out * weights.to(out.dtype)).sum().backward()
