"""A record whose numbers do not fit each other never makes a traceback."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.recording.debugger import RecordedLines
from miniflow.errors import MiniflowError
from miniflow.ops.base import Array
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS
from tests.support.sizes import quick, some

SHAPES = [(), (1,), (3,), (0,), (2, 1), (2, 3), (1, 1, 1)]
TYPES = ["f8", "f4", "i8", "u1", "?", "i2"]


def odd_array(draw: random.Random) -> Array:
    array = np.full(draw.choice(SHAPES), draw.choice([0.0, 1.5, 200.0, np.nan, np.inf, -1e300]))
    with np.errstate(all="ignore"):
        return (
            np.nan_to_num(array, nan=3.0, posinf=4.0).astype(draw.choice(TYPES))
            if (draw.random() < 0.5)
            else array
        )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", quick(some(range(60), 20), 7))
def test_numbers_that_do_not_fit_never_end_the_debugger(seed: int) -> None:
    draw = random.Random(seed)
    name = draw.choice(sorted(PROGRAMS))
    run = MemoryRun(name, PROGRAMS[name], to_the_end=True)
    for seen in run.seen:
        held = (seen.values, seen.sent, seen.own, seen.began, seen.end, seen.changed)
        for arrays in held:
            for key in list(arrays):
                chance = draw.random()
                if chance < 0.15:
                    arrays[key] = odd_array(draw)  # type: ignore[index]
                elif chance < 0.2:
                    del arrays[key]  # type: ignore[arg-type]
    session = open_session(RecordedLines(run).debugger(0))
    session.debugger.cursor.go(0)
    names = [node.label for node in session.debugger.graph.nodes]
    session.run("break health")
    for _ in range(120):
        node = draw.choice(names)
        line = draw.choice(
            [
                "step", "step", "step", "step", "back", "sgd", "explain", "check", "continue",
                "reverse-continue", f"check {node}", f"why {node}", f"why grad {node}",
                f"print {node}", f"print {node}.grad", f"watch {node}", f"last {node}",
                f"break on-change {node}", "delete all", "diff 3", "goto 5", "quiz on", "answer 1",
                "save /dev/null", "graph 1", "find a", f"show {node}", f"until {node} backward",
            ]
        )  # fmt: skip
        with contextlib.suppress(MiniflowError):
            session.run(line)
