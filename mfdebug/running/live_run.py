"""A run that goes on: it is read as far as it has come, and goes on where more is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path

from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import Impatience, Numbers, Outline, Structure
from mfdebug.recording.writer import RunWriter
from mfdebug.running.debuggee import Debuggee
from mfdebug.running.intake import Sink
from miniflow.errors import FileError
from miniflow.ops.base import Array


class LiveRun:
    """The run of a program, kept in `file`, or in a temporary one of at most `most_bytes`; a `Run`.

    `start` starts the program and lets it write into the file. Raises `MiniflowError` where it
    cannot be started, or the file not be written.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[Sink], Debuggee],
        *,
        file: Path | None = None,
        most_bytes: int,
    ) -> None:
        self.name = name
        self._lock = threading.RLock()
        self._closed = False
        self._writer = RunWriter(file, name=name, most_bytes=most_bytes)
        try:
            self._reader = RunReader(self._writer.path, live=True, late=self._writer.late_body)
            try:
                self.program = start(self._writer)
            except BaseException:
                self._reader.close()
                raise
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Leave the program, end it if it was started here, and close the file."""
        try:
            self.program.kill()
        finally:
            self.program.close()
            with self._lock:
                self._closed = True
                self._reader.close()
                self._writer.close()

    @contextmanager
    def _reading(self) -> Iterator[RunReader]:
        """Read within; raise `FileError` once the file is closed.

        The app is left while its worker may still look at the run.
        """
        with self._lock:
            if self._closed:
                raise FileError("the debugger is left", where=self.name)
            yield self._reader

    # What is known -----------------------------------------------------------------------------

    @property
    def ending(self) -> str:
        """Why there will be no further pass, in words; empty while there may be."""
        return self.program.ending

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line."""
        with self._reading() as reader:
            return reader.lines

    def __len__(self) -> int:
        with self._reading() as reader:
            return len(reader)

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in their order."""
        with self._reading() as reader:
            return reader.steps(line)

    def outline(self, number: int) -> Outline:
        """Return what is always kept of a pass."""
        with self._reading() as reader:
            return reader.outline(number)

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept."""
        with self._reading() as reader:
            return reader.numbers(number)

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass began with, as far as it was kept."""
        with self._reading() as reader:
            return reader.inputs(number)

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass held next, as far as that is known."""
        with self._reading() as reader:
            return reader.inputs_after(number)

    def others_after(self, number: int) -> Set[int]:
        """Return which of `inputs_after` are another graph's."""
        with self._reading() as reader:
            return reader.others_after(number)

    def places(self, number: int) -> dict[int, int]:
        """Return the number that each node of the line has in a pass itself, where it is there."""
        with self._reading() as reader:
            return {one: i for i, one in enumerate(reader.mapping(number)) if one >= 0}

    def go_on(self, number: int, impatience: Impatience | None = None) -> None:
        """Let the program run until pass `number` is complete, or it ends, or none will wait."""
        self.program.go_on(number, impatience)

    @property
    def traced_at(self) -> int | None:
        """The pass at whose end the program waits because it has called `set_trace`."""
        return self.program.traced_at
