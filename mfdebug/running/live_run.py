"""The run of a live program: read what is recorded, and run the program further on demand."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path

from mfdebug.core.timeline.cursor import DebuggerError
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import (
    Numbers,
    OptimizerStep,
    Outline,
    RecordedNode,
    ShouldStop,
    Structure,
)
from mfdebug.recording.writer import RunWriter
from mfdebug.running.debuggee import Debuggee
from mfdebug.running.intake import Sink
from miniflow.errors import FileError, MiniflowError
from miniflow.ops.base import Array

# Seconds between two looks at a program whose passes nobody reads.
POLL_SECONDS = 0.05


class LiveRun:
    """The `Run` of a program, stored in `file` or a temporary file of at most `most_bytes`.

    `start` starts the program, which then writes into the given sink. Raises `MiniflowError` if it
    cannot be started or the file cannot be written.
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
        # Whether the program runs on unwatched.
        self.detached = False
        # Reads what the program prints while nothing else does.
        self._polling: threading.Thread | None = None
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
        """Detach from the program, end it if it was started here, and close the file."""
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
        """Hold the lock while reading; raise `FileError` once the file is closed.

        When the user quits the app, its worker may still be reading the run.
        """
        with self._lock:
            if self._closed:
                raise FileError("the debugger is closed", where=self.name)
            yield self._reader

    # Reading -----------------------------------------------------------------------------------

    @property
    def ending(self) -> str:
        """Why there will be no further pass, as a message; empty while there may be one."""
        ending = self.program.ending
        if self.program.intake.problem and not self._closed:
            count = len(self)
            passes = f"{count:,} passes are" if count != 1 else "1 pass is"
            ending += f"; {passes} kept"
        return ending

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line."""
        with self._reading() as reader:
            return reader.lines

    def __len__(self) -> int:
        with self._reading() as reader:
            return len(reader)

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in order."""
        with self._reading() as reader:
            return reader.steps(line)

    def outline(self, number: int) -> Outline:
        """Return the part of a pass that is always kept."""
        with self._reading() as reader:
            return reader.outline(number)

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept."""
        with self._reading() as reader:
            return reader.numbers(number)

    def nodes(self, number: int) -> Sequence[RecordedNode]:
        """Return the nodes of a pass's line, with the settings that they have in this pass."""
        with self._reading() as reader:
            return reader.nodes(number)

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return the initial values of a pass's inputs, as far as they were kept."""
        with self._reading() as reader:
            return reader.inputs(number)

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return the next values of a pass's inputs, as far as they are known."""
        with self._reading() as reader:
            return reader.inputs_after(number)

    def others_after(self, number: int) -> Set[int]:
        """Return the keys of `inputs_after` whose values come from another graph."""
        with self._reading() as reader:
            return reader.others_after(number)

    def optimizer_steps(self, number: int) -> Sequence[OptimizerStep]:
        """Return the steps of optimizers that concern the inputs of a pass, in order."""
        with self._reading() as reader:
            return reader.optimizer_steps(number)

    def numbering(self, number: int) -> dict[int, int]:
        """Return the number in the pass's own structure of each node of the line that it has."""
        with self._reading() as reader:
            return {node: i for i, node in enumerate(reader.mapping(number)) if node >= 0}

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        """Run the program until pass `number` is complete, it ends, or `should_stop` is True.

        Raises `DebuggerError` while the program runs on unwatched.
        """
        if self.detached and not self.program.ended:
            raise DebuggerError(
                "the program runs on unwatched", hint="attach watches it again, from its next pass"
            )
        self.program.run_to(number, should_stop)
        if self.program.over and not self.program.ended and self._polling is None:
            # Its recorder has failed: it runs on, and would wait if nobody read what it prints.
            self._keep_polling(lambda: True)

    def detach(self) -> None:
        """Let the program run on unwatched; what it prints is still read."""
        if self._polling is not None:
            # That of the last time ends soon, now that the program is attached.
            self._polling.join()
        self.detached = True
        self.program.detach()
        self._keep_polling(lambda: self.detached)

    def _keep_polling(self, wanted: Callable[[], bool]) -> None:
        """Read what the program prints, in a thread, until it ends or is watched again."""

        def poll() -> None:
            # The next call reports that the file cannot be written.
            with contextlib.suppress(MiniflowError):
                while wanted() and not (self.program.ended or self._closed):
                    self.program.poll()
                    time.sleep(POLL_SECONDS)

        self._polling = threading.Thread(target=poll, name="polling", daemon=True)
        self._polling.start()

    def attach(self, should_stop: ShouldStop | None) -> int | None:
        """Watch the program again; return its next pass, None if there is none."""
        count = len(self)
        self.detached = False
        self.program.attach()
        self.program.run_to(count, should_stop)
        return count if len(self) > count else None

    @property
    def traced_at(self) -> int | None:
        """The pass at whose end the program waits because it has called `set_trace`, or None."""
        return self.program.traced_at
