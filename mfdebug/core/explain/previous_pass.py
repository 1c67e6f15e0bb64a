"""The value or gradient that a node had one pass before the present one, read from history."""

from __future__ import annotations

from msgspec import Struct

from mfdebug.core.timeline.debugger import Debugger, Freshness
from miniflow.errors import MiniflowError
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text


class PreviousPass(Struct, frozen=True):
    """An array of a pass, and the moment that set it, or why there is none (`problem`).

    `moment` is None for a value that nothing had set.
    """

    array: Array | None = None
    moment: int | None = None
    problem: str = ""


def previous_pass(debugger: Debugger, node: int, *, gradient: bool) -> PreviousPass:
    """Return a node's value or gradient one pass before the pass of the present one.

    Of a parameter, the value before its last update. The debugger visits that pass and returns:
    this costs up to two passes.
    """
    if debugger.state.freshness(node, gradient=gradient).absent:
        word = "gradient" if gradient else "value"
        return PreviousPass(problem=f"there is no {word} to compare it with")
    moment = _moment_before(debugger, node, gradient=gradient)
    if moment is None:
        return PreviousPass(problem="no pass before this one")
    shape = debugger.plan.shapes[node]
    try:
        with debugger.visiting(moment):
            if debugger.state.freshness(node, gradient=gradient) is not Freshness.CURRENT:
                reason = debugger.state.unknown(node, gradient=gradient) or "not computed"
                return PreviousPass(problem=reason)
            state = debugger.state
            array = (state.gradient(node) if gradient else state.value(node)).copy()
            made = debugger.state.made_at(node, gradient=gradient)
    except MiniflowError as error:
        return PreviousPass(problem=str(error))
    if array.shape != shape:
        return PreviousPass(problem=f"its shape was {shape_text(array.shape)}")
    target = debugger.graph.nodes[node]
    initial = made is None and isinstance(target, Input) and target.trainable
    return PreviousPass(array, None if initial else made or moment)


def has_previous_pass(debugger: Debugger, node: int, *, gradient: bool) -> bool:
    """Whether there is a pass with which a node's value or gradient can be compared.

    It is not visited: what it had may turn out not to be known.
    """
    if debugger.state.freshness(node, gradient=gradient).absent:
        return False
    return _moment_before(debugger, node, gradient=gradient) is not None


def _moment_before(debugger: Debugger, node: int, *, gradient: bool) -> int | None:
    """Return a moment at which a node has what it had one pass before; None if there is none."""
    state, timeline = debugger.state, debugger.timeline
    target = debugger.graph.nodes[node]
    if isinstance(target, Input) and not gradient:
        if target.trainable:
            updated = state.updated_at(node)
            return None if updated is None else updated - 1
        return timeline.first_of(debugger.sgd_step - 1) if debugger.sgd_step else None
    position = timeline.position_of("backward" if gradient else "forward", node)
    stale = state.freshness(node, gradient=gradient) is Freshness.STALE
    step = debugger.sgd_step - (2 if stale else 1)
    return None if step < 0 or position is None else timeline.start_of(step) + position
