"""PyTorch's functions in the words of our ops, a family of functions a file."""

from mfdebug.recording.functions import (
    activations,
    costs,
    elementwise,
    linear,
    multihead,
    norms,
    recurrent,
    reductions,
    shapes,
    windows,
)
from mfdebug.recording.functions.calls import call_of

__all__ = [
    "activations",
    "call_of",
    "costs",
    "elementwise",
    "linear",
    "multihead",
    "norms",
    "recurrent",
    "reductions",
    "shapes",
    "windows",
]
