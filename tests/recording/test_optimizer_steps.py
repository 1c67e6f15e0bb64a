"""Steps of optimizers in a run file: what is written is read, and shown only if it is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.commands.reply import Reply
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from mfdebug.recording.reader import RunReader
from mfdebug.recording.schema import OptimizerForm
from tests.recording.runs import Recording, node, optimizer, structure

# cost = w × x
NET = structure([node("Parameter", name="w", engine="torch", trained=True),
                 node("Tensor", name="x", engine="torch"),
                 node("mul", 0, 1, engine="torch")])  # fmt: skip
SGD = '[{"lr":0.5,"momentum":0,"dampening":0,"weight_decay":0,"nesterov":false,"maximize":false}]'
F = np.float32


def passed(recording: Recording, w: float, x: float = 2.0, **more: Any) -> int:
    return recording.add(
        NET,
        ("v", 0, -1, F(w)), ("v", 1, -1, F(x)), ("v", 2, -1, F(w * x)),
        ("s", 2, 0, F(x)),
        graph=0,
        **more,
    )  # fmt: skip


def opened(path: Path) -> RecordedDebugger:
    return RecordedLines(RunReader(path)).debugger(0)


def update(debugger: RecordedDebugger, step: int = 0) -> list[str]:
    """Return the lines of the update of `w` after a pass; none if it was not updated."""
    from mfdebug.core.explain.moment_text import explain

    cursor = debugger.cursor
    if cursor.last_position(step) < debugger.timeline.length:
        return []
    cursor.go(cursor.ends.last_moment(step))
    return [line.strip() for line in explain(debugger)[1:]]
