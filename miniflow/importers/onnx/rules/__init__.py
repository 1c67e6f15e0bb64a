"""Translations of the ops of ONNX, a family in each file; `table.py` has them by name."""

from miniflow.importers.onnx.rules import (
    activation,
    arithmetic,
    attention,
    costs,
    learning,
    moves,
    norms,
    recurrent,
    reduce,
    select,
    training,
    windows,
)
from miniflow.importers.onnx.rules.table import ANY_TYPE, RULES

__all__ = [
    "ANY_TYPE",
    "RULES",
    "activation",
    "arithmetic",
    "attention",
    "costs",
    "learning",
    "moves",
    "norms",
    "recurrent",
    "reduce",
    "select",
    "training",
    "windows",
]
