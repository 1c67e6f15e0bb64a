"""How far the rule of an optimizer's step may be from the number that the program has."""

from __future__ import annotations

import numpy as np

from mfdebug.recording.optimizers.method import method_of
from mfdebug.recording.records import OptimizerStep
from miniflow.ops.base import Array

SETTINGS = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False}


def has_a_rule(after: float) -> bool:
    """Whether a step of Adam that was recorded in a program is shown by its rule."""

    def one(number: float) -> Array:
        return np.array([number], np.float32)

    arrays = {
        "after": one(after),
        "state.step": np.array(4.0, np.float32),
        "state.exp_avg": one(-8.567273e-05),
        "state.exp_avg_sq": one(2.8353317e-10),
    }
    step = OptimizerStep(
        "Adam", True, {0: SETTINGS}, frozenset(), {(0, name): a for name, a in arrays.items()}
    )
    method = method_of([step], 0, one(-0.004516417), one(-0.000880191), None)
    assert method is not None
    return bool(method.rules)


def test_a_step_across_zero_is_rounded_as_what_it_adds() -> None:
    # Four units of the last digit of the smaller number that it leaves, two of the step.
    assert has_a_rule(0.0042404467)


def test_a_step_that_is_not_its_rules_has_none() -> None:
    assert not has_a_rule(0.00424046)
