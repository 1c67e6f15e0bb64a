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


def zeroed_or_not():
    """Of nets that are trained in the same way, `bad` ones forget to set gradients to zero."""
    x = torch.randn(8, 3)

    def step(result, optimizer, clipped=()):
        (result**2).mean().backward()
        nn.utils.clip_grad_norm_(clipped, 0.01)
        optimizer.step()

    bad = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(bad.parameters(), lr=0.01)
    for _ in range(4):
        step(bad(x), optimizer)
    bad_clipped = nn.Sequential(nn.Linear(3, 1))
    optimizer = torch.optim.Adam(bad_clipped.parameters(), lr=0.01)
    for _ in range(4):
        step(bad_clipped(x), optimizer, [*bad_clipped.parameters()])
    bad_by_hand = nn.Sequential(nn.Linear(3, 1), nn.Tanh())
    for _ in range(4):
        (bad_by_hand(x) ** 2).mean().backward()
        with torch.no_grad():
            for p in bad_by_hand.parameters():
                p -= 0.01 * p.grad
    bad_accumulated = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(bad_accumulated.parameters(), lr=0.01)
    for i in range(6):
        (bad_accumulated(x * (i + 1)) ** 2).mean().backward()
        if i % 2:
            optimizer.step()

    zeroed = nn.Sequential(nn.Linear(3, 1), nn.ELU())
    optimizer = torch.optim.SGD(zeroed.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=False)
        step(zeroed(x), optimizer)
    accumulated = nn.Sequential(nn.Linear(3, 1), nn.GELU())
    optimizer = torch.optim.SGD(accumulated.parameters(), lr=0.01)
    for i in range(6):
        (accumulated(x * (i + 1)) ** 2).mean().backward()
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
    hooked = nn.Sequential(nn.Linear(3, 1), nn.SiLU())

    def double(parameter):
        parameter.grad *= 2

    for p in hooked.parameters():
        p.register_post_accumulate_grad_hook(double)
    optimizer = torch.optim.SGD(hooked.parameters(), lr=0.001)
    for _ in range(3):
        optimizer.zero_grad()
        step(hooked(x), optimizer)
    again = nn.Sequential(nn.Linear(3, 1), nn.Softplus())
    optimizer = torch.optim.LBFGS(again.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = ((again(x) - 1) ** 2).mean()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
    # As in a GAN: what `judge` gets in the passes of the other is not used.
    maker, judge = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1), nn.Hardtanh())
    first = torch.optim.Adam(maker.parameters(), lr=0.01)
    second = torch.optim.Adam(judge.parameters(), lr=0.01)
    for _ in range(3):
        judge.zero_grad()
        made = maker(torch.randn(8, 2))
        (judge(x) - 1).pow(2).mean().backward()
        judge(made.detach()).pow(2).mean().backward()
        second.step()
        maker.zero_grad()
        (judge(made) - 1).pow(2).mean().backward()
        first.step()


def by_turns():
    w = torch.ones(3, requires_grad=True)
    for i in range(6):
        ((w**3).sum() if i % 2 else torch.sin(w).mean()).backward()
        with torch.no_grad():
            w -= 0.01 * w.grad
        w.grad = None


def kept_small():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (net(torch.ones(2, 4)) - 5).square().mean().backward()
        optimizer.step()
        for p in net.parameters():
            p.data.clamp_(-0.1, 0.1)


def sparse():
    table = nn.Embedding(5, 2, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.01)
    for i in range(4):
        optimizer.zero_grad()
        table(torch.tensor([i % 3, 1, 1])).pow(3).sum().backward()
        optimizer.step()


def scheduled():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=9)
    for _ in range(3):
        optimizer.zero_grad()
        (net(torch.ones(2, 4)) - 5).square().mean().backward()
        optimizer.step()
        scheduler.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    globals()[sys.argv[1]]()
