"""Golden drawings of all shipped graphs, kept as text files that can be read and compared.

After a wanted change, write them anew with

    GOLDEN=write python -m pytest tests/core/circuit/test_golden.py

and look at each difference before it is committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.canvas import Window
from mfdebug.core.circuit.text import plain_text
from mfdebug.core.commands.status import status
from mfdebug.core.timeline.debugger import Debugger
from tests.core.circuit.graphs import SHIPPED, WRITES, shipped
from tests.support.rounding import assert_same

GOLDEN = Path(__file__).with_name("golden")
PANES = {"80": (80, 17), "120": (120, 33)}


def moments(debugger: Debugger) -> list[int]:
    """Return a moment forward, one backward, and the last update of the second SGD step."""
    timeline = debugger.timeline
    forward, backward = len(timeline.forward), len(timeline.backward)
    found = [1 + (forward + 1) // 2, 1 + forward + (2 * backward + 2) // 3]
    return [*found, 2 * timeline.length] if timeline.update else found


def shown(debugger: Debugger, width: int, height: int) -> str:
    circuit = Circuit(debugger.graph, debugger.plan.shapes, width, height)
    parts = [f"{circuit.plan}, {circuit.width}x{circuit.height}"]
    for moment in moments(debugger):
        debugger.move(moment)
        node = debugger.where.node
        box = None if node is None else circuit.box_of(node)
        window = Window(0, 0, width, min(height, circuit.height))
        if box is not None:
            window = circuit.scrolled_to(box, window)
        name = "" if node is None else f" {debugger.graph.nodes[node].label}"
        parts += ["", f"{status(debugger)}:{name}", plain_text(circuit.draw(debugger, window))]
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("pane", PANES)
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_graph_is_drawn_as_it_was(name: str, pane: str) -> None:
    text = shown(shipped(name), *PANES[pane])
    path = GOLDEN / f"{name}-{pane}.txt"
    if WRITES:
        path.write_text(text, encoding="utf-8")
    assert_same(text, path.read_text(encoding="utf-8"))
