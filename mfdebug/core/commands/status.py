"""The status line."""

from __future__ import annotations

import math

from mfdebug.core.expressions.names import word_typed
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import cost_name, is_summed


def status(debugger: Debugger) -> str:
    """Return SGD step, phase, moment, cost and learning rate in one line."""
    where = debugger.where
    if where.phase == "order":
        return f"order {where.part} of {where.parts} ∙ before the start"
    part = f" {where.part} of {where.parts}" if where.node is not None else ""
    step = f"SGD step {where.sgd_step} ∙ " if debugger.cursor.has_steps else ""
    known = debugger.graph.trains and not math.isnan(debugger.state.learning_rate)
    name = word_typed("lr", debugger.graph.by_name)
    rate = f" ∙ {name} {scalar(debugger.state.learning_rate)}" if known else ""
    return f"{step}{where.phase}{part} ∙ moment {where.number} ∙ {cost_text(debugger)}{rate}"


def cost_text(debugger: Debugger) -> str:
    """Return the cost with its name; a cost of other parameters than the current ones says so."""
    state = debugger.state
    freshness = state.cost_freshness()
    name = cost_name(debugger.graph)
    if freshness is Freshness.WAITING:
        return f"{name} not computed"
    if freshness is Freshness.UNKNOWN:
        return f"{name}: {state.unknown(debugger.graph.cost)}"
    summed = " (sum)" if is_summed(debugger) else ""
    old = f" (of SGD step {debugger.sgd_step - 1})" if freshness is Freshness.STALE else ""
    if freshness is Freshness.CURRENT and state.outdated_by(debugger.graph.cost) is not None:
        old = " (before the update)"
    return f"{name}{summed} {'' if name == 'cost' else '= '}{scalar(debugger.plan.cost())}{old}"
