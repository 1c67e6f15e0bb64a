"""Records a program's run in a file, without a screen and without the debugger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mfdebug.recording.writer import RunWriter
from mfdebug.running.launcher import Program, check_program


def record(name: str, arguments: Sequence[str], file: Path, *, most_bytes: int) -> int:
    """Run a program to its end, recorded in a file, and return its status.

    Raises `EndedBySignal` where a signal ends it, `MiniflowError` where it cannot be recorded.
    """
    check_program(name)
    writer = RunWriter(file, name=Path(name).stem, most_bytes=most_bytes)
    try:
        program = Program(name, arguments, writer, streams="inherited")
        try:
            return program.wait_and_repeat()
        finally:
            program.kill()
    finally:
        writer.close()
