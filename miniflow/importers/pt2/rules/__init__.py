"""The ATen ops that are translated, a family a file, and the table with all of them."""

from miniflow.importers.pt2.rules import (
    attention,
    comparisons,
    constants,
    costs,
    elementwise,
    linear,
    norms,
    picks,
    recurrent,
    reductions,
    shapes,
    windows,
)
from miniflow.importers.pt2.rules.table import RULES

__all__ = [
    "RULES",
    "attention",
    "comparisons",
    "constants",
    "costs",
    "elementwise",
    "linear",
    "norms",
    "picks",
    "recurrent",
    "reductions",
    "shapes",
    "windows",
]
