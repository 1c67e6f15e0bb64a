"""Finds gradients that an update has used and to which the next backward pass has added.

This is what a forgotten `zero_grad()` does. Gradients that are accumulated over passes before an
update are none of them, nor is one to which passes add that is cleared before its next update.
"""

from __future__ import annotations

import numpy as np

from mfdebug.recording.op_rule import is_close
from mfdebug.recording.plan import RecordedPlan
from miniflow.ops.base import Array

# Passes before an update over which gradients are accumulated, at most.
MOST_PASSES = 64


def used_in(plan: RecordedPlan, step: int, node: int) -> int | None:
    """Return the pass of the line whose update has used what is still in an input's gradient.

    None if there is none, or if that is not known: a pass before this one was not kept whole.
    """
    for number in range(step, max(step - MOST_PASSES, 0), -1):
        later, earlier = plan.pass_of(number), plan.pass_of(number - 1)
        if later is None or earlier is None:
            return None
        more = later.besides(node)
        now, before = later.own(node), _left_by(plan, number - 1, node)
        if more is None or now is None or before is None or before.shape != now.shape:
            return None
        # What was added to it is smaller than rounding if the two differ by nothing more.
        if not before.any() or not is_close(before + (now - more), now):
            return None
        if _is_updated_after(plan, number - 1, node):
            return number - 1
    return None


def _left_by(plan: RecordedPlan, step: int, node: int) -> Array | None:
    """Return an input's gradient after a pass and the optimizers' steps that followed."""
    found, run = plan.pass_of(step), plan.recorded_run
    for made in reversed(run.optimizer_steps(run.steps(plan.line)[step])):
        # As when it is clipped.
        if (changed := made.arrays.get((node, "gradient"))) is not None:
            return changed
    return None if found is None else found.gradient(node, plan.timeline.length)


def _is_updated_after(plan: RecordedPlan, step: int, node: int) -> bool:
    """Whether the program has updated an input between a pass and the next one of its line."""
    run, passes = plan.recorded_run, plan.recorded_run.steps(plan.line)
    if any(node in made.settings for made in run.optimizer_steps(passes[step])):
        return True
    before, after = run.inputs(passes[step]).get(node), run.inputs(passes[step + 1]).get(node)
    if before is None or after is None or before.shape != after.shape:
        return False
    return not np.array_equal(before, after, equal_nan=True)
