"""A run that goes on: it is read as far as it has come, and goes on where more is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mfdebug.debuggee.launcher import Program, Streams
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import Impatience, Numbers, Outline, Structure
from mfdebug.recording.writer import RunWriter
from miniflow.ops.base import Array

# The bound of a run file, in bytes, unless another is given.
MOST_BYTES = 2 * 2**30


class LiveRun:
    """The run of a program that was started; a `Run`.

    It is kept in `file`, or in a temporary file. The program waits at the end of its first pass.
    Raises `MiniflowError` where the program cannot be started, or the file not be written.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        streams: Streams,
        file: Path | None = None,
        most_bytes: int = MOST_BYTES,
        stops: bool = True,
    ) -> None:
        self.name = Path(name).stem
        self._writer = RunWriter(file, name=self.name, most_bytes=most_bytes)
        try:
            self.program = (
                Program(name, arguments, self._writer, streams=streams, stop_at=0)
                if stops
                else Program(name, arguments, self._writer, streams=streams)
            )
            self._reader = RunReader(self._writer.path, live=True)
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """End the program, wherever it is, and close the file."""
        try:
            self.program.kill()
        finally:
            self._reader.close()
            self._writer.close()

    # What is known -----------------------------------------------------------------------------

    @property
    def ending(self) -> str:
        """Why there will be no further pass, in words; empty while there may be."""
        return self.program.ending

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line."""
        return self._reader.lines

    def __len__(self) -> int:
        return len(self._reader)

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in their order."""
        return self._reader.steps(line)

    def outline(self, number: int) -> Outline:
        """Return what is always kept of a pass."""
        return self._reader.outline(number)

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept."""
        return self._reader.numbers(number)

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass began with, as far as it was kept."""
        return self._reader.inputs(number)

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return the inputs when the next pass of its line began, or at the end of the run."""
        return self._reader.inputs_after(number)

    def places(self, number: int) -> dict[int, int]:
        """Return the number that each node of the line has in a pass itself, where it is there."""
        return {one: i for i, one in enumerate(self._reader.mapping(number)) if one >= 0}

    def go_on(self, number: int, impatience: Impatience | None = None) -> None:
        """Let the program run until pass `number` is complete, or it ends, or none will wait."""
        self.program.go_on(number, impatience)
