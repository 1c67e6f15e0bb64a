"""The landscape of a recorded run: its path as recorded, and no cost that was not."""

from __future__ import annotations

import numpy as np
import pytest

from mfdebug.core.answers.subject import find_subject
from mfdebug.core.landscape.drawing import draw
from mfdebug.core.landscape.landscape import Landscape
from mfdebug.core.landscape.survey import Surveyor
from mfdebug.core.landscape.views import view_named
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.recording.debugger import RecordedLines
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS


def adam(steps: int, *, kept: int = 1 << 30) -> Debugger:
    run = MemoryRun("adam", PROGRAMS["adam"], kept=lambda n: n < kept, to_the_end=True)
    debugger = RecordedLines(run).debugger(0)
    debugger.cursor.go(debugger.timeline.first_of(steps))
    return debugger


def surveyed(debugger: Debugger, text: str) -> Landscape:
    moment, costs = debugger.moment, debugger.cursor.costs[:]
    *_, last = Surveyor(debugger).survey(view_named(debugger, text))
    assert isinstance(last, Landscape)
    assert (debugger.moment, debugger.cursor.costs) == (moment, costs)
    return last


def test_only_the_path_is_shown_and_it_is_what_was_recorded() -> None:
    debugger = adam(3)
    node = debugger.graph.trainables[0]
    label = debugger.graph.nodes[node].label
    index = "" if debugger.plan.value(node).size == 1 else str([0] * debugger.plan.value(node).ndim)
    found = surveyed(debugger, f"{label}{index.replace(' ', '')}")
    assert found.costs is None
    assert found.landings == ()
    assert [mark.step for mark in found.path] == [0, 1, 2, 3]
    for mark in found.path:
        with debugger.visiting(debugger.timeline.first_of(mark.step)):
            assert mark.at == (float(np.ravel(debugger.state.value(node))[0]),)
    assert "a program is not run again" in draw(found, 60, 14).text()


def test_what_is_computed_again_is_refused() -> None:
    debugger = adam(2)
    with pytest.raises(DebuggerError, match="a program is not run again"):
        view_named(debugger, "gradient")
    with pytest.raises(DebuggerError, match="a program is not run again"):
        find_subject(debugger, "")
