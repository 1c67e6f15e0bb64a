"""Where the cursor is, in one line."""

from __future__ import annotations

from mfdebug.core.debugger import Debugger, Standing
from mfdebug.core.numbers import scalar


def status(debugger: Debugger) -> str:
    """Return the status in one line: SGD step, phase, moment, cost, learning rate."""
    where = debugger.where
    part = f" {where.part} of {where.parts}" if where.node is not None else ""
    rate = f" ∙ lr {scalar(debugger.learning_rate)}" if debugger.graph.trains else ""
    return (
        f"SGD step {where.sgd_step} ∙ {where.phase}{part} ∙ moment {where.number} ∙ "
        f"{cost_text(debugger)}{rate}"
    )


def cost_text(debugger: Debugger) -> str:
    """Return the cost in words; one of an earlier pass says so."""
    standing = debugger.cost_standing()
    if standing is Standing.WAITING:
        return "cost not computed"
    shape = debugger.plan.shapes[debugger.graph.cost]
    summed = " (sum)" if shape else ""
    old = f" (of SGD step {debugger.sgd_step - 1})" if standing is Standing.STALE else ""
    return f"cost{summed} {scalar(debugger.plan.cost())}{old}"
