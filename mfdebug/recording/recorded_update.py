"""The update of a recorded moment: the number before and after it, and the rule if one is known."""

from __future__ import annotations

import numpy as np

from mfdebug.core.timeline.cursor import Update
from mfdebug.core.timeline.method import Method
from mfdebug.core.timeline.timeline import Moment
from mfdebug.recording.optimizers.method import method_of
from mfdebug.recording.passes_between import passes_between
from mfdebug.recording.plan import RecordedPlan
from miniflow.ops.base import Array


def recorded_update(plan: RecordedPlan, where: Moment) -> Update | None:
    """Return the update that the plan's present moment made; `where` is its name."""
    if where.phase != "update" or where.node is None:
        return None
    found, node, step = plan.present, where.node, plan.sgd_step
    before = None if found is None else found.value(node, plan.position - where.part)
    after = plan.known_value(node)
    if before is None or after is None or before.shape != after.shape:
        return None
    after_update = plan.value(node)
    method = _method(plan, node, before)
    if method is not None:
        old = before if method.before is None else method.before
        return Update(old.astype(np.float64), after_update, method.rate, method=method)
    run, line = plan.recorded_run, plan.line
    left_out = _is_left_out(plan, step, node)
    return Update(
        before.astype(np.float64),
        after_update,
        plan.updates.of(step).rate_of(node),
        left_out=left_out,
        left_alone=step > 0 and left_out and _is_as_at_first(plan, node, after),
        between=passes_between(run, line, step, run.lines[line].nodes[node].name),
    )


def is_left_alone(plan: RecordedPlan, node: int) -> bool:
    """Whether the optimizers' steps after the last pass left it out, and it is as at first."""
    run, step = plan.recorded_run, plan.sgd_step
    if step == 0 or not _is_left_out(plan, step - 1, node):
        return False
    now = run.inputs(run.steps(plan.line)[step]).get(node)
    return now is not None and _is_as_at_first(plan, node, now)


def _is_left_out(plan: RecordedPlan, step: int, node: int) -> bool:
    """Whether optimizers' steps followed a pass, and neither these nor later ones have an input."""
    run = plan.recorded_run
    made = run.optimizer_steps(run.steps(plan.line)[step])
    return bool(made) and not any(
        node in update.settings or node in update.later for update in made
    )


def _is_as_at_first(plan: RecordedPlan, node: int, now: Array) -> bool:
    """Whether an input is as in the first pass: one that another optimizer has is not."""
    run = plan.recorded_run
    first = run.inputs(run.steps(plan.line)[0]).get(node)
    return first is not None and np.array_equal(first, now, equal_nan=True)


def _method(plan: RecordedPlan, node: int, before: Array) -> Method | None:
    """Return how an optimizer of the program updated an input after the present pass."""
    run, found = plan.recorded_run, plan.present
    number = run.steps(plan.line)[plan.sgd_step]
    steps = run.optimizer_steps(number)
    if not steps or found is None:
        return None
    later = None
    if number + 1 < len(run) and run.outline(number + 1).graph == found.outline.graph:
        later = run.inputs(number + 1).get(node)
    gradient = found.gradient(node, plan.timeline.length)
    return method_of(steps, node, before, gradient, later)
