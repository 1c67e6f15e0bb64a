"""What is said of passes that were not kept whole, when a stop is searched in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
