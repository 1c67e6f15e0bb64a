"""A little of the kills of either side of a recording, at every check."""

from __future__ import annotations

import pytest

from tests.faults.killed_programs import kill_often


@pytest.mark.slow
def test_either_side_can_be_killed_at_any_moment(pytestconfig: pytest.Config) -> None:
    kills = 200 if pytestconfig.getoption("--long") else 10
    assert "files that all open" in kill_often(kills)[0]
