"""Writes `trajectories.json`: 100 steps of each optimizer and setting as PyTorch makes them.

Run it where PyTorch is installed: `python tests/peers/make_trajectories.py`. The network is a layer
of 5 tanh units and a linear one, the cost their mean square error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

STEPS, RATE = 100, 0.05
# The steps after which the parameters are written.
SEEN = (10, 100)
SGD, LR = torch.optim.SGD, torch.optim.lr_scheduler


def warm(optimizer: Any, steps: int, then: Any) -> Any:
    """1/steps, 2/steps, ..., 1, and then another schedule."""
    rising = LR.LinearLR(optimizer, 1 / steps, 1.0, steps - 1)
    return LR.SequentialLR(optimizer, [rising, then], [steps])


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: SGD(p, RATE),
    "SGD with decay": lambda p: SGD(p, RATE, weight_decay=0.1),
    "Momentum": lambda p: SGD(p, RATE, momentum=0.8),
    "Momentum with decay": lambda p: SGD(p, RATE, momentum=0.8, weight_decay=0.1),
    "Nesterov": lambda p: SGD(p, RATE, momentum=0.8, nesterov=True),
    "Nesterov with decay": lambda p: SGD(p, RATE, momentum=0.8, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: torch.optim.Adam(p, RATE, (0.8, 0.99), 1e-6),
    "Adam with decay": lambda p: torch.optim.Adam(p, RATE, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, RATE, weight_decay=0.1),
    "RMSProp": lambda p: torch.optim.RMSprop(p, RATE, 0.9, 1e-6),
    "RMSProp with decay": lambda p: torch.optim.RMSprop(p, RATE, weight_decay=0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, RATE),
    "Adagrad with decay": lambda p: torch.optim.Adagrad(p, RATE, weight_decay=0.1, eps=1e-6),
}
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "step decay": lambda o: LR.StepLR(o, 30, 0.3),
    "cosine": lambda o: LR.CosineAnnealingLR(o, STEPS, RATE * 0.1),
    "warm-up": lambda o: warm(o, 20, LR.ConstantLR(o, 1.0, 1)),
    "warm-up and cosine": lambda o: warm(o, 20, LR.CosineAnnealingLR(o, 80)),
    "warm-up and step decay": lambda o: warm(o, 10, LR.StepLR(o, 25, 0.5)),
}


def clipped_norm(p: Any) -> None:
    torch.nn.utils.clip_grad_norm_(p, 0.3)


def clipped_value(p: Any) -> None:
    torch.nn.utils.clip_grad_value_(p, 0.05)


def run(
    make: Callable[[Any], Any],
    schedule: Callable[[Any], Any] | None = None,
    clip: Callable[[Any], None] | None = None,
    accumulate: int = 1,
    frozen: tuple[int, ...] = (),
) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    x, y = torch.tensor(rng.normal(size=(20, 4))), torch.tensor(rng.normal(size=(20, 2)))
    p = [torch.tensor(rng.normal(size=s), requires_grad=True) for s in ((4, 5), (5,), (5, 2), (2,))]
    for i in frozen:
        p[i].requires_grad_(False)
    optimizer = make(p)
    rates = schedule(optimizer) if schedule else None
    costs, seen = [], {}
    for step in range(1, STEPS + 1):
        cost = ((y - (torch.tanh(x @ p[0] + p[1]) @ p[2] + p[3])) ** 2).mean()
        costs.append(cost.item())
        (cost / accumulate).backward()
        if step % accumulate == 0:
            if clip:
                clip(p)
            optimizer.step()
            optimizer.zero_grad()
            if rates:
                rates.step()
        if step in SEEN:
            seen[step] = [parameter.detach().numpy().ravel().tolist() for parameter in p]
    return {"costs": costs[:: STEPS // 10], "parameters": seen}


def groups(p: Any) -> Any:
    biases = {"params": [p[1], p[3]], "lr": RATE * 0.1, "weight_decay": 0.0}
    return torch.optim.AdamW([{"params": [p[0], p[2]]}, biases], RATE, weight_decay=0.1)


def trajectories() -> dict[str, Any]:
    made = {name: run(make) for name, make in OPTIMIZERS.items()}
    made |= {name: run(OPTIMIZERS["Momentum"], schedule) for name, schedule in SCHEDULES.items()}
    for name in ("SGD", "Adam"):
        made[f"{name}, clipped by norm"] = run(OPTIMIZERS[name], clip=clipped_norm)
        made[f"{name}, clipped by value"] = run(OPTIMIZERS[name], clip=clipped_value)
    made["accumulated"] = run(OPTIMIZERS["AdamW"], accumulate=4)
    made["accumulated, clipped, scheduled"] = run(
        OPTIMIZERS["Momentum with decay"], SCHEDULES["step decay"], clipped_norm, 4
    )
    made["groups"] = run(groups)
    made["frozen"] = run(OPTIMIZERS["Momentum"], clip=clipped_norm, frozen=(0, 1))
    return {"torch": torch.__version__, "trajectories": made}


if __name__ == "__main__":
    Path(__file__).with_name("trajectories.json").write_text(json.dumps(trajectories()) + "\n")
