"""Writes the run file of a part of a program (`mfdebug.watching`), in a process of its own."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mfdebug.recording.writer import RunWriter
from mfdebug.running.attached import Attached
from mfdebug.running.debuggee import MAX_POLL_INTERVAL, POLL_INTERVAL
from miniflow.errors import MiniflowError


class Watched(Attached):
    """The part of a program that its process has asked this one to write down."""

    def _exit_message(self) -> str:
        return "the watched part has ended" if self.intake.over else "the program was killed"


def write_run(ring: str, file: Path, name: str, *, most_bytes: int) -> None:
    """Write what is recorded in a ring into a run file, until the part has ended.

    Raises `MiniflowError` if the file cannot be written.
    """
    writer = RunWriter(file, name=name, most_bytes=most_bytes)
    try:
        part = Watched(ring, -1, writer)
        delay = POLL_INTERVAL
        while not part.ended:
            delay = POLL_INTERVAL if part.poll() else min(1.2 * delay, MAX_POLL_INTERVAL)
            time.sleep(delay)
    finally:
        writer.close()


def main(ring: str, file: str, name: str, most_bytes: str) -> int:
    """Write a run file; return the exit status."""
    try:
        write_run(ring, Path(file), name, most_bytes=int(most_bytes))
    except MiniflowError as error:
        sys.stderr.write(f"mfdebug: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
