"""Trains small nets by every optimizer of `CASES`, and notes what each step did to the weights.

A case is an optimizer and its settings, and the dtype; each has `PASSES` passes.
"""

import sys

import numpy as np
import torch

optim = torch.optim
PASSES = 3
CASES = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "foreach": True}),
    (optim.SGD, {"lr": 0.1, "maximize": True, "weight_decay": 0.1, "foreach": False}),
    (optim.Adam, {"lr": 0.01}),
    (optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "foreach": True}),
    (optim.Adam, {"lr": 0.01, "amsgrad": True, "foreach": False}),
    (optim.AdamW, {"lr": 0.01}),
    (optim.AdamW, {"lr": 0.01, "weight_decay": 0.0, "amsgrad": True, "foreach": True}),
    (optim.RMSprop, {"lr": 0.01, "foreach": False}),
    (optim.RMSprop, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1, "foreach": True}),
    (optim.RMSprop, {"lr": 0.01, "centered": True}),
    (optim.Adagrad, {"lr": 0.01}),
    (optim.Adagrad, {"lr": 0.01, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    (optim.Adadelta, {}),
    (optim.Adamax, {"weight_decay": 0.1}),
    (optim.NAdam, {}),
    (optim.NAdam, {"weight_decay": 0.1, "decoupled_weight_decay": True, "foreach": True}),
    (optim.RAdam, {"weight_decay": 0.1, "foreach": False}),
    (optim.RAdam, {"betas": (0.9, 0.5)}),
    (optim.ASGD, {}),
    (optim.ASGD, {"lambd": 0.1, "t0": 1, "weight_decay": 0.1, "foreach": True}),
    (optim.Rprop, {}),
    (optim.Rprop, {"etas": (0.3, 3.0), "step_sizes": (1e-3, 2e-2), "maximize": True}),
    (optim.LBFGS, {"max_iter": 2}),
]


class Sign(optim.Optimizer):
    """An optimizer of the program itself."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad.sign(), alpha=-group["lr"])


CASES.append((Sign, {"lr": 0.01}))
# Since 2.5, and since 2.9.
if hasattr(optim, "Adafactor"):
    CASES.append((optim.Adafactor, {}))
    CASES.append((optim.Adafactor, {"lr": 0.3, "d": 2.0, "weight_decay": 0.1, "foreach": True}))
if hasattr(optim, "Muon"):
    CASES.append((optim.Muon, {}))
    CASES.append((optim.Muon, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}))
# It takes matrices only.
MATRICES = getattr(optim, "Muon", None)


def train(number, kind, options, dtype, noted):
    """Train one net; note its weights before and after each step."""
    net = torch.nn.Linear(7, 3, dtype=dtype)
    optimizer = kind([net.weight] if kind is MATRICES else net.parameters(), **options)
    x, y = torch.randn(5, 7, dtype=dtype), torch.randn(5, 3, dtype=dtype)

    def closure():
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        return loss

    for step in range(1 if kind is optim.LBFGS else PASSES):
        before = net.weight.detach().numpy().copy()
        if kind is optim.LBFGS:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        noted[f"{number}.{step}"] = np.stack([before, net.weight.detach().numpy()])


if __name__ == "__main__":
    torch.manual_seed(0)
    noted: dict[str, np.ndarray] = {}
    for dtype in (torch.float32, torch.float64):
        for case, (kind, options) in enumerate(CASES):
            train(f"{case}.{dtype}", kind, options, dtype, noted)
    np.savez(sys.argv[1], **noted)
