"""What an edit has done to the cost: `cost 0.4868 to 0.7049`."""

from __future__ import annotations

import math

from mfdebug.core.format.numbers import distinct_texts
from mfdebug.core.timeline.debugger import Debugger, Edit, Freshness
from mfdebug.core.timeline.entry_ref import descended_name


def computed_cost(debugger: Debugger) -> float | None:
    """Return the cost, or None if the present SGD step has not computed it yet."""
    computed = debugger.state.cost_freshness() is Freshness.CURRENT
    return debugger.plan.cost() if computed else None


def cost_change(debugger: Debugger, before: float | None, edit: Edit) -> str:
    """Return what an edit that was just made or reverted has done to the cost, or "".

    It has done nothing to a cost that was computed before the edit takes effect; nothing is known
    where the cost is not computed at the present moment.
    """
    after = computed_cost(debugger)
    computed_at = debugger.state.written_at(debugger.graph.cost)
    if before is None or after is None or computed_at is None or edit.after >= computed_at:
        return ""
    name = descended_name(debugger)
    old, new = distinct_texts([before, after])
    if before == after or (math.isnan(before) and math.isnan(after)):
        # A learning rate does nothing before the first update with it.
        return "" if edit.node is None else f"{name} still {new}"
    return f"{name} {old} to {new}"
