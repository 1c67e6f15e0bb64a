"""The run of a PyTorch program that ships: what is found in it, without PyTorch."""

from __future__ import annotations

import pytest

from mfdebug.opening.runs import open_run
from miniflow.errors import MiniflowError

RUN = "gpt-with-a-nan.mfrun"


def test_a_nan_is_found_where_it_is_made_and_not_where_a_function_passes_it_on() -> None:
    session = open_run(RUN)
    session.run("break nan")
    stops = []
    while (reply := session.run("continue")) and not session.debugger.cursor.at_end:
        stops.append((session.debugger.sgd_step, reply.stopped.partition(" =")[0]))
    # In step 6 the three results of a split get theirs from the function before it.
    assert stops == [
        (5, "stop 1: nan: model.blocks.0.norm1.div[0,0,0]"),
        (5, "stop 1: nan: model.blocks.0.norm2.div[0,0,0]"),
    ]


@pytest.mark.slow
def test_a_run_is_compared_with_a_run_that_ships_and_a_branch_of_it_is_not() -> None:
    session = open_run(RUN)
    assert session.run(f"diff {RUN}").text.startswith("8 passes of both runs: the same")
    session.run("step")
    session.run("branch")
    with pytest.raises(MiniflowError, match="a branch is not compared with a file"):
        session.run(f"diff {RUN}")
