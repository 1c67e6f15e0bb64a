"""When a number last changed."""

from __future__ import annotations

from typing import Literal

from mfdebug.core.breakpoints.breakpoints import Interrupted, Stops
from mfdebug.core.breakpoints.triggers import OnChange
from mfdebug.core.explain.moment_text import name_moment
from mfdebug.core.expressions.names import typed
from mfdebug.core.expressions.parser import Place
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Progress, Standing
from mfdebug.core.timeline.entry_ref import Spot
from mfdebug.core.timeline.timeline import Phase
from miniflow.node import Input


def last_change(debugger: Debugger, spot: Spot, progress: Progress | None = None) -> str:
    """Move to the moment before the present one that last changed a number; say what it did.

    The first moment that computes it counts. Raises `DebuggerError` when nothing has changed it.
    """
    now, what = debugger.moment, spot.text(debugger)
    _must_be_there(debugger, spot, what)
    stops = Stops(debugger)
    attribute: Literal["value", "grad"] = "grad" if spot.attribute == "grad" else "value"
    target = Place(debugger.graph.nodes[spot.node].label, attribute, spot.index)
    stops.add("", OnChange(target, spot.node, _places(debugger, spot), 0))
    try:
        found = stops.last_before(now, progress)
    except Interrupted:
        found = None
        debugger.move(now)
        return f"the search for the last change of {what} was not finished"
    if found is not None:
        return stops.arrive(found)[0].finding.words
    first = _first(debugger, spot)
    if 0 < first < now:
        debugger.move(first)
        return f"{what} got its first number here"
    debugger.move(now)
    hint = "it got its first number here" if first == now else "it is what it began with"
    raise DebuggerError(
        f"nothing before {name_moment(debugger, debugger.where)} changed {what}", hint=hint
    )


def _must_be_there(debugger: Debugger, spot: Spot, what: str) -> None:
    """Raise `DebuggerError` for a number that there has not been up to now."""
    node, gradient = spot.node, spot.attribute == "grad"
    standing = (debugger.gradient_standing if gradient else debugger.value_standing)(node)
    name = debugger.graph.nodes[node].label
    if standing is Standing.NONE:
        raise DebuggerError(f"{name} has no gradient: {debugger.no_gradient(node)}")
    if standing is Standing.UNKNOWN:
        raise DebuggerError(f"{what}: {debugger.unknown(node, gradient=gradient)}")
    if standing is Standing.WAITING:
        phase = "backward" if gradient else "forward"
        hint = f"run: until {typed(name)} {phase}"
        if not gradient and isinstance(debugger.graph.nodes[node], Input):
            hint = "run: step"
        raise DebuggerError(f"nothing has changed {what} yet: it is not computed", hint=hint)


def _first(debugger: Debugger, spot: Spot) -> int:
    """Return the first moment at which it has a number: 0 for a trainable."""
    target = debugger.graph.nodes[spot.node]
    if spot.attribute == "value" and isinstance(target, Input):
        return 0 if target.trainable else 1
    return debugger.timeline.place_of(_phase(spot), spot.node) or 0


def _phase(spot: Spot) -> Phase:
    return "backward" if spot.attribute == "grad" else "forward"


def _places(debugger: Debugger, spot: Spot) -> frozenset[int]:
    """Return where in an SGD step it may change: an input also by an edit, anywhere."""
    timeline = debugger.timeline
    place = timeline.place_of(_phase(spot), spot.node)
    return frozenset({place}) if place is not None else frozenset(range(1, timeline.length + 1))
