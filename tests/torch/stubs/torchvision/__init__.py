"""As much of torchvision as public training scripts use, with drawn data."""

import torch

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]

# One of the scripts draws numbers without a seed.
torch.manual_seed(0)
