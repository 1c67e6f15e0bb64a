"""What is said of passes that were not kept whole, when a stop is searched in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mfdebug.core.explain.report import report
from mfdebug.core.session.session import Session
from mfdebug.opening.runs import open_run
from tests.recording.runs import SQUARE, Recording, square


def run_with(folder: Path, kept: str) -> Session:
    """Return a session on a run of which the passes marked w were kept whole; NaN in the last."""
    with Recording(folder / "run.mfrun") as recording:
        for i, mark in enumerate(kept):
            values = square(float(i), np.nan if i == len(kept) - 1 else 2.0)
            if mark == "w":
                recording.add(SQUARE, *values)
            else:
                small = [value for value in values if value[0] == "v"]
                recording.add(SQUARE, *small, whole=False)
    return open_run(str(folder / "run.mfrun"))


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ("wwww", ""),
        ("w--w", "2 passes on the way were not kept whole: only the cost and small inputs "),
        ("ww-w", "a pass on the way was not kept whole: only the cost and small inputs "),
    ],
)
def test_a_search_says_which_passes_it_could_not_look_into(
    tmp_path: Path, kept: str, words: str
) -> None:
    session = run_with(tmp_path, kept)
    session.run("break nan")
    reply = session.run("continue")
    assert session.debugger.sgd_step == 3
    assert reply.stopped.startswith("stop 1: nan: ")
    assert words in reply.stopped
    assert ("not kept whole" in reply.stopped) == bool(words)
    session.run("goto start")
    session.run("delete 1")
    session.run("break y if y > 5")
    reply = session.run("continue")
    assert reply.stopped.startswith("no stop was met; end of the run")
    # Once, not as a line of its own, too.
    assert reply.text.count("end of the run") == 1
    assert ("not kept whole" in reply.stopped) == bool(words)


def test_the_shape_of_what_is_not_kept_is_not_known(tmp_path: Path) -> None:
    x, y = np.ones((2, 3)), np.full((2, 3), 2.0)
    with Recording(tmp_path / "run.mfrun") as recording:
        for i in range(5):
            values = square(x, y)
            # All but the last have x alone.
            recording.add(SQUARE, *(values if i == 4 else values[:1]), whole=i == 4)
    session = open_run(str(tmp_path / "run.mfrun"))
    debugger = session.debugger
    for step, shapes in ((1, ["2x3", "?", "?"]), (4, ["2x3", "2x3", "()"])):
        session.run(f"goto sgd {step}")
        assert [debugger.state.shape_text(node) for node in range(3)] == shapes
        assert [report(debugger, node).shape for node in range(3)] == shapes
