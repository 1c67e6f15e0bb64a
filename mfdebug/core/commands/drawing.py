"""The graph drawn at the present moment, as the reply to `draw`."""

from __future__ import annotations

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.data import circuit_data
from mfdebug.core.circuit.drawing.canvas import Run
from mfdebug.core.circuit.text import legend, plain_text
from mfdebug.core.commands.status import status
from mfdebug.core.session.reply import Reply
from mfdebug.core.timeline.debugger import Debugger


def drawn(debugger: Debugger, width: int) -> Circuit:
    """Return the graph laid out for a width, around the present moment if it is too large."""
    circuit = Circuit(debugger.graph, debugger.plan.shapes, width)
    circuit.follow(debugger.where.node)
    return circuit


def caption(debugger: Debugger, rows: list[list[Run]]) -> list[str]:
    """Return the lines that stand below a drawing: its moment, and what its signs mean."""
    return [f"{debugger.graph.name} ∙ {status(debugger)}", legend(rows)]


def draw(debugger: Debugger, width: int) -> Reply:
    """Return the drawing in `width` columns, and its data."""
    circuit = drawn(debugger, width)
    rows = circuit.draw(debugger)
    lines = [plain_text(rows), "", *caption(debugger, rows)]
    return Reply("\n".join(lines), circuit_data(circuit, debugger))
