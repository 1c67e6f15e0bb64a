"""Runs a program twice, recorded whole, to see whether it repeats itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfdebug.recording.reader import RunReader
from mfdebug.recording.temporary_folder import TemporaryFolder
from mfdebug.recording.writer import RunWriter
from mfdebug.running.launcher import Program, Streams
from mfdebug.running.runnable import Runnable


@contextmanager
def both_runs(
    runs: Runnable,
    arguments: Sequence[str],
    *,
    memory: int,
    streams: Streams,
    on_run: Callable[[int], object],
    on_output: Callable[[str], object] | None = None,
) -> Iterator[tuple[RunReader, RunReader]]:
    """Run a program twice, one run after the other, and give its two recorded runs.

    `memory` bounds each run file, in bytes; `on_run` is called with 0 and 1 before each run;
    `on_output` receives what the program prints, unless it inherits our streams. The files are
    removed afterwards. Raises `MiniflowError` if the program cannot be recorded.
    """
    runs.check()
    folder = TemporaryFolder()
    readers: list[RunReader] = []
    try:
        for run in range(2):
            on_run(run)
            file = folder.path / f"{run + 1}.mfrun"
            _record_whole(runs, arguments, file, memory, streams, on_output)
            readers.append(RunReader(file))
        yield readers[0], readers[1]
    finally:
        for reader in readers:
            reader.close()
        folder.close()


def _record_whole(
    runs: Runnable,
    arguments: Sequence[str],
    file: Path,
    memory: int,
    streams: Streams,
    on_output: Callable[[str], object] | None,
) -> None:
    """Run a program to its end, one pass at a time: a pass that is waited for is kept whole."""
    writer = RunWriter(file, name=runs.title, most_bytes=memory)
    try:
        program = Program(runs, arguments, writer, streams=streams, stop_at=0)
        if on_output is not None:
            program.output.on_text = on_output
        try:
            while not program.ended:
                program.run_to(program.intake.complete + 1)
        finally:
            program.kill()
    finally:
        writer.close()
