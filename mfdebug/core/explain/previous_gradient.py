"""The gradient that a node had one pass before the present one, read from history."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger, Freshness
from miniflow.errors import MiniflowError
from miniflow.ops.base import Array, shape_text


class PreviousGradient(Struct, frozen=True):
    """The gradient of a pass, and the moment that set it, or why there is none (`problem`)."""

    gradient: Array | None = None
    moment: int = 0
    problem: str = ""


def previous_gradient(debugger: Debugger, node: int) -> PreviousGradient:
    """Return a node's gradient one pass before the pass of its present gradient.

    The debugger visits that pass and returns: this costs up to two passes.
    """
    freshness = debugger.state.gradient_freshness(node)
    position = debugger.timeline.position_of("backward", node)
    if position is None or freshness.absent:
        return PreviousGradient(problem="there is no gradient to compare it with")
    step = debugger.sgd_step - (2 if freshness is Freshness.STALE else 1)
    if step < 0:
        return PreviousGradient(problem="no pass before this one")
    shape = debugger.plan.shapes[node]
    moment = debugger.timeline.start_of(step) + position
    try:
        with debugger.visiting(moment):
            if debugger.state.gradient_freshness(node) is not Freshness.CURRENT:
                reason = debugger.state.unknown(node, gradient=True) or "not computed"
                return PreviousGradient(problem=reason)
            gradient = debugger.state.gradient(node).copy()
    except MiniflowError as error:
        return PreviousGradient(problem=str(error))
    if gradient.shape != shape:
        return PreviousGradient(problem=f"its shape was {shape_text(gradient.shape)}")
    return PreviousGradient(gradient, moment)
