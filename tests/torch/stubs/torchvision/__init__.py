"""As much of torchvision as public training scripts use, with drawn data."""

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]
