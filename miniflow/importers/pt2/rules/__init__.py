"""The ATen ops that are translated, a family a file, and the table with all of them."""

from miniflow.importers.pt2.rules import (
    activations,
    attention,
    comparisons,
    constants,
    costs,
    elementwise,
    linear,
    norms,
    parts,
    picks,
    recurrent,
    reductions,
    shapes,
    windows,
)
from miniflow.importers.pt2.rules.table import RULES

__all__ = [
    "RULES",
    "activations",
    "attention",
    "comparisons",
    "constants",
    "costs",
    "elementwise",
    "linear",
    "norms",
    "parts",
    "picks",
    "recurrent",
    "reductions",
    "shapes",
    "windows",
]
