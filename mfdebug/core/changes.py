"""When a number last changed."""

from __future__ import annotations

from typing import Literal

from mfdebug.core.commands.places import typed
from mfdebug.core.debugger import Debugger, DebuggerError, Progress, Standing, index_text
from mfdebug.core.explain import name_moment
from mfdebug.core.expressions import Place
from mfdebug.core.stops import Interrupted, Stops
from mfdebug.core.timeline import Phase
from mfdebug.core.triggers import OnChange
from miniflow.node import Input


def last_change(
    debugger: Debugger,
    node: int,
    attribute: Literal["value", "grad"],
    index: tuple[int, ...],
    progress: Progress | None = None,
) -> str:
    """Move to the moment before the present one that last changed a number; say what it did.

    The first moment that computes it counts. Raises `DebuggerError` when nothing has changed it.
    """
    now = debugger.moment
    name = debugger.graph.nodes[node].label
    what = f"{'∂cost/∂' if attribute == 'grad' else ''}{name}{index_text(index)}"
    _must_be_there(debugger, node, attribute, what)
    stops = Stops(debugger)
    trigger = OnChange(Place(name, attribute, index), node, _places(debugger, node, attribute), 0)
    stops.add("", trigger)
    try:
        found = stops.last_before(now, progress)
    except Interrupted:
        found = None
        debugger.move(now)
        return f"the search for the last change of {what} was not finished"
    if found is not None:
        return str(stops.arrive(found)[0].reason)
    first = _first(debugger, node, attribute)
    if 0 < first < now:
        debugger.move(first)
        return f"{what} got its first number here"
    debugger.move(now)
    hint = "it got its first number here" if first == now else "it is what it began with"
    raise DebuggerError(
        f"nothing before {name_moment(debugger, debugger.where)} changed {what}", hint=hint
    )


def _must_be_there(debugger: Debugger, node: int, attribute: str, what: str) -> None:
    """Raise `DebuggerError` for a number that there has not been up to now."""
    gradient = attribute == "grad"
    standing = (debugger.gradient_standing if gradient else debugger.value_standing)(node)
    name = debugger.graph.nodes[node].label
    if standing is Standing.NONE:
        raise DebuggerError(f"{name} has no gradient: the cost does not depend on it")
    if standing is Standing.WAITING:
        phase = "backward" if gradient else "forward"
        hint = f"run: until {typed(name)} {phase}"
        if not gradient and isinstance(debugger.graph.nodes[node], Input):
            hint = "run: step"
        raise DebuggerError(f"nothing has changed {what} yet: it is not computed", hint=hint)


def _first(debugger: Debugger, node: int, attribute: str) -> int:
    """Return the first moment at which it has a number: 0 for a trainable."""
    target = debugger.graph.nodes[node]
    if attribute == "value" and isinstance(target, Input):
        return 0 if target.trainable else 1
    phase: Phase = "backward" if attribute == "grad" else "forward"
    return debugger.timeline.place_of(phase, node) or 0


def _places(debugger: Debugger, node: int, attribute: str) -> frozenset[int]:
    """Return where in an SGD step it may change: an input also by an edit, anywhere."""
    timeline = debugger.timeline
    phase: Phase = "backward" if attribute == "grad" else "forward"
    place = timeline.place_of(phase, node)
    return frozenset({place}) if place is not None else frozenset(range(1, timeline.length + 1))
