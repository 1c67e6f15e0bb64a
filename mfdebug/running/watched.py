"""Writes the run file of a part of a program (`mfdebug.watching`), in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from mfdebug.recording.writer import RunWriter
from mfdebug.running.attached import Attached
from miniflow.errors import MiniflowError


class Watched(Attached):
    """The part of a program that its process has asked this one to write down."""

    def has_exited(self) -> bool:
        """Whether there is nothing more to write."""
        return bool(self.intake.problem) or super().has_exited()

    def _exit_message(self) -> str:
        return "the watched part has ended" if self.intake.over else "the program was killed"


def write_run(ring: str, file: Path, name: str, *, most_bytes: int, program: int) -> str:
    """Write what is recorded in a ring into a run file, until the part has ended.

    Return why recording has stopped before, or "". `program` is the process of the program. Raises
    `MiniflowError` if the file cannot be written.
    """
    writer = RunWriter(file, name=name, most_bytes=most_bytes)
    try:
        part = Watched(ring, -1, writer, program)
        part.run_freely()
        return part.intake.problem
    finally:
        writer.close()


def main(ring: str, file: str, name: str, most_bytes: str, program: str) -> int:
    """Write a run file; return the exit status."""
    try:
        problem = write_run(
            ring, Path(file), name, most_bytes=int(most_bytes), program=int(program)
        )
        if problem:
            sys.stderr.write(
                f"mfdebug: recording stopped: {problem}; the passes before are in {file}\n"
            )
    except MiniflowError as error:
        sys.stderr.write(f"mfdebug: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
