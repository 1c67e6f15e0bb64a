"""The circuit of a recorded run: what was not kept is said not to be known."""

from __future__ import annotations

import pytest

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.text import plain_text
from mfdebug.recording.debugger import RecordedLines
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS
from tests.support.sizes import some


@pytest.mark.parametrize("name", some(sorted(PROGRAMS), 12))
def test_a_recorded_run_is_drawn_at_every_moment(name: str) -> None:
    lines = RecordedLines(MemoryRun(name, PROGRAMS[name], to_the_end=True))
    for debugger in lines.all():
        circuit = Circuit(debugger.graph, debugger.plan.shapes, 80)
        end = debugger.timeline.end or 0
        for moment in range(0, end + 1, 1 + end // 12):
            debugger.cursor.go(moment)
            rows = circuit.draw(debugger)
            assert len(rows) == circuit.height
            assert all(sum(len(text) for text, _ in row) == circuit.width for row in rows)


def test_values_that_were_not_kept_are_not_known() -> None:
    run = MemoryRun("adam", PROGRAMS["adam"], kept=lambda number: number == 0, to_the_end=True)
    lines = RecordedLines(run)
    debugger = lines.debugger(0)
    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80)
    debugger.cursor.go(debugger.timeline.first_of(1) + len(debugger.timeline.forward))
    assert "?" in plain_text(circuit.draw(debugger))
    debugger.cursor.go(1 + len(debugger.timeline.forward))
    assert "?" not in plain_text(circuit.draw(debugger))
