"""What has to be said beside a landscape: whose batch, which draw, which part of the path."""

from __future__ import annotations

from mfdebug.core.landscape.landscape import View
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.engine_copy import EngineCopy
from miniflow.training.descent import SGD


def notes_of(
    debugger: Debugger,
    engine: EngineCopy,
    view: View,
    shares: tuple[float, ...],
    stride: int,
    parameters: int,
) -> tuple[str, ...]:
    """Return the notes, the most important first."""
    notes = []
    graph = debugger.graph
    batches = engine.plan.batches
    if graph.data is not None and batches is not None and batches.size < graph.data.rows:
        notes.append(
            f"the cost is that of the batch of SGD step {engine.step}: "
            f"{batches.size} of {graph.data.rows} rows"
        )
    if engine.dropped:
        notes.append(f"{engine.dropped} everywhere")
    if view.kind == "gradient" and not isinstance(graph.training.optimizer, SGD):
        name = type(graph.training.optimizer).__name__
        notes.append(f"{name} does not go along the gradient: its updates land beside this line")
    if view.kind == "entries" and len(view.entries) < parameters:
        notes.append("with the other parameters as they are now; the steps had others")
    if view.kind == "path":
        total = 100 * sum(shares)
        notes.append(
            f"{total:.3g} % of the path lies here (principal directions, Li et al. 2018); "
            "its points lie near the surface, not on it"
        )
    if stride > 1:
        notes.append(f"the path has a point for every {stride} SGD steps")
    if any(edit.lasts and edit.after <= debugger.moment for edit in debugger.edits):
        notes.append("with the overrides in force")
    return tuple(notes)
