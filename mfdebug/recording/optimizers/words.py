"""An optimizer in words: its name, and the settings that are not the usual ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mfdebug.core.format.numbers import scalar

# Settings of how a step is computed, not of what it computes, and what the name says already.
_HIDDEN = {
    "capturable",
    "decoupled_weight_decay",
    "differentiable",
    "foreach",
    "fused",
    "initial_lr",
    "initial_accumulator_value",
    "line_search_fn",
    "history_size",
    "max_eval",
    "max_iter",
    "tolerance_change",
    "tolerance_grad",
}
# The usual values of others.
_USUAL: Mapping[str, tuple[Any, ...]] = {
    "alpha": (0.99, 0.75),
    "betas": ((0.9, 0.999),),
    "beta2_decay": (-0.8,),
    "d": (1,),
    "eps": (1e-8, 1e-10, 1e-7, 1e-6),
    "etas": ((0.5, 1.2),),
    "lambd": (1e-4,),
    "momentum_decay": (4e-3,),
    "ns_coefficients": ((3.4445, -4.775, 2.0315),),
    "ns_steps": (5,),
    "rho": (0.9,),
    "step_sizes": ((1e-6, 50),),
    "t0": (1e6,),
}
# Settings shown at most.
_MOST = 6


def in_words(optimizer: str, settings: Mapping[str, Any]) -> str:
    """Return `AdamW (lr 0.01, weight decay 0.01)`."""
    shown = [
        words
        for name, value in settings.items()
        if name not in _HIDDEN and value not in _USUAL.get(name, ()) and (words := _of(name, value))
    ]
    return f"{optimizer} ({', '.join(shown[:_MOST])})" if shown else optimizer


def _of(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if value is True:
        return words
    if isinstance(value, tuple) and value and all(map(_is_number, value)):
        return f"{words} {' '.join(scalar(float(item)) for item in value)}"
    if _is_number(value) and (value or name == "lr"):
        return f"{words} {scalar(float(value))}"
    return ""


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False
