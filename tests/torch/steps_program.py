"""Loops in which a step is not simply the end of a pass; each is a function, named in `LOOPS`."""

import sys

import torch
from torch import nn


def clipped():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (net(torch.ones(2, 4)) ** 2).mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.01)
        optimizer.step()


def accumulated():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        for part in range(3):
            (net(torch.full((2, 4), float(part))) ** 2).mean().backward()
        optimizer.step()


def adversaries():
    one, other = nn.Linear(4, 4), nn.Linear(4, 1)
    first = torch.optim.Adam(one.parameters(), lr=0.01)
    second = torch.optim.SGD(other.parameters(), lr=0.1)
    for _ in range(2):
        second.zero_grad()
        other(torch.ones(2, 4)).mean().backward()
        other(one(torch.ones(2, 4)).detach()).exp().mean().backward()
        second.step()
        first.zero_grad()
        other(one(torch.ones(2, 4))).sum().backward()
        first.step()


def groups():
    net = nn.Linear(4, 1)
    rates = [{"params": [net.weight], "lr": 0.1}, {"params": [net.bias], "lr": 0.2}]
    optimizer = torch.optim.SGD(rates, lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        (net(torch.ones(2, 4)) ** 2).mean().backward()
        optimizer.step()


def by_hand():
    w = torch.arange(1.0, 5.0, requires_grad=True)
    for _ in range(2):
        (w**3).sum().backward()
        with torch.no_grad():
            w -= 0.01 * w.grad.sign()
        w.grad = None


def left_out():
    net, kept = nn.Linear(4, 1), nn.Linear(4, 4)
    by_hand = torch.ones(4, requires_grad=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        (net(kept(torch.ones(2, 4) * by_hand)) ** 2).mean().backward()
        optimizer.step()
        with torch.no_grad():
            by_hand -= 0.01 * by_hand.grad.sign()


def kept_small():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (net(torch.ones(2, 4)) - 5).square().mean().backward()
        optimizer.step()
        for p in net.parameters():
            p.data.clamp_(-0.1, 0.1)


if __name__ == "__main__":
    torch.manual_seed(0)
    globals()[sys.argv[1]]()
