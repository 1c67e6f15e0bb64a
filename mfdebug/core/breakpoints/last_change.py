"""Finds the moment at which a number last changed."""

from __future__ import annotations

from typing import Literal

from mfdebug.core.breakpoints.breakpoints import Interrupted, Stops
from mfdebug.core.breakpoints.triggers import OnChange
from mfdebug.core.explain.names import name_moment
from mfdebug.core.expressions.names import typed
from mfdebug.core.expressions.parser import NodeRef
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Freshness, Progress
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.core.timeline.timeline import Phase
from miniflow.node import Input


def last_change(debugger: Debugger, ref: EntryRef, progress: Progress | None = None) -> str:
    """Move to the last moment before the present one that changed a number; return what it did.

    The first moment that computes it counts as a change. Raises `DebuggerError` if there is none.
    """
    now, what = debugger.moment, ref.text(debugger)
    _check_exists(debugger, ref, what)
    stops = Stops(debugger)
    attribute: Literal["value", "grad"] = "grad" if ref.attribute == "grad" else "value"
    target = NodeRef(debugger.graph.nodes[ref.node].label, attribute, ref.index)
    stops.add("", OnChange(target, ref.node, _positions(debugger, ref), 0))
    try:
        found = stops.last_before(now, progress)
    except Interrupted:
        found = None
        debugger.move(now)
        return f"the search for the last change of {what} was not finished"
    if found is not None:
        return stops.arrive(found)[0].finding.words
    first = _first(debugger, ref)
    if 0 < first < now:
        debugger.move(first)
        return f"{what} was first computed here"
    debugger.move(now)
    hint = "it was first computed here" if first == now else "it has its initial value"
    raise DebuggerError(
        f"nothing before {name_moment(debugger, debugger.where)} changed {what}", hint=hint
    )


def _check_exists(debugger: Debugger, ref: EntryRef, what: str) -> None:
    """Raise `DebuggerError` if the number has not been computed up to now."""
    state = debugger.state
    node, gradient = ref.node, ref.attribute == "grad"
    freshness = state.freshness(node, gradient=gradient)
    name = debugger.graph.nodes[node].label
    if freshness is Freshness.NONE:
        raise DebuggerError(f"{name} has no gradient: {state.no_gradient(node)}")
    if freshness is Freshness.UNKNOWN:
        raise DebuggerError(f"{what}: {state.unknown(node, gradient=gradient)}")
    if freshness is Freshness.WAITING:
        phase = "backward" if gradient else "forward"
        hint = f"run: until {typed(name)} {phase}"
        if not gradient and isinstance(debugger.graph.nodes[node], Input):
            hint = "run: step"
        raise DebuggerError(f"nothing has changed {what} yet: it is not computed", hint=hint)


def _first(debugger: Debugger, ref: EntryRef) -> int:
    """Return the first moment at which the entry has a number: 0 for a trainable."""
    target = debugger.graph.nodes[ref.node]
    if ref.attribute == "value" and isinstance(target, Input):
        return 0 if target.trainable else 1
    return debugger.timeline.position_of(_phase(ref), ref.node) or 0


def _phase(ref: EntryRef) -> Phase:
    return "backward" if ref.attribute == "grad" else "forward"


def _positions(debugger: Debugger, ref: EntryRef) -> frozenset[int]:
    """Return the positions in an SGD step at which it may change: any for an input (edits)."""
    timeline = debugger.timeline
    position = timeline.position_of(_phase(ref), ref.node)
    return (
        frozenset({position}) if position is not None else frozenset(range(1, timeline.length + 1))
    )
