"""Records a program's run in a file, without the debugger and without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mfdebug.recording.writer import RunWriter
from mfdebug.running.launcher import Program, check_program


def record(
    name: str, arguments: Sequence[str], file: Path, *, most_bytes: int, every: int = 0
) -> int:
    """Run a program to its end, record it in a file, and return its exit status.

    Every `every`-th pass is kept whole, and the cost of each; 0 means as many as there is time for.

    Raises `EndedBySignal` if a signal kills it, `MiniflowError` if it cannot be recorded.
    """
    check_program(name)
    writer = RunWriter(file, name=Path(name).stem, most_bytes=most_bytes)
    try:
        program = Program(name, arguments, writer, streams="inherited", every=every)
        try:
            return program.run_to_end()
        finally:
            program.kill()
    finally:
        writer.close()
