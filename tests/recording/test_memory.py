"""What a large pass takes in memory while it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# 32 MiB of numbers, which are there before anything is counted.
MEASURED = """
import resource, sys
from pathlib import Path
import numpy as np
from tests.recording.runs import SQUARE, Recording, square

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with Recording(Path(sys.argv[1]), 1 << 30) as recording:
    recording.add(SQUARE, *square(0.0, np.ones(1)))
    recording.writer.flush()
    large = square(1.0, np.ones(1 << 22))
    recording.add(SQUARE, *large)
    before = most()
    recording.writer.flush()
print((most() - before) // 1024)
"""


@pytest.mark.slow
def test_a_large_pass_is_written_without_a_copy_of_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "a.mfrun")]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (tmp_path / "a.mfrun").stat().st_size > 32 << 20
    assert int(told) < 24
