"""Records a program's run in a file, without the debugger and without a screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mfdebug.recording.writer import RunWriter
from mfdebug.running.launcher import Program
from mfdebug.running.runnable import Runnable


def record(
    runs: Runnable, arguments: Sequence[str], file: Path, *, most_bytes: int, every: int = 0
) -> int:
    """Run a program to its end, record it in a file, and return its exit status.

    If recording stops before, because of an error of the recorder, that is written to stderr, and
    the status is 1 at least.

    Every `every`-th pass is kept whole, and the cost of each; 0 means as many as there is time for.

    Raises `EndedBySignal` if a signal kills it, `MiniflowError` if it cannot be recorded.
    """
    runs.check()
    writer = RunWriter(file, name=runs.title, most_bytes=most_bytes)
    try:
        program = Program(runs, arguments, writer, streams="inherited", every=every)
        try:
            status = program.run_to_end()
        finally:
            program.kill()
    finally:
        writer.close()
    if program.intake.problem:
        sys.stderr.write(f"mfdebug: {program.ending}; the passes before are in {file}\n")
        return status or 1
    return status
