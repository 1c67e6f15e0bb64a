"""The digits that ship, as tensors, and a short training on them."""

from __future__ import annotations

import safetensors.numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.support.paths import ROOT

# They lie in the second half of the file, which no training here sees.
SHOWN = 1000


def digits() -> tuple[Tensor, Tensor]:
    """Return 1797 images, float32 [1797, 1, 8, 8] from 0 to 1, and their digits, int64 [1797]."""
    arrays = safetensors.numpy.load_file(ROOT / "graphs" / "digits.safetensors")
    images = torch.from_numpy(arrays["pixels"]).reshape(-1, 1, 8, 8)
    return images, torch.from_numpy(arrays["labels"]).long()


def train_on_digits(module: nn.Module, *, steps: int, rate: float = 0.01) -> float:
    """Train by Adam on batches of 64 of the first 1000 digits; return the accuracy on the rest."""
    images, labels = digits()
    optimizer = torch.optim.Adam(module.parameters(), rate)
    module.train()
    for _ in range(steps):
        rows = torch.randint(SHOWN, (64,))
        optimizer.zero_grad()
        functional.cross_entropy(module(images[rows]), labels[rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    module.eval()
    with torch.no_grad():
        return float((module(images[SHOWN:]).argmax(1) == labels[SHOWN:]).double().mean())


def shown(count: int) -> tuple[Tensor, Tensor]:
    """Return the first `count` images that no training has seen, and their digits."""
    images, labels = digits()
    return images[SHOWN : SHOWN + count].clone(), labels[SHOWN : SHOWN + count].clone()
