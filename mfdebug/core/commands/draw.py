"""The command that draws the graph."""

from __future__ import annotations

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.data import circuit_data
from mfdebug.core.circuit.drawing.canvas import Run
from mfdebug.core.circuit.text import legend, plain_text
from mfdebug.core.commands.command import Argument, Command, count_of
from mfdebug.core.commands.status import status
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError

# So many columns fit into the app's dialog at 80x24.
DEFAULT_WIDTH = 64
LEAST_WIDTH, MOST_WIDTH = 20, 10_000
_USAGE = "draw [COLUMNS]"


def drawn(debugger: Debugger, width: int) -> Circuit:
    """Return the graph laid out for a width, around the present moment if it is too large."""
    circuit = Circuit(debugger.graph, debugger.plan.shapes, width)
    circuit.follow(debugger.where.node)
    return circuit


def caption(debugger: Debugger, rows: list[list[Run]]) -> list[str]:
    """Return the lines that stand below a drawing: its moment, and what its signs mean."""
    return [f"{debugger.graph.name} ∙ {status(debugger)}", legend(rows)]


def _draw(session: Session, text: str) -> Reply:
    debugger = session.debugger
    width = count_of(text, _USAGE) if text else DEFAULT_WIDTH
    if not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise DebuggerError(
            f"{width} columns: a drawing has {LEAST_WIDTH} to {MOST_WIDTH:,}",
            hint=f"usage: {_USAGE}",
        )
    circuit = drawn(debugger, width)
    rows = circuit.draw(debugger)
    lines = [plain_text(rows), "", *caption(debugger, rows)]
    return Reply("\n".join(lines), circuit_data(circuit, debugger))


DRAW = Command(
    "draw",
    _USAGE,
    "draw the graph at this moment",
    _draw,
    details="The value is above each wire, the gradient below it; the wires that carry something "
    "now are heavy. The default is 64 columns.",
    shows="text",
    argument=Argument.COUNT,
)
