"""Parameters that a program's optimizers were not given: they keep the value they had at first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.recording.records import Run
from miniflow.ops.base import Array


def is_left_alone(run: Run, passes: Sequence[int], step: int, node: int, now: Array) -> bool:
    """Whether an optimizer steps after a pass, and a parameter is as in the line's first pass.

    One that another optimizer updates after other passes, as in a GAN, has changed since then. In
    the first pass itself nothing is known yet.
    """
    if step == 0 or not run.optimizer_steps(passes[step]):
        return False
    first = run.inputs(passes[0]).get(node)
    return first is not None and np.array_equal(first, now, equal_nan=True)
